"""The training loop: exact resume after any kind of end, and every end's outcome."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.checkpoints import Checkpoints, DamagedCheckpoint, load_checkpoint, save_checkpoint
from bench.testing.toy import ToyConfig
from bench.testing.toy_method import Toy
from bench.testing.training import OFTEN, TINY, tiny_world, train_toy
from bench.train import TrainResult, TrainSettings, train
from datasets.errors import MissingInputError, TrainingError, UsageError

STEPS = TINY.appearance_steps + TINY.video_steps


@pytest.fixture(autouse=True)
def one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own, and one thread, so that forked children need no thread pool."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(folder / "cache"))
        train_toy(folder / "run")
    torch.set_num_threads(threads)
    return folder / "run"


def in_child(action: Callable[[], Any]) -> int:
    """Run ``action`` in a forked process; its wait status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def models(folder: Path, name: str) -> dict[str, torch.Tensor]:
    state = load_checkpoint(folder / "checkpoints" / name, needs_checksum=True)
    return {f"{n}.{k}": v for n, net in state["models"].items() for k, v in net.items()}


def assert_same(folder: Path, other: Path) -> None:
    """Same bits in ``final.pt`` and ``best.pt``, same log."""
    for name in ("final.pt", "best.pt"):
        ours, theirs = models(folder, name), models(other, name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[k], theirs[k]) for k in ours), name
    assert (folder / "train.jsonl").read_text() == (other / "train.jsonl").read_text()
    assert not list((folder / "checkpoints").glob(".tmp-*"))


def kill_at(step: int) -> Callable[[int, int, str], None]:
    def progress(done: int, total: int, what: str) -> None:
        if what == "train" and done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


# -- a whole run -------------------------------------------------------------------------------------------------
def test_result_and_files(uninterrupted: Path, tmp_path: Path) -> None:
    result = train_toy(tmp_path)
    parameters = sum(p.numel() for p in Toy(TINY).nets.parameters())
    assert (result.steps, result.samples, result.parameters) == (STEPS, 2 * STEPS, parameters)
    assert result.checkpoint == tmp_path / "checkpoints" / "best.pt"
    assert_same(tmp_path, uninterrupted)
    names = sorted(p.name for p in (tmp_path / "checkpoints").glob("*.pt"))
    assert names == ["best.pt", "final.pt", "step-1-00000003.pt", "step-1-00000006.pt"]
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    looks = [row["video/val_l1"] for row in rows if "video/val_l1" in row]
    assert len(looks) == 2
    assert result.best == min(looks)
    best = load_checkpoint(result.checkpoint)["best"]
    assert best == {"error": result.best, "stage": 1, "step": 4 if looks[0] <= looks[1] else 8}


def test_a_complete_training_is_not_repeated(tmp_path: Path) -> None:
    first = train_toy(tmp_path)
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.pt")}

    class Untrainable(Toy):
        def step(self, *args: Any) -> dict[str, float]:
            raise AssertionError("trained again")

    made: list[Toy] = []

    def make(config: ToyConfig) -> Toy:
        made.append(Untrainable(config))
        return made[0]

    again = train_toy(tmp_path, make=make)
    assert (again.steps, again.best, again.checkpoint) == (first.steps, first.best, first.checkpoint)
    assert stamps == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.pt")}
    best = models(tmp_path, "best.pt")
    assert all(torch.equal(best[k], v) for k, v in made[0].nets.state_dict().items())


def test_the_seed_matters_and_the_cadence_does_not(uninterrupted: Path, tmp_path: Path) -> None:
    train_toy(tmp_path / "other seed", seed=1)
    assert not torch.equal(
        models(tmp_path / "other seed", "final.pt")["decoder.bias"], models(uninterrupted, "final.pt")["decoder.bias"]
    )
    rare = TrainSettings(
        checkpoint_seconds=0, log_steps=1, validations=2, validation_gap=1, val_clips=1, val_frames=3, prefetch=True
    )
    train_toy(tmp_path / "rare", settings=rare)
    assert_same(tmp_path / "rare", uninterrupted)


def test_training_learns(tmp_path: Path) -> None:
    config = ToyConfig(batch=4, appearance_steps=30, video_steps=40, frames=2)
    train_toy(tmp_path, config=config, settings=TrainSettings(log_steps=1, validations=1))
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    for name in ("appearance/l1", "video/l1"):
        values = [row[name] for row in rows if name in row]
        assert sum(values[-5:]) < 0.8 * sum(values[:5])


