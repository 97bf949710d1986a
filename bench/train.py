"""One bare-torch loop that trains every method, with exact resume.

A step is a function of the weights, the optimisers' state and (seed, stage, step): batches come from
:mod:`bench.sampling`, and Python's, numpy's and torch's random state is set before every step. So a checkpoint needs no
loader or random state, and on a CPU a run that was killed anywhere and started again ends with the same bits.

Which weights count: a validated stage ends with its *best* weights on ``val`` (mean L1 of self-reconstruction, looked
at at fixed steps); the next stage builds on them. ``best.pt`` holds what the run generates with: the best of the last
stage if that is validated, else its last weights, since an older best would lack what the last stage trained.
``final.pt`` holds the last weights; it is written last, and marks a complete training.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench import launch
from bench.checkpoints import SCHEMA, Checkpoints, check_origin, config_of, load_networks, models_of, set_models
from bench.derived import derived_arrays
from bench.guards import Signals, Watchdog, memory_errors
from bench.players import Players
from bench.sampling import STEP, VALIDATION, Batches, key, make_items
from bench.trainlog import TrainLog
from bench.validation import validation_clips, validation_error
from datasets.errors import TrainingError
from datasets.files import digest
from methods.base import Stage, StepInfo

if TYPE_CHECKING:
    from bench.tracking import Tracker
    from datasets.base import Dataset
    from methods.base import Method

Progress = Callable[[int, int, str], None]
#: between two timed checkpoints lies at least this many times what the last one took
SAVE_SHARE = 30


@dataclass(frozen=True)
class TrainSettings:
    """How a training is run. The weights depend on none of it; which of them are best depends on the validation.

    Attributes:
        checkpoint_seconds, checkpoint_steps: a checkpoint is written when either has passed since the last one.
        log_steps: steps between two log lines.
        validations: how often a validated stage is looked at, evenly spread, the last time at its end;
            ``validation_gap`` steps lie between two looks at least.
        val_clips, val_frames: clips, and frames of each, that are looked at.
        skip_limit: updates in a row with a loss or gradient that is not finite, after which training has diverged.
        hang_seconds: without a step, after which training hangs.
        prefetch: prepare batches in a thread (None: on CUDA).
    """

    checkpoint_seconds: float = 60.0
    checkpoint_steps: int = 2000
    log_steps: int = 10
    validations: int = 8
    validation_gap: int = 50
    val_clips: int = 4
    val_frames: int = 24
    skip_limit: int = 20
    hang_seconds: float = 900.0
    prefetch: bool | None = None


@dataclass(frozen=True)
class TrainResult:
    """What a training did.

    Attributes:
        steps, samples: of all stages, resumed ones included.
        seconds: of wall time in all attempts that reached a checkpoint.
        parameters: of all networks of the method.
        checkpoint: ``best.pt``, which the method now holds; None for a method that is not trained.
        best: the best error on ``val`` in the last validated stage; None where nothing was validated.
        skipped: updates that were left out because they were not finite.
    """

    steps: int
    seconds: float
    samples: int
    parameters: int
    checkpoint: Path | None
    best: float | None = None
    skipped: int = 0


def train(
    method: Method,
    dataset: Dataset,
    folder: Path,
    seed: int,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
    tracker: Tracker | None = None,
    progress: Progress | None = None,
    resume: bool = True,
    settings: TrainSettings | None = None,
    on_hang: Callable[[TrainingError], None] | None = None,
) -> TrainResult:
    """Train all stages of a method, or go on where an earlier attempt in ``folder`` was stopped.

    Args:
        method: with networks freshly initialised from the seed.
        folder: the run folder; ``checkpoints/`` and ``train.jsonl`` lie in it. Under torchrun all ranks must see it.
        precision: ``fp32``, or ``bf16`` (autocast around the method's step).
        resume: False moves existing checkpoints aside and begins anew.
        on_hang: called if a hang can only be ended by ending the process.

    Returns:
        The result; the method holds the weights of ``best.pt``.

    Raises:
        TrainingError: diverged, out of memory, hung, or no checkpoint of many is whole (see ``outcome``).
        UsageError: checkpoints of another method or config lie in the folder, or the schedule makes no sense.
        MissingInputError: no clip that a stage can use. StorageError: a checkpoint cannot be written.
        KeyboardInterrupt, SystemExit(143): stopped by SIGINT or SIGTERM, after saving.
    """
    device = launch.local_device(torch.device(device))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with launch.process_group(device):
        run = _Training(method, dataset, Path(folder), seed, device, precision, settings or TrainSettings())
        run.log = TrainLog(Path(folder), tracker if launch.is_main() else None)
        if progress is not None and launch.is_main():
            run.progress = progress
        return run.run(resume, on_hang)


class _Training:
    """State of one call of :func:`train`."""

    log: TrainLog

    def __init__(
        self,
        method: Method,
        dataset: Dataset,
        folder: Path,
        seed: int,
        device: torch.device,
        precision: str,
        settings: TrainSettings,
    ) -> None:
        self.method, self.dataset, self.seed = method, dataset, seed
        self.device, self.precision, self.settings = device, precision, settings
        self.stages: Sequence[Stage] = method.stages()
        self.folder = folder
        self.checkpoints = Checkpoints(folder / "checkpoints")
        self.config = config_of(method)
        self.trainable = frozenset(name for name, p in method.nets.named_parameters() if p.requires_grad)
        self.progress: Progress = lambda done, total, what: None
        self.best: dict[str, Any] | None = None
        self.skipped = 0
        self.seconds = 0.0
        self.begun = time.monotonic()
        self.saved = time.monotonic()
        self.save_seconds = 0.0

    # -- schedule ------------------------------------------------------------------------------------------------
    def run(self, resume: bool, on_hang: Callable[[TrainingError], None] | None) -> TrainResult:
        """All stages from where an earlier attempt stopped."""
        if not self.stages:
            return self._result(None)
        self.method.nets.to(self.device)
        if launch.is_main():
            self.checkpoints.prepare(keep=resume)
        launch.barrier()
        if self._load_final():
            return self._result(self.checkpoints.best)
        state = self._load_latest()
        launch.barrier()
        report = self.folder / "hang.txt"
        patience = 3.0 if launch.world() > 1 else 0.0
        with Signals(patience) as signals, Watchdog(self.settings.hang_seconds, report, on_hang) as watchdog:
            self.signals, self.watchdog = signals, watchdog
            first = state["stage"] if state else 0
            for index in range(first, len(self.stages)):
                self._run_stage(index, state if index == first else None)
        return self._result(self.checkpoints.best)

    def _done_before(self, index: int) -> int:
        return sum(stage.steps for stage in self.stages[:index])

    def _result(self, checkpoint: Path | None) -> TrainResult:
        return TrainResult(
            steps=self._done_before(len(self.stages)),
            seconds=self._elapsed(),
            samples=sum(stage.steps * stage.batch for stage in self.stages),
            parameters=sum(p.numel() for p in self.method.nets.parameters()),
            checkpoint=checkpoint,
            best=self.best["error"] if self.best else None,
            skipped=self.skipped,
        )

    # -- one stage -----------------------------------------------------------------------------------------------
    def _run_stage(self, index: int, state: Mapping[str, Any] | None) -> None:
        stage = self.stages[index]
        start = state["step"] if state else 0
        if start < stage.steps:
            players = Players(self.method.nets, stage, self.trainable, self.settings.skip_limit)
            if state and state["optimizers"]:
                players.set_state(state["optimizers"])
                players.streak = state["streak"]
            batches = self._batches(index)
            try:
                for step in range(start, stage.steps):
                    self._step(index, step, players, batches)
            finally:
                batches.close()
        if state is None or start < stage.steps:
            self._end_stage(index)

    def _batches(self, index: int) -> Batches:
        stage = self.stages[index]
        clips = self.dataset.clips("train")

        def alive(done: int, total: int, what: str) -> None:
            self.watchdog.beat()
            self.progress(done, total, what)

        items = make_items(stage, clips, lambda: derived_arrays(self.method, self.dataset, clips, alive))
        prefetch = self.device.type == "cuda" if self.settings.prefetch is None else self.settings.prefetch
        rank, world = launch.rank(), launch.world()
        return Batches(items, stage, index, self.seed, self.device, rank, world, prefetch)

    def _step(self, index: int, step: int, players: Players, batches: Batches) -> None:
        """One training step and what is due after it: validation, log, checkpoint, stop."""
        stage = self.stages[index]
        self._set_random_state(index, step)
        players.begin(step)
        before = players.skipped
        with memory_errors(self.config):
            batch = batches[step]
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                values = self.method.step(stage, batch, players, StepInfo(step, stage.steps))
            players.average_buffers()
        self.skipped += players.skipped - before
        self.watchdog.beat()
        done = step + 1
        metrics = {f"{stage.name}/{name}": float(value) for name, value in values.items()}
        due = done % self.settings.log_steps == 0 or done == stage.steps or players.skipped > before
        if self._is_validated(index, done):
            metrics |= self._validate(index, done, players)
            due = True
        if due:
            metrics |= {f"{stage.name}/lr/{name}": rate for name, rate in players.rates().items()}
            self.log.write(metrics | {"skipped": self.skipped}, self._done_before(index) + done)
        self.progress(self._done_before(index) + done, self._done_before(len(self.stages)), "train")
        if done < stage.steps:
            self._save_if_due(index, done, players)

    def _set_random_state(self, index: int, step: int) -> None:
        """Python's generator is the same on all ranks (for decisions they must share), numpy's and torch's are not."""
        random.seed(key(STEP, self.seed, index, step))
        own = key(STEP, self.seed, index, step, 1 + launch.rank())
        np.random.seed(own & 0xFFFFFFFF)
        torch.default_generator.manual_seed(own)  # torch.manual_seed costs 0.1 ms where CUDA is not in use
        if self.device.type == "cuda":
            torch.cuda.manual_seed(own)

    def _save_if_due(self, index: int, done: int, players: Players) -> None:
        """A checkpoint when time or steps have passed, or when a signal asks to stop (which then happens)."""
        stop = launch.any_rank(bool(self.signals.received), self.device)
        passed = time.monotonic() - self.saved >= max(self.settings.checkpoint_seconds, SAVE_SHARE * self.save_seconds)
        if stop or passed or done % self.settings.checkpoint_steps == 0:
            self._save_step(index, done, players)
        if stop:
            launch.barrier()
            self.signals.stop()

    def _is_validated(self, index: int, done: int) -> bool:
        stage = self.stages[index]
        every = max(-(-stage.steps // max(1, self.settings.validations)), self.settings.validation_gap)
        return stage.validate and (done % every == 0 or done == stage.steps)

    def _validate(self, index: int, done: int, players: Players) -> dict[str, float]:
        """Look at ``val`` on rank 0, and keep the weights if they are the best of this stage."""
        clips = validation_clips(self.dataset, self.settings.val_clips) if launch.is_main() else []
        if not clips:
            return {}
        seed = key(VALIDATION, self.seed)
        frames, beat = self.settings.val_frames, self.watchdog.beat
        with players.paused(), memory_errors(self.config):
            error = validation_error(self.method, clips, frames, self.device, self.precision, seed, beat)
        if error < (self.best["error"] if self.best and self._has_best(index) else float("inf")):
            self.best = {"error": error, "stage": index, "step": done}
            self.checkpoints.save(self.checkpoints.best, self._state(index, done, None))
        return {f"{self.stages[index].name}/val_l1": error}

    def _has_best(self, index: int) -> bool:
        """Whether ``best.pt`` holds a look at this stage (``best`` itself also remembers an earlier stage's error)."""
        return self.best is not None and self.best["stage"] == index

    def _end_stage(self, index: int) -> None:
        """The stage's best weights go on; the last stage writes ``best.pt`` if it has none, then ``final.pt``."""
        stage = self.stages[index]
        last = index == len(self.stages) - 1
        final = self._state(index, stage.steps, None)
        if launch.is_main() and last:
            if not self._has_best(index):
                self.checkpoints.save(self.checkpoints.best, final)
            self.checkpoints.save(self.checkpoints.final, final)
        launch.barrier()
        if launch.from_main(self._has_best(index)):
            load_networks(self.method, self.checkpoints.best)
        if not last:
            self._save_step(index, stage.steps, None)
        if launch.any_rank(bool(self.signals.received), self.device):
            self.signals.stop()

    # -- checkpoints ---------------------------------------------------------------------------------------------
    def _elapsed(self) -> float:
        return self.seconds + time.monotonic() - self.begun

    def _state(self, index: int, step: int, players: Players | None) -> dict[str, Any]:
        """The state to save (see :mod:`bench.checkpoints`); without players it carries no optimisers."""
        return {
            "schema": SCHEMA,
            "method": self.method.spec.name,
            "config": self.config,
            "config_digest": digest(self.config),
            "size": self.dataset.size,
            "stage": index,
            "stage_name": self.stages[index].name,
            "step": step,
            "models": models_of(self.method),
            "optimizers": players.state() if players else {},
            "best": self.best,
            "skipped": self.skipped,
            "streak": players.streak if players else 0,
            "seconds": self._elapsed(),
        }

    def _save_step(self, index: int, step: int, players: Players | None) -> None:
        begun = time.monotonic()
        if launch.is_main():
            self.checkpoints.save_step(self._state(index, step, players))
        self.watchdog.beat()
        self.saved = time.monotonic()
        self.save_seconds = self.saved - begun

    def _load_final(self) -> bool:
        """Whether training is complete; then the method gets the weights of ``best.pt``."""
        if not (self.checkpoints.whole(self.checkpoints.final) and self.checkpoints.whole(self.checkpoints.best)):
            return False
        state = self.checkpoints.load(self.checkpoints.final)
        check_origin(state, self.method, str(self.checkpoints.final), same_config=True)
        load_networks(self.method, self.checkpoints.best)
        self._take_over(state)
        return True

    def _load_latest(self) -> Mapping[str, Any] | None:
        """The newest whole checkpoint, loaded; else the initial weights where the method has any."""
        state = self.checkpoints.latest(_warn)
        if state is None:
            initial = self.method.initial_checkpoint()
            if initial is not None:
                load_networks(self.method, initial)
            self.log.rewind(0)
            return None
        check_origin(state, self.method, f"the checkpoint in {self.checkpoints.folder}", same_config=True)
        set_models(self.method, state["models"])
        self._take_over(state)
        if self._has_best(state["stage"]) and not self.checkpoints.whole(self.checkpoints.best):
            _warn(f"{self.checkpoints.best} is damaged; the search for the best weights begins anew")
            self.best = None
        self.log.rewind(self._done_before(state["stage"]) + state["step"])
        return state

    def _take_over(self, state: Mapping[str, Any]) -> None:
        self.best, self.skipped, self.seconds = state["best"], state["skipped"], state["seconds"]


def _warn(text: str) -> None:
    if launch.is_main():
        print(f"warning: {text}", file=sys.stderr)
