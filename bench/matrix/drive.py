"""Run what is left of a matrix, and write one table of outcomes as it goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.board import complete_sanity_rows, refresh_report
from bench.executors.base import Executor, Outcome
from bench.matrix.plan import OUTCOMES, Planned, matrix_folder
from bench.progress import Progress, span
from bench.spec import Run
from bench.store import RunFolder
from bench.unit import last_error, unit_task, write_spec
from datasets.errors import SuiteError
from datasets.files import write_text


@dataclass(frozen=True)
class CellOutcome:
    """One line of the table.

    Attributes:
        before: its state in the plan. outcome: ``complete``, or the status that its run recorded, or how its process
            ended (``killed``, ``timeout``, ``cancelled``); ``pending`` before it was run.
        seconds: that this matrix spent on it. run: place of its folder below the runs.
    """

    row: str
    dataset: str
    preset: str
    seed: int
    before: str
    outcome: str = "pending"
    reason: str = ""
    status: str = ""
    seconds: float = 0.0
    attempts: int = 0
    where: str = ""
    run: str = ""
    log: str = ""

    @property
    def good(self) -> bool:
        """Whether the cell is complete."""
        return self.outcome == "complete"


class FailedCellsError(SuiteError):
    """A matrix is finished, and some of its cells failed (exit status 6)."""

    status = 6


@dataclass(frozen=True)
class Demand:
    """What every cell occupies: cores, GPUs (more than one: its training runs by torchrun), seconds an attempt."""

    cpus: int = 1
    gpus: int = 0
    timeout_s: float = 0.0
    retries: int = 2


def check_outcomes(outcomes: Sequence[CellOutcome], table: Path) -> None:
    """Raise FailedCellsError where some cells are not complete."""
    bad = [outcome for outcome in outcomes if not outcome.good]
    if bad:
        first = f"{bad[0].row} on {bad[0].dataset}: {bad[0].outcome}" + (f" ({bad[0].reason})" if bad[0].reason else "")
        raise FailedCellsError(
            f"{len(bad)} of {len(outcomes)} cells failed; the first: {first}",
            f"all of them stand in {table}; run the same command again to try them again",
        )


def run_matrix(name: str, planned: Sequence[Planned], executor: Executor, demand: Demand) -> list[CellOutcome]:
    """Run the cells that are not done, then the sanity rows, and build the report once.

    Every outcome is in the table as soon as it is known. A cell that fails leaves the others alone. Killed at any
    moment, the same call goes on: finished cells are done, the others resume.

    Raises:
        StorageError: the table or the report cannot be written.
    """
    runs = planned[0].cell.spec.runs
    folder = matrix_folder(runs, name)
    outcomes = {p.cell.id: _first(p) for p in planned}
    left = {p.cell.id: p for p in planned if p.state not in ("done", "unavailable")}
    _write(folder, outcomes.values())
    with Progress() as progress:
        done = 0

        def settle(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            found = _settled(left[outcome.task.id], outcomes[outcome.task.id], outcome)
            outcomes[outcome.task.id] = found
            _write(folder, outcomes.values())
            _say(f"{done} of {len(left)}: {found.row} on {found.dataset}, seed {found.seed}: {found.outcome}"
                 f"{f' ({found.reason})' if found.reason else ''}, {span(found.seconds)}")  # fmt: skip
            progress(done, len(left), "cells")

        progress(0, len(left), "cells")
        _submit(left.values(), folder, executor, demand, name)
        drain(executor, settle)
        for run in _one_a_board(planned):
            complete_sanity_rows(run, progress)
        refresh_report(runs)
    return list(outcomes.values())


def drain(executor: Executor, settle: Callable[[Outcome], None]) -> None:
    """Hand over every outcome until nothing is left."""
    while executor.busy:
        for outcome in executor.wait():
            settle(outcome)


def _submit(left: Iterable[Planned], folder: Path, executor: Executor, demand: Demand, name: str) -> None:
    for p in left:
        spec = write_spec(folder / "cells" / f"{p.cell.id}.json", p.cell.spec)
        task = unit_task(
            p.cell.id, spec, folder / "logs" / f"{p.cell.id}.log", name,
            cpus=demand.cpus, gpus=demand.gpus, timeout_s=demand.timeout_s, retries=demand.retries,
        )  # fmt: skip
        ranks = ("--ranks", str(demand.gpus)) if demand.gpus > 1 else ()
        executor.submit(replace(task, command=(*task.command, *ranks)))


def _first(planned: Planned) -> CellOutcome:
    spec = planned.cell.spec
    run = planned.run.folder.relative_to(spec.runs).as_posix() if planned.run else ""
    known = {"done": ("complete", ""), "unavailable": ("missing-input", planned.why)}
    outcome, reason = known.get(planned.state, ("pending", ""))
    plain = CellOutcome(planned.cell.row, spec.dataset, spec.preset, spec.seed, planned.state, outcome, reason)
    return replace(plain, run=run)


def _settled(planned: Planned, before: CellOutcome, outcome: Outcome) -> CellOutcome:
    """What the run's own record says comes first: it knows a divergence from a crash."""
    assert planned.run is not None
    kind, reason = outcome.kind, outcome.reason
    folder = RunFolder(planned.run.folder)
    record = folder.summary if folder.exists else {}
    if kind == "done":
        kind, reason = "complete", ""
    elif kind == "failed":
        recorded = record.get("status", "")
        kind = recorded if recorded not in ("", "running", "complete", "interrupted") else "crashed"
        reason = record.get("reason") or last_error(outcome.task.log) or reason
    return replace(
        before, outcome=kind, reason=reason, status="" if outcome.status is None else str(outcome.status),
        seconds=round(outcome.seconds, 3), attempts=outcome.attempts, where=outcome.where, log=outcome.task.log.name,
    )  # fmt: skip


def _write(folder: Path, outcomes: Iterable[CellOutcome]) -> None:
    from leaderboard.export import to_csv

    write_text(folder / OUTCOMES, to_csv([asdict(outcome) for outcome in outcomes]))


def _one_a_board(planned: Sequence[Planned]) -> list[Run]:
    """A run of each data set, preset and annotation class: the sanity rows are the same for all of them."""
    found: dict[tuple[object, ...], Run] = {}
    for p in planned:
        if p.run is not None:
            spec = p.cell.spec
            found.setdefault((spec.dataset, spec.preset, spec.annotation_class, tuple(p.run.protocols)), p.run)
    return list(found.values())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
