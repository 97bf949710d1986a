"""What a sweep was asked for: kept beside its trials, so that it can be resumed by its name alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.evaluation.select import find_metric
from bench.spec import check_choice
from datasets.errors import MissingInputError, UsageError
from datasets.files import read_json, write_json

SAMPLERS = ("tpe", "gp", "random")
PRUNERS = ("auto", "halving", "median", "wilcoxon", "none")
#: What a trial costs, as an objective or a constraint: seconds of training, bytes of peak memory, parameters.
COSTS = ("cost.seconds", "cost.memory", "cost.parameters")
REQUEST = "request.json"


@dataclass(frozen=True)
class Objective:
    """A number to make small or large: ``val.<metric>`` or one of :data:`COSTS`."""

    name: str
    direction: str

    @property
    def metric(self) -> str:
        """Id of the metric; "" for a cost."""
        return self.name.removeprefix("val.") if self.name.startswith("val.") else ""


@dataclass(frozen=True)
class Budget:
    """What each method gets: trials, or seconds of device time; 0 = not limited by that."""

    trials: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.trials} trials" if self.trials else f"{self.seconds:g} s of device time"


@dataclass(frozen=True)
class SweepRequest:
    """Everything that makes a sweep what it is.

    Attributes:
        objectives: at least one. constraints: name -> largest value.
        spaces: method -> file (absent: the suite's own). storage: "" = SQLite beside the trials, or a URL.
        clips, frames: of the validation split that a metric sees.
        checkpoint: score it under each trial's config instead of training.
    """

    name: str
    methods: tuple[str, ...]
    dataset: str
    preset: str
    budget: Budget
    objectives: tuple[Objective, ...]
    constraints: dict[str, float] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    sampler: str = "tpe"
    pruner: str = "auto"
    deterministic: bool = False
    storage: str = ""
    clips: int = 8
    frames: int = 24
    checkpoint: str = ""
    device: str = "auto"
    precision: str = "fp32"
    track: str = "wandb"
    online: bool = False
    annotation_class: str = "exact"
    runs: str = "runs"

    @property
    def folder(self) -> Path:
        """Where its study, logs and results lie: beside the runs."""
        return sweep_folder(Path(self.runs), self.name)

    def write(self) -> None:
        """Keep it. Raises StorageError."""
        write_json(self.folder / REQUEST, asdict(self))


def sweep_folder(runs: Path, name: str = "") -> Path:
    """Where sweeps lie: beside the runs."""
    return runs.absolute().parent / "sweeps" / name


def read_request(runs: Path, name: str) -> SweepRequest:
    """The request of a sweep.

    Raises:
        MissingInputError: there is no such sweep (those that there are, are named). SuiteError: it is damaged.
    """
    path = sweep_folder(runs, name) / REQUEST
    if not path.is_file():
        known = ", ".join(sorted(p.parent.name for p in sweep_folder(runs).glob(f"*/{REQUEST}"))) or "none"
        raise MissingInputError(f"there is no sweep {name!r} beside {runs}", f"known: {known}")
    fields = read_json(path)
    fields |= {
        "methods": tuple(fields["methods"]), "budget": Budget(**fields["budget"]),
        "objectives": tuple(Objective(**o) for o in fields["objectives"]),
    }  # fmt: skip
    return SweepRequest(**fields)


# -- what the user writes ----------------------------------------------------------------------------------------
def parse_budget(text: str) -> Budget:
    """``trials=20``, or ``seconds=3600`` of device time.

    Raises:
        UsageError: anything else.
    """
    match = re.fullmatch(r"(trials|seconds)=(\d+(?:\.\d+)?)", text.strip())
    if match is None or float(match[2]) <= 0 or (match[1] == "trials" and "." in match[2]):
        raise UsageError(f"--budget {text!r} is not known", "write --budget trials=20 or --budget seconds=3600")
    return Budget(trials=int(match[2])) if match[1] == "trials" else Budget(seconds=float(match[2]))


def parse_objective(text: str) -> Objective:
    """``val.<metric>`` or a cost.

    Raises:
        UsageError: a split other than ``val`` (nothing is tuned on what is reported), an unknown metric, or one without
            a direction.
    """
    if text in COSTS:
        return Objective(text, "minimize")
    split, _, metric = text.partition(".")
    if split != "val":
        raise UsageError(
            f"the objective {text!r} is not of the validation split",
            f"nothing is tuned on the test split; write val.<metric>, such as val.l1, or one of {', '.join(COSTS)}",
        )
    direction = {"lower": "minimize", "higher": "maximize"}.get(find_metric(metric).direction)
    if direction is None:
        raise UsageError(f"the metric {metric} has no better or worse", "choose one with a direction")
    return Objective(text, direction)


def parse_constraints(items: Sequence[str]) -> dict[str, float]:
    """``["cost.memory<=8e9"]`` -> name -> largest value. Raises UsageError."""
    found = {}
    for item in items:
        name, sign, text = (part.strip() for part in item.partition("<="))
        check_choice("--constraint", name, COSTS)
        try:
            found[name] = float(text)
        except ValueError:
            sign = ""
        if not sign:
            raise UsageError(f"--constraint {item!r} is not of the form NAME<=VALUE", "such as cost.memory<=8e9")
    return found