def test_the_first_stage_is_frozen_in_the_second(tmp_path: Path) -> None:
    train_toy(tmp_path, settings=TrainSettings(validation_gap=1, val_clips=1, val_frames=2))
    first, last = models(tmp_path, "step-0-00000004.pt"), models(tmp_path, "final.pt")
    changed = {k.split(".")[0] for k in first if not torch.equal(first[k], last[k])}
    assert changed == {"generator", "discriminator"}


def test_a_method_without_stages_is_not_trained(tmp_path: Path) -> None:
    class Sanity(Toy):
        def stages(self) -> tuple[()]:
            return ()

    assert train(Sanity(TINY), tiny_world(), tmp_path, 0) == TrainResult(0, pytest.approx(0, abs=1), 0, 1320, None)
    assert not list(tmp_path.iterdir())


def test_a_last_stage_that_is_not_validated_gives_its_last_weights(tmp_path: Path) -> None:
    from dataclasses import replace

    class Reversed(Toy):  # the validated stage comes first
        def stages(self) -> tuple[Any, ...]:
            appearance, video = super().stages()
            return video, replace(appearance, name="appearance")

    train_toy(tmp_path, make=Reversed)
    best, final = models(tmp_path, "best.pt"), models(tmp_path, "final.pt")
    assert all(torch.equal(best[k], final[k]) for k in best)


def test_the_next_stage_builds_on_the_best(tmp_path: Path) -> None:
    from dataclasses import replace

    class Worsening(Toy):
        """Its first stage runs away at once, so that the first look at ``val`` is the best one."""

        def stages(self) -> tuple[Any, ...]:
            appearance, video = super().stages()
            worse = replace(video.players["generator"], lr=0.5, clip_norm=None)
            return replace(video, players=dict(video.players) | {"generator": worse}), appearance

    made: list[Toy] = []
    generators: dict[int, dict[str, torch.Tensor]] = {}

    def make(config: ToyConfig) -> Toy:
        made.append(Worsening(config))
        return made[0]

    def progress(done: int, total: int, what: str) -> None:
        if what == "train":
            generators[done] = {k: v.clone() for k, v in made[0].nets["generator"].state_dict().items()}

    train_toy(tmp_path, make=make, progress=progress)
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    looks = [row["video/val_l1"] for row in rows if "video/val_l1" in row]
    assert looks[0] <= looks[1]
    final = models(tmp_path, "final.pt")
    assert all(torch.equal(final[f"generator.{k}"], v) for k, v in generators[4].items())
    assert not all(torch.equal(final[f"generator.{k}"], v) for k, v in generators[8].items())


def test_the_result_remembers_the_last_validated_stage(tmp_path: Path) -> None:
    from dataclasses import replace

    class Reversed(Toy):
        def stages(self) -> tuple[Any, ...]:
            appearance, video = super().stages()
            return video, replace(appearance, name="appearance")

    first = train_toy(tmp_path, make=Reversed)
    assert first.best is not None
    assert train_toy(tmp_path, make=Reversed).best == first.best


def test_initial_weights(tmp_path: Path) -> None:
    given = Toy(TINY)
    path = tmp_path / "start.pt"
    save_checkpoint(
        path, {"models": {n: {k: v.half() for k, v in m.state_dict().items()} for n, m in given.nets.items()}}
    )

    class Started(Toy):
        def initial_checkpoint(self) -> Path:
            return path

    seen: list[torch.Tensor] = []

    class Watched(Started):
        def step(self, *args: Any) -> dict[str, float]:
            seen.append(self.nets["decoder"].bias.detach().clone())
            return super().step(*args)

    train_toy(tmp_path / "run", make=Watched)
    assert torch.equal(seen[0], given.nets["decoder"].bias.detach().half().float())


# -- resume ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("step", [1, 3, 4, 7, 9, STEPS])
def test_kill_at_a_step(uninterrupted: Path, tmp_path: Path, step: int) -> None:
    status = in_child(lambda: train_toy(tmp_path, progress=kill_at(step)))
    assert os.WTERMSIG(status) == signal.SIGKILL
    train_toy(tmp_path)
    assert_same(tmp_path, uninterrupted)


