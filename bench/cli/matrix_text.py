"""What ``bench matrix`` and ``bench ablate`` print: the plan, the outcomes, and where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import typer

from bench.board import report_folder
from bench.cli.text import table
from bench.executors.base import Executor
from bench.executors.open import Share
from bench.matrix.drive import CellOutcome, Demand, check_outcomes, run_matrix
from bench.matrix.plan import OUTCOMES, STATES, Planned, describe, estimate, matrix_folder


def print_plan(planned: Sequence[Planned], at_once: int) -> None:
    """Every cell with its state, and how long the rest will take."""
    typer.echo(table(describe(planned), ("row", "dataset", "preset", "seed", "state", "expected", "why")))
    count = Counter(p.state for p in planned)
    said = ", ".join(f"{count[state]} {state}" for state in STATES if count[state])
    typer.echo(f"{len(planned)} cells: {said}; {estimate(planned, at_once)}")


def run_and_print(
    name: str, planned: Sequence[Planned], executor: Executor, share: Share, timeout_s: float = 0.0
) -> list[CellOutcome]:
    """Run what is left and print the table of outcomes. Raises FailedCellsError where cells failed."""
    outcomes = run_matrix(name, planned, executor, Demand(share.cpus, share.gpus, timeout_s))
    runs = planned[0].cell.spec.runs
    path = matrix_folder(runs, name) / OUTCOMES
    rows = [asdict(o) | {"seconds": f"{o.seconds:.1f}"} for o in outcomes]
    typer.echo(table(rows, ("row", "dataset", "preset", "seed", "outcome", "seconds", "attempts", "where", "reason")))
    typer.echo(f"outcomes: {path}")
    typer.echo(f"report: {report_folder(runs) / 'index.html'}")
    check_outcomes(outcomes, path)
    return outcomes
