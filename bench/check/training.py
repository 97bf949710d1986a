"""Checks of training: the schedule, single steps, variants, exact resume, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bench.check.base import CheckFailed, Group, NotApplicable, require
from bench.check.subject import PRESET, ROUNDING, Subject, difference
from bench.config import build_config
from bench.derived import derived_arrays
from bench.loading import open_method
from bench.players import Players
from bench.sampling import Batches, make_items
from bench.train import TrainSettings, train
from methods.base import Method, StepInfo

if TYPE_CHECKING:
    from torch import Tensor

GROUP = Group("training")
#: Steps of each stage in the short training, and where the interrupted one is stopped.
STEPS, STOP = 4, 3
OFTEN = TrainSettings(checkpoint_steps=2, log_steps=1, validations=1, validation_gap=1, val_clips=1, val_frames=2)


def _state(method: Method) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in method.nets.state_dict().items()}


def _differing(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> str:
    """The first entry that is not bit-identical ("" where all are)."""
    return next((name for name in [*a, *b] if name not in a or name not in b or not torch.equal(a[name], b[name])), "")


def _require_schedule(method: Method) -> None:
    if not method.stages():
        raise NotApplicable("it is not trained")


@GROUP.check("the same seed gives the same weights, another seed others")
def seeded(subject: Subject) -> str:
    """Initialisation is a function of torch's seed alone."""
    first, again, other = (_state(subject.build(seed=seed)) for seed in (0, 0, 1))
    if not first:
        raise NotApplicable("it has no networks")
    name = _differing(first, again)
    require(not name, f"{name} differs between two builds with one seed")
    require(bool(_differing(first, other)), "two seeds give the same weights")
    return f"{sum(v.numel() for v in first.values()):,} values"


@GROUP.check("every stage takes a step: finite loss, its networks learn, the others stay")
def stages(subject: Subject) -> str:
    """One step of each stage of the tiny preset."""
    method = subject.build()
    _require_schedule(method)
    _take_steps(subject, method)
    return ", ".join(f"{stage.name} ({stage.steps} steps of {stage.batch})" for stage in method.stages())


def _take_steps(subject: Subject, method: Method) -> None:
    trainable = frozenset(name for name, p in method.nets.named_parameters() if p.requires_grad)
    for index in range(len(method.stages())):
        _take_step(subject, method, index, trainable)


def _take_step(subject: Subject, method: Method, index: int, trainable: frozenset[str]) -> None:
    stage, clips = method.stages()[index], subject.dataset.clips("train")
    players = Players(method.nets, stage, trainable, limit=1)
    cache = subject.folder / "derived"
    items = make_items(stage, clips, lambda: derived_arrays(method, subject.dataset, clips, lambda *_: None, cache))
    batch = Batches(items, stage, index, 0, subject.device)[0]
    owned = {name for player in stage.players.values() for name in player.nets}
    before = _state(method)
    torch.manual_seed(0)
    players.begin(0)
    values = method.step(stage, batch, players, StepInfo(0, stage.steps))
    require(isinstance(values, Mapping) and bool(values), f"step of {stage.name} returns no values to log")
    bad = [name for name, value in values.items() if not abs(float(value)) < float("inf")]
    require(not bad, f"{stage.name}: {', '.join(bad)} is not finite")
    parameters = {name for name, _ in method.nets.named_parameters()}
    moved = {name for name, value in _state(method).items() if name in parameters and not value.equal(before[name])}
    still = sorted(net for net in owned if not any(name.startswith(net + ".") for name in moved))
    require(not still, f"{stage.name}: no weight of {', '.join(still)} changed; does its loss reach it?")
    strays = sorted(name for name in moved if name.partition(".")[0] not in owned)
    require(not strays, f"{stage.name}: {', '.join(strays[:1])} changed, but no player owns it")


@GROUP.check("every variant takes a step of every stage")
def variants(subject: Subject) -> str:
    """An ablation that cannot be trained is found here, not after a day."""
    if not subject.spec.variants:
        raise NotApplicable("it has no variants")
    _require_schedule(subject.method)
    for slug in subject.spec.variants:
        method = subject.build(build_config(subject.spec, PRESET, slug))
        try:
            _take_steps(subject, method)
        except CheckFailed as failure:
            raise CheckFailed(f"variant {slug}: {failure}") from failure
    return ", ".join(subject.spec.variants)


def _train(subject: Subject, folder: Path, stop: int = 0) -> Method:
    """The schedule cut to a few steps a stage; with ``stop`` it is interrupted after that many and begun again."""

    def attempt(stop: int) -> Method:
        method = subject.build()
        short = tuple(replace(stage, steps=min(stage.steps, STEPS)) for stage in method.stages())
        method.__dict__["stages"] = lambda: short

        def progress(done: int, total: int, what: str) -> None:
            if what == "train" and done == stop:
                raise KeyboardInterrupt

        train(method, subject.dataset, folder, 0, subject.device, progress=progress, settings=OFTEN)
        return method

    if stop:
        try:
            attempt(stop)
        except KeyboardInterrupt:
            pass
        else:
            raise NotApplicable("its schedule is too short to interrupt")
    return attempt(0)


@GROUP.check("a training that was interrupted and resumed ends with the same weights")
def resume(subject: Subject) -> str:
    """Bit-identical on a CPU; within rounding elsewhere."""
    _require_schedule(subject.method)
    straight = _train(subject, subject.folder / "straight")
    subject.__dict__["method"] = straight  # what the animation checks try from here on
    resumed = _train(subject, subject.folder / "resumed", STOP)
    name = _differing(_state(straight), _state(resumed))
    if name and subject.device.type != "cpu":
        name = name if difference(_state(straight)[name], _state(resumed)[name]) > ROUNDING else ""
    require(not name, f"{name} differs; does step() keep state outside its networks?")
    return f"stopped after {STOP} steps"


@GROUP.check("a checkpoint file alone brings the method back")
def checkpoint(subject: Subject) -> str:
    """Config and weights come from the file, and the output is the same."""
    _require_schedule(subject.method)
    file = subject.folder / "straight" / "checkpoints" / "best.pt"
    require(file.is_file(), "training left no checkpoint")
    loaded, size = open_method(subject.spec.name, file, subject.device.type)
    name = _differing(_state(subject.method), _state(loaded))
    require(not name, f"{name} differs after loading")
    require(size == subject.dataset.size, f"the file says size {size}, the data have {subject.dataset.size}")
    expected, trained = subject.frames, subject.method
    made: Any = None
    try:
        subject.__dict__["method"] = loaded
        made = subject.render(subject.cases[0])
    finally:
        subject.__dict__["method"] = trained
    require(difference(expected, made) <= ROUNDING, "it animates differently; is something kept outside the networks?")
    return f"{file.stat().st_size / 1e6:.2f} MB"
