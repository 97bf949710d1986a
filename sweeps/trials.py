"""Between the study and the executor: what a trial is started with, what it says on the way, and what it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.executors.base import Task
from bench.spec import RunSpec, resolve
from bench.store import RunFolder
from bench.tracking import LOG_NAME
from bench.unit import unit_task, write_spec
from datasets.errors import SuiteError
from datasets.files import read_json, safe_name
from sweeps.request import SweepRequest
from sweeps.space import Space
from sweeps.study import Asked


class Trials(Protocol):
    """How a trial becomes a task and how its values come back; tests plant their own."""

    def task(self, method: str, asked: Asked) -> Task:
        """The task of a trial; its id is unique in the sweep."""

    def looks(self, method: str, asked: Asked) -> list[float]:
        """What it said on the way, from its first look on; smaller is better as in the objective's direction."""

    def result(self, method: str, asked: Asked) -> Mapping[str, Any]:
        """``values``, ``costs`` and ``run`` of a trial that is done. Raises SuiteError."""

    def ended(self, method: str, asked: Asked, reason: str) -> None:
        """It was stopped before its end."""


def trial_id(method: str, number: int) -> str:
    """``tps-t007``: trials are counted from 1."""
    return f"{safe_name(method)}-t{number + 1:03d}"


@dataclass
class RunTrials:
    """Trials that are runs of the suite.

    Attributes:
        spaces: method -> space. cpus, gpus: of each trial.
    """

    request: SweepRequest
    spaces: Mapping[str, Space]
    cpus: int = 1
    gpus: int = 0
    _folders: dict[str, Path] = field(default_factory=dict)

    def spec(self, method: str, asked: Asked) -> RunSpec:
        """The run of a trial: with the preset's own values it is the very run that ``bench run`` makes."""
        request = self.request
        overrides = {**request.overrides, **self.spaces[method].overrides(asked.values)}
        checkpoint = Path(request.checkpoint) if request.checkpoint else None
        return RunSpec(
            method, request.dataset, request.preset, overrides=overrides, seed=request.seed, checkpoint=checkpoint,
            device=request.device, precision=request.precision, track=request.track, online=request.online,
            runs=Path(request.runs), annotation_class=request.annotation_class,
        )  # fmt: skip

    def _folder(self, method: str, asked: Asked) -> Path:
        name = trial_id(method, asked.number)
        if name not in self._folders:
            self._folders[name] = resolve(self.spec(method, asked), test=False).folder
        return self._folders[name]

    def _place(self, kind: str, name: str, suffix: str) -> Path:
        return self.request.folder / kind / f"{name}{suffix}"

    def task(self, method: str, asked: Asked) -> Task:
        """The task: a subprocess that trains and scores, and resumes."""
        name, request = trial_id(method, asked.number), self.request
        spec = write_spec(
            self._place("trials", name, ".json"), self.spec(method, asked),
            result=str(self._place("results", name, ".json")), looks=str(self._place("looks", name, ".jsonl")),
            metrics=[o.metric for o in request.objectives if o.metric], clips=request.clips, frames=request.frames,
            sweep={"name": request.name, "trial": asked.number + 1, "budget": str(request.budget),
                   "objective": ", ".join(o.name for o in request.objectives)},
        )  # fmt: skip
        log = self._place("logs", name, ".log")
        return unit_task(name, spec, log, request.name, "sweeps.trial", cpus=self.cpus, gpus=self.gpus)

    def looks(self, method: str, asked: Asked) -> list[float]:
        """The looks of its training at ``val``, or clip by clip what an evaluation found."""
        if self.request.checkpoint:
            lines = _lines(self._place("looks", trial_id(method, asked.number), ".jsonl"))
            return [float(line["value"]) for line in lines if "value" in line]
        lines = _lines(self._folder(method, asked) / LOG_NAME)
        found = [value for line in lines for key, value in line.items() if key.endswith("/val_l1")]
        sign = -1.0 if self.request.objectives[0].direction == "maximize" else 1.0
        return [sign * float(value) if value is not None else float("inf") for value in found]

    def result(self, method: str, asked: Asked) -> Mapping[str, Any]:
        """What its process left. Raises MissingInputError, SuiteError."""
        found = read_json(self._place("results", trial_id(method, asked.number), ".json"))
        values = {f"val.{name}": value for name, value in found["values"].items()}
        run = Path(found["run"])
        place = run.relative_to(self.request.runs).as_posix() if run.is_relative_to(self.request.runs) else run.name
        return {
            "values": values | found["costs"],
            "costs": found["costs"],
            "run": "" if self.request.checkpoint else place,
        }

    def ended(self, method: str, asked: Asked, reason: str) -> None:
        """Note in its run why it is not complete, so that a board can say it."""
        folder = RunFolder(self._folder(method, asked))
        if self.request.checkpoint or not folder.exists:
            return
        try:
            with folder.lock():
                if folder.json["status"] in ("running", "interrupted"):
                    folder.update(status="interrupted", reason=f"{reason} (sweep {self.request.name})")
        except SuiteError:  # somebody else works there: it is theirs now
            return


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a JSONL file that may be written at the moment."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines(keepends=True):
        try:
            found.append(json.loads(line) if line.endswith("\n") else {})
        except ValueError:
            break
    return found
