"""What of a matrix is done, stale, missing or failed, and how long the rest will take."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.identity import explain
from bench.matrix.file import Cell
from bench.progress import span
from bench.spec import Run, resolve
from bench.standing import is_complete
from bench.store import RunFolder
from datasets.errors import MissingInputError

#: States of a cell before it is run; ``done`` is not run again.
STATES = ("done", "stale", "unfinished", "failed", "missing", "unavailable")
OUTCOMES = "outcomes.csv"


@dataclass(frozen=True)
class Planned:
    """One cell and where it stands.

    Attributes:
        run: resolved; None where something that it needs is missing.
        why: what changed, how far it is, or what is missing. seconds: expected; None where nothing like it was run.
    """

    cell: Cell
    run: Run | None
    state: str
    why: str = ""
    seconds: float | None = None


def plan(cells: Sequence[Cell]) -> list[Planned]:
    """Where every cell stands. Nothing is made or changed.

    Raises:
        UsageError: a cell makes no sense; then nothing of the matrix should be run.
    """
    known = _known_seconds(cells)
    return [_planned(cell, known) for cell in cells]


def _planned(cell: Cell, known: Mapping[tuple[str, ...], list[float]]) -> Planned:
    try:
        run = resolve(cell.spec)
    except MissingInputError as error:
        return Planned(cell, None, "unavailable", error.message)
    state, why = standing(run)
    return Planned(cell, run, state, why, None if state == "done" else expected(cell, known))


def standing(run: Run) -> tuple[str, str]:
    """State of a run, and why."""
    if is_complete(run):
        return "done", ""
    folder = RunFolder(run.folder)
    if not folder.exists:
        older = _older(run)
        return ("stale", older) if older else ("missing", "")
    if folder.problem:
        return "stale", folder.problem
    record = folder.json
    if record["status"] == "complete":
        return "stale", next(iter(explain(record, run)), "some of it is still to be generated or scored")
    if record["status"] in ("running", "interrupted"):
        return "unfinished", record["reason"]
    return "failed", f"{record['status']}: {record['reason']}"


def _older(run: Run) -> str:
    """What changed since a run of the same row that depended on something else; "" where there is none."""
    for path in sorted(run.folder.parent.glob(f"{run.spec.preset}-s{run.spec.seed}-*/run.json")):
        folder = RunFolder(path.parent)
        if ".old-" in path.parent.name or folder.problem:
            continue
        record = folder.json
        if record["overrides"] == dict(run.spec.overrides) and record["spec"].get("checkpoint") == _text(run):
            return next(iter(explain(record, run)), "it depended on something else")
    return ""


def _text(run: Run) -> str | None:
    return str(run.spec.checkpoint) if run.spec.checkpoint else None


# -- time --------------------------------------------------------------------------------------------------------
def matrix_folder(runs: Path, name: str = "") -> Path:
    """Where matrices keep their tables and logs: beside the runs."""
    return runs.absolute().parent / "matrix" / name


def expected(cell: Cell, known: Mapping[tuple[str, ...], list[float]]) -> float | None:
    """Median seconds of the nearest cells that were run from their beginning: same row, same method, same preset."""
    spec = cell.spec
    for key in ((cell.row, spec.dataset, spec.preset), (spec.method, spec.preset), (spec.preset,)):
        if known.get(key):
            return median(known[key])
    return None


def _known_seconds(cells: Sequence[Cell]) -> dict[tuple[str, ...], list[float]]:
    known: dict[tuple[str, ...], list[float]] = {}
    for folder in {matrix_folder(cell.spec.runs) for cell in cells}:
        for path in sorted(folder.glob(f"*/{OUTCOMES}")):
            for row in read_outcomes(path):
                if row["outcome"] == "complete" and row["before"] == "missing":
                    method = row["row"].partition("+")[0].partition("[")[0]
                    keys = ((row["row"], row["dataset"], row["preset"]), (method, row["preset"]), (row["preset"],))
                    for key in keys:
                        known.setdefault(key, []).append(float(row["seconds"]))
    return known


def read_outcomes(path: Path) -> list[dict[str, str]]:
    """The rows of a table of outcomes; none where it is not there or cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, csv.Error, UnicodeDecodeError):
        return []


def estimate(planned: Iterable[Planned], at_once: int) -> str:
    """``about 12 min`` of what is to be run, with what it leaves out."""
    left = [p for p in planned if p.state not in ("done", "unavailable")]
    if not left:
        return "nothing to do"
    timed = [p.seconds for p in left if p.seconds is not None]
    if not timed:
        return "time unknown: nothing like it was run here"
    rest = f", and {len(left) - len(timed)} cells of unknown time" if len(timed) < len(left) else ""
    return f"about {span(sum(timed) / max(1, min(at_once, len(left))))}{rest}"


def describe(planned: Sequence[Planned]) -> list[dict[str, Any]]:
    """The plan as rows of a table."""
    return [
        {
            "row": p.cell.row, "dataset": p.cell.spec.dataset, "preset": p.cell.spec.preset, "seed": p.cell.spec.seed,
            "state": p.state, "expected": "" if p.seconds is None else span(p.seconds), "why": p.why,
        }
        for p in planned
    ]  # fmt: skip
