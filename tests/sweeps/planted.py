"""A planted objective in the place of training, and an executor that runs it in this process."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.executors.base import Ended, Executor, Task
from bench.progress import Progress
from sweeps.drive import Sweep
from sweeps.request import SweepRequest
from sweeps.space import Parameter, Space
from sweeps.study import Asked, SweepStudy
from sweeps.trials import trial_id

#: Where the planted optimum lies: lr = 10 ** -3.4, width share 0.7.
BEST = (-3.4, 0.7)
SPACE = Space(
    {
        "lr": Parameter(type="float", low=1e-5, high=1e-1, log=True),
        "share": Parameter(type="float", low=0.0, high=1.0),
    },
    {"lr": 1e-2, "share": 0.2},
)


def planted(values: Mapping[str, Any]) -> float:
    """A bowl: 0 at :data:`BEST`, about 1 at the far corner."""
    x, y = (math.log10(values["lr"]) - BEST[0]) / 4, values["share"] - BEST[1]
    return x * x + y * y


@dataclass
class Planted:
    """Trials whose value is a formula; every look is the value with what is left to learn.

    Attributes:
        asked: every point that was started, in order.
    """

    formula: Callable[[Mapping[str, Any]], float] = planted
    count: int = 6
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    known: dict[str, float] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)

    def task(self, method: str, asked: Asked) -> Task:
        name = trial_id(method, asked.number)
        self.asked.append((method, dict(asked.values)))
        self.known[name] = self.formula(asked.values)
        return Task(name, ("true",), Path("none.log"))

    def looks(self, method: str, asked: Asked) -> list[float]:
        value = self.known[trial_id(method, asked.number)]
        return [value + 0.5 / (i + 1) for i in range(self.count)]

    def result(self, method: str, asked: Asked) -> dict[str, Any]:
        value = self.known[trial_id(method, asked.number)]
        costs = {"cost.seconds": 1.0, "cost.memory": 1e9 * asked.values["share"], "cost.parameters": 5.0}
        return {"values": {"val.l1": value} | costs, "costs": costs, "run": "a/b/c"}

    def ended(self, method: str, asked: Asked, reason: str) -> None:
        self.stopped[trial_id(method, asked.number)] = reason


class Instant(Executor):
    """Tasks that end when they are asked for the ``delay``-th time."""

    def __init__(self, delay: int = 1, seconds: float = 1.0) -> None:
        super().__init__()
        self.delay, self.seconds = delay, seconds

    def check(self, task: Task) -> None:
        """Anything fits."""

    def has_room(self, task: Task) -> bool:
        """Always."""
        return True

    def start(self, task: Task, environment: Mapping[str, str]) -> list[int]:
        """Count down from here."""
        return [self.delay]

    def poll(self, handle: list[int]) -> Ended | None:
        """After a few questions it has ended."""
        handle[0] -= 1
        return Ended(0 if handle[0] > -9 else 143, self.seconds, where="here") if handle[0] <= 0 else None

    def stop(self, handle: list[int]) -> None:
        """End at the next question."""
        handle[0] = -9


def sweep(
    request: SweepRequest, url: str, trials: Planted, executor: Executor | None = None, at_once: int = 1
) -> list[SweepStudy]:
    """Run a planted sweep to its end; returns the studies."""
    studies = [SweepStudy(request, method, SPACE, url) for method in request.methods]
    with executor or Instant() as running, Progress(stream=sys.stderr) as progress:
        Sweep(request, studies, trials, running, at_once, 0.0).run(progress)
    return studies