@pytest.mark.parametrize("start", range(1, 6))
def test_kill_at_every_write(uninterrupted: Path, tmp_path: Path, start: int) -> None:
    """Each child dies just before one of its renames (derived array, checkpoint, checksum), ever later ones."""

    def dying(rename: int) -> None:
        seen, replace = [0], os.replace

        def replace_or_die(a: Any, b: Any) -> None:
            seen[0] += 1
            if seen[0] == rename:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(a, b)

        os.replace = replace_or_die  # type: ignore[assignment]
        train_toy(tmp_path)

    rename, deaths = start, 0
    while os.WIFSIGNALED(in_child(lambda n=rename: dying(n))):
        rename, deaths = rename + 3, deaths + 1
    assert deaths >= 2
    assert_same(tmp_path, uninterrupted)


@pytest.mark.parametrize(("number", "ending"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
@pytest.mark.parametrize("step", [2, 4, 9])
def test_a_signal_saves_and_stops(
    uninterrupted: Path, tmp_path: Path, number: int, ending: type[BaseException], step: int
) -> None:
    def progress(done: int, total: int, what: str) -> None:
        if what == "train" and done == step:
            os.kill(os.getpid(), number)

    handlers = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    with pytest.raises(ending) as caught:
        train_toy(tmp_path, progress=progress)
    if isinstance(caught.value, SystemExit):
        assert caught.value.code == 143
    assert handlers == [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    newest = Checkpoints(tmp_path / "checkpoints").latest()
    assert newest is not None
    assert newest["stage"] * TINY.appearance_steps + newest["step"] == step
    train_toy(tmp_path)
    assert_same(tmp_path, uninterrupted)


def test_a_signal_in_the_last_step_is_heard(uninterrupted: Path, tmp_path: Path) -> None:
    def progress(done: int, total: int, what: str) -> None:
        if what == "train" and done == STEPS:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit):
        train_toy(tmp_path, progress=progress)
    assert_same(tmp_path, uninterrupted)
    assert train_toy(tmp_path).steps == STEPS


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    class Slow(Toy):
        def step(self, *args: Any) -> dict[str, float]:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)
            raise AssertionError("still running")

    assert os.WEXITSTATUS(in_child(lambda: train_toy(tmp_path, make=Slow))) == 143


@pytest.mark.parametrize("fault", ["flip", "empty"])
def test_a_damaged_newest_checkpoint(
    uninterrupted: Path, tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    in_child(lambda: train_toy(tmp_path, progress=kill_at(11)))
    newest = Checkpoints(tmp_path / "checkpoints").steps()[0]
    data = bytearray(newest.read_bytes())
    data[len(data) // 3] ^= 4
    newest.write_bytes(data if fault == "flip" else b"")
    train_toy(tmp_path)
    assert f"{newest.name} is damaged" in capsys.readouterr().err
    assert_same(tmp_path, uninterrupted)


def test_nothing_starts_from_random_weights_where_checkpoints_are_damaged(tmp_path: Path) -> None:
    in_child(lambda: train_toy(tmp_path, progress=kill_at(11)))
    for path in Checkpoints(tmp_path / "checkpoints").steps():
        path.write_bytes(b"x")
    with pytest.raises(TrainingError, match="every checkpoint"):
        train_toy(tmp_path)
    result = train_toy(tmp_path, resume=False)
    assert result.checkpoint is not None
    assert len(list((tmp_path / "checkpoints.old-1").glob("step-*.pt"))) == 2


def test_a_damaged_best_is_found(uninterrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_toy(tmp_path)
    (tmp_path / "checkpoints" / "best.pt").write_bytes(b"x")
    train_toy(tmp_path)
    assert "best.pt is damaged" in capsys.readouterr().err
    assert Checkpoints(tmp_path / "checkpoints").whole(tmp_path / "checkpoints" / "best.pt")
    with pytest.raises(DamagedCheckpoint):
        (tmp_path / "checkpoints" / "final.pt").write_bytes(b"x")
        load_checkpoint(tmp_path / "checkpoints" / "final.pt")


def test_another_config_is_refused(tmp_path: Path) -> None:
    in_child(lambda: train_toy(tmp_path, progress=kill_at(8)))
    with pytest.raises(UsageError, match=r"another config: lr is 0\.002 there and 0\.003 here"):
        train_toy(tmp_path, config=TINY.model_copy(update={"lr": 0.003}))


def test_a_log_cut_in_the_middle_of_a_line(uninterrupted: Path, tmp_path: Path) -> None:
    in_child(lambda: train_toy(tmp_path, progress=kill_at(8)))
    log = tmp_path / "train.jsonl"
    log.write_bytes(log.read_bytes()[:-7])
    train_toy(tmp_path)
    assert_same(tmp_path, uninterrupted)


# -- failures ----------------------------------------------------------------------------------------------------
def failing(action: Callable[[int], None]) -> type[Toy]:
    """A toy that calls ``action(step)`` in each step of its second stage."""

    class Failing(Toy):
        def step(self, stage: Any, batch: Mapping[str, Any], update: Any, info: Any) -> dict[str, float]:
            if stage.name == "video":
                action(info.step)
            return super().step(stage, batch, update, info)

    return Failing


def test_divergence(tmp_path: Path) -> None:
    class Diverging(Toy):
        def step(self, stage: Any, batch: Mapping[str, Any], update: Any, info: Any) -> dict[str, float]:
            bad = stage.name == "video" and info.step >= 4
            return super().step(stage, batch, lambda p, loss: update(p, loss * float("nan") if bad else loss), info)

    settings = TrainSettings(checkpoint_steps=3, skip_limit=5)
    with pytest.raises(TrainingError, match="diverged: 5 updates") as caught:
        train_toy(tmp_path, make=Diverging, settings=settings)
    assert caught.value.outcome == "diverged"
    newest = Checkpoints(tmp_path / "checkpoints").latest()
    assert newest is not None
    assert all(bool(v.isfinite().all()) for net in newest["models"].values() for v in net.values())


def test_a_few_steps_that_are_not_finite_are_skipped_and_counted(tmp_path: Path) -> None:
    class Hiccup(Toy):
        def step(self, stage: Any, batch: Mapping[str, Any], update: Any, info: Any) -> dict[str, float]:
            bad = info.step in (1, 2)
            return super().step(stage, batch, lambda p, loss: update(p, loss / (0.0 if bad else 1.0)), info)

    result = train_toy(tmp_path, make=Hiccup)
    assert result.skipped == 2 + 2 * 2
    in_child(lambda: train_toy(tmp_path / "killed", make=Hiccup, progress=kill_at(7)))
    assert train_toy(tmp_path / "killed", make=Hiccup).skipped == 6
    assert_same(tmp_path / "killed", tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory(tmp_path: Path, error: BaseException) -> None:
    def fail(step: int) -> None:
        raise error

    with pytest.raises(TrainingError, match="out of memory") as caught:
        train_toy(tmp_path, make=failing(fail))
    assert caught.value.outcome == "oom"
    assert "--set batch=1" in caught.value.hint


def test_other_errors_pass(tmp_path: Path) -> None:
    def fail(step: int) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        train_toy(tmp_path, make=failing(fail))


def test_a_hang_is_ended(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(TrainingError, match="made no step for") as caught:
        train_toy(
            tmp_path,
            make=failing(lambda step: time.sleep(60 if step == 2 else 0)),
            settings=TrainSettings(hang_seconds=1.0, val_clips=1, val_frames=1),
        )
    assert caught.value.outcome == "timeout"
    assert time.monotonic() - begun < 30
    assert "test_train.py" in (tmp_path / "hang.txt").read_text()  # the stack of the sleeping step


def test_an_output_that_is_not_finite_is_never_the_best(tmp_path: Path) -> None:
    class Broken(Toy):
        def animate(self, *args: Any) -> Iterator[torch.Tensor]:
            for frames in super().animate(*args):
                yield frames * float("nan")

    result = train_toy(tmp_path, make=Broken)
    assert result.best is None
    assert all(torch.equal(v, models(tmp_path, "final.pt")[k]) for k, v in models(tmp_path, "best.pt").items())


def test_no_validation_clips(tmp_path: Path) -> None:
    from bench.testing.world import ToyWorld

    result = train_toy(tmp_path, world=ToyWorld(size=32, frames=8, train=2, val=0))
    assert result.best is None
    assert result.checkpoint is not None
    with pytest.raises(MissingInputError, match="no training clips"):
        train_toy(tmp_path / "none", world=ToyWorld(size=32, frames=8, train=0, val=1))


def test_bf16(tmp_path: Path) -> None:
    method = Toy(TINY)
    result = train(method, tiny_world(), tmp_path, 0, precision="bf16", settings=OFTEN)
    assert result.best is not None
    assert all(p.dtype == torch.float32 and bool(p.isfinite().all()) for p in method.nets.parameters())
