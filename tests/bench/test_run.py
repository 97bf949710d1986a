"""Runs from spec to scores: what is recorded, what is kept, and how failures end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.board import sanity_runs
from bench.evaluation.base import COLUMNS
from bench.evaluation.scores import read_scores
from bench.progress import silent
from bench.run import execute
from bench.spec import RunSpec, resolve
from bench.store import RunFolder
from bench.testing.running import toy_spec
from datasets.errors import GenerationError, MissingInputError, StorageError, TrainingError, UsageError

BROKEN = """
from dataclasses import replace
import torch
from bench.testing.toy import SPEC as TOY
from methods.base import Method

class Bad(Method):
    def encode(self, source): return source["rgb"]
    def animate(self, state, driving, options):
        yield from ()

class Short(Bad):
    def animate(self, state, driving, options):
        yield state

class Crash(Bad):
    def animate(self, state, driving, options):
        raise RuntimeError("boom")

class Memory(Bad):
    def animate(self, state, driving, options):
        raise MemoryError

def card(name):
    spec = replace(TOY, name=name, implementation=f"broken_methods:{name.capitalize()}", needs=frozenset(), variants={})
    globals()[name.capitalize()].spec = spec
    return spec

SHORT, CRASH, MEMORY = card("short"), card("crash"), card("memory")
"""
ENTRIES = """\
[bench.methods]
toy = bench.testing.toy:SPEC
short = broken_methods:SHORT
crash = broken_methods:CRASH
memory = broken_methods:MEMORY
[bench.datasets]
toy-world = bench.testing.world:SPEC
"""


@pytest.fixture
def broken(install_plugin: Callable[[str], Path]) -> None:
    (install_plugin(ENTRIES) / "broken_methods.py").write_text(BROKEN, encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the finished toy run lies that the tests copy."""
    return tmp_path_factory.mktemp("finished") / "runs"


@pytest.fixture
def done(tmp_path: Path, finished: Path, toys: Path) -> RunSpec:
    """A finished toy run of the test's own."""
    if not finished.exists():
        execute(resolve(toy_spec(finished)), silent)
    shutil.copytree(finished, tmp_path / "runs")
    return toy_spec(tmp_path / "runs")


def test_a_run_records_everything_and_is_then_complete(done: RunSpec) -> None:
    run = resolve(done)
    folder = RunFolder(run.folder)
    record = folder.json
    assert record["status"] == "complete" and record["training"]["steps"] == 7
    assert record["identity"]["training"] == run.identity.training
    assert set(record["identity"]["generation"]) == set(record["identity"]["score"]) == set(run.protocols)
    assert record["provenance"]["started"] <= record["provenance"]["finished"]
    assert (folder.path / "train.jsonl").is_file() and (folder.checkpoints / "best.pt").is_file()
    scores = read_scores(folder.scores_path)
    assert tuple(scores.columns) == COLUMNS
    assert set(scores["protocol"]) == set(run.protocols) and set(scores["status"]) >= {"ok"}
    hashes = {name: entry["hash"] for name, entry in record["protocols"].items()}
    assert all(hashes[p] == h for p, h in zip(scores["protocol"], scores["protocol_hash"], strict=True))
    for name, listed in run.protocols.items():
        for pair in listed.pairs:
            frames = sorted(p.name for p in (folder.generated(name) / pair.id).glob("*.png"))
            assert frames == [f"{i:06d}.png" for i in range(pair.stop - pair.start)]
            assert (folder.generated(name) / pair.id / "preview.mp4").is_file()
            shared = done.runs / "toy-world" / "references" / f"{name}-{hashes[name]}" / pair.id
            assert {p.name for p in shared.iterdir()} >= {"source.png", "driving.mp4", "reference.mp4"}
    assert execute(run, silent).steps == ()


def test_only_what_is_stale_is_done_again(done: RunSpec) -> None:
    run = resolve(done)
    folder = RunFolder(run.folder)
    first = read_scores(folder.scores_path).sort_values(list(COLUMNS[8:16])).reset_index(drop=True)
    identity = folder.json["identity"]
    identity["score"]["cross-animation@1"] = "of an older metric"
    folder.update(identity=identity)
    assert execute(run, silent).steps == ("evaluate cross-animation@1",)
    identity = folder.json["identity"]
    identity["generation"]["self-reconstruction@1"] = "of older code"
    folder.update(identity=identity)
    assert execute(run, silent).steps == ("generate self-reconstruction@1", "evaluate self-reconstruction@1")
    again = read_scores(folder.scores_path).sort_values(list(COLUMNS[8:16])).reset_index(drop=True)
    assert again.equals(first)


def test_a_damaged_frame_is_found_and_made_again(done: RunSpec) -> None:
    run = resolve(done)
    pair = run.protocols["cross-animation@1"].pairs[1].id
    frame = RunFolder(run.folder).generated("cross-animation@1") / pair / "000002.png"
    content = frame.read_bytes()
    frame.write_bytes(content[:-10])
    assert execute(run, silent).steps[0] == "generate cross-animation@1"
    assert frame.read_bytes() == content


def test_damaged_scores_of_all_protocols_are_measured_again(done: RunSpec) -> None:
    run = resolve(done)
    path = RunFolder(run.folder).scores_path
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    assert execute(run, silent).steps == ("evaluate self-reconstruction@1", "evaluate cross-animation@1")
    assert path.read_bytes() == content


def test_one_protocol_of_a_finished_run_is_complete_too(done: RunSpec) -> None:
    only = replace(done, protocols=("cross-animation",))
    assert execute(resolve(only), silent).steps == ()


def test_no_resume_moves_the_old_folder_aside(done: RunSpec) -> None:
    run = resolve(done)
    assert execute(run, silent, resume=False, train_only=True).steps == ("train",)
    assert [p.name for p in run.folder.parent.glob("*.old-*")] == [run.folder.name + ".old-1"]


def test_train_only_stops_after_training_and_run_goes_on(tmp_path: Path, toys: Path) -> None:
    run = resolve(toy_spec(tmp_path / "runs"))
    assert execute(run, silent, train_only=True).steps == ("train",)
    assert not (run.folder / "generated").exists()
    assert execute(run, silent, train_only=True).steps == ()
    assert execute(run, silent).steps[0] == "generate self-reconstruction@1"


def test_a_checkpoint_is_scored_without_training(done: RunSpec, tmp_path: Path) -> None:
    trained = RunFolder(resolve(done).folder)
    spec = replace(done, checkpoint=trained.checkpoints / "best.pt", runs=tmp_path / "released")
    run = resolve(spec)
    assert "train" not in execute(run, silent).steps
    ours, theirs = read_scores(RunFolder(run.folder).scores_path), read_scores(trained.scores_path)
    assert ours["value"].equals(theirs["value"])
    assert RunFolder(run.folder).json["trained"] == "checkpoint file"


@pytest.mark.parametrize(
    ("method", "status", "words"),
    [
        ("short", "crashed", "expected 8 frames, got 1"),
        ("crash", "crashed", "generate broke: RuntimeError: boom"),
        ("memory", "oom", "out of memory during generate"),
    ],
)
def test_a_broken_method_is_recorded_and_named(
    tmp_path: Path, broken: None, method: str, status: str, words: str
) -> None:
    run = resolve(RunSpec(method, "toy-world:32x8", "tiny", track="none", runs=tmp_path / "runs", device="cpu"))
    with pytest.raises(GenerationError, match=words):
        execute(run, silent)
    record = RunFolder(run.folder).json
    assert record["status"] == status and words in record["reason"]


def test_divergence_is_recorded(tmp_path: Path, toys: Path) -> None:
    spec = toy_spec(tmp_path / "runs")
    run = resolve(replace(spec, overrides=dict(spec.overrides) | {"lr": 1e30, "video_steps": 60}))
    with pytest.raises(TrainingError):
        execute(run, silent)
    assert RunFolder(run.folder).json["status"] == "diverged"


def test_a_missing_annotation_is_a_missing_input(tmp_path: Path, toys: Path) -> None:
    import numpy as np

    from datasets.video_write import write_frames

    rng = np.random.default_rng(0)
    for i in range(4):
        write_frames(tmp_path / "videos" / f"clip{i}", rng.integers(0, 255, (12, 32, 32, 3), dtype=np.uint8))
    run = resolve(replace(toy_spec(tmp_path / "runs"), dataset=f"folder:{tmp_path / 'videos'}"))
    with pytest.raises(MissingInputError, match="keypoints"):
        execute(run, silent)
    assert RunFolder(run.folder).json["status"] == "missing-input"


def test_two_runs_of_one_folder_at_once(tmp_path: Path, toys: Path) -> None:
    run = resolve(toy_spec(tmp_path / "runs"))
    with RunFolder(run.folder).lock(), pytest.raises(UsageError, match="in use by process"):
        execute(run, silent)


def test_a_runs_folder_that_cannot_be_written(tmp_path: Path, toys: Path) -> None:
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError, match="runs"):
        execute(resolve(toy_spec(tmp_path / "runs")), silent)


def test_sanity_rows_of_a_run(tmp_path: Path, toys: Path) -> None:
    rows = {run.method_spec.name: run for run in sanity_runs(resolve(toy_spec(tmp_path / "runs")))}
    assert set(rows) >= {"copy-source", "faded-source", "copy-driving", "oracle", "oracle-leak", "oracle-blur"}
    oracle = rows["oracle"]
    folder = execute(oracle, silent).folder
    scores = read_scores(folder.scores_path)
    l1 = scores[(scores["metric"] == "l1") & (scores["pair"] == "*") & (scores["region"] == "whole")]
    assert list(l1["value"]) == [0.0, 0.0]
    assert execute(oracle, silent).steps == ()
