"""A run together with what it is read against: the sanity rows of its data set, and the report."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from bench import registry
from bench.outcome import terminable
from bench.progress import Progress
from bench.run import Done, execute
from bench.spec import Run, RunSpec, resolve
from bench.store import RunFolder
from datasets.errors import SuiteError


def run_with_board(spec: RunSpec, resume: bool = True) -> tuple[Run, Done]:
    """Bring a run, and the sanity rows of its data set and preset, to their end; then refresh the report.

    A sanity row that fails is said and stays visible as a failed run; it does not fail the run that asked for it. The
    report is refreshed in any case, so that a failed run is seen there with its reason.

    Raises:
        SuiteError: as :func:`bench.spec.resolve` and :func:`bench.run.execute` do.
    """
    run = resolve(spec)
    with terminable(), Progress() as progress:
        try:
            done = execute(run, progress, resume)
            complete_sanity_rows(run, progress)
        finally:
            if run.folder.is_dir():
                refresh_report(spec.runs)
    return run, done


def sanity_specs(run: Run) -> list[RunSpec]:
    """The suite's own sanity rows for a run's data set, preset and protocols, as runs of their own."""
    plain = replace(
        run.spec, variant="", mode="", overrides={}, seed=0, checkpoint=None, protocols=tuple(run.protocols),
        device="cpu", precision="fp32", track="none", online=False,
    )  # fmt: skip
    names = [name for name, entry in registry.entries("methods").items() if not entry.distribution]
    return [replace(plain, method=name) for name in names if registry.get("methods", name).sanity]


def complete_sanity_rows(run: Run, progress: Progress) -> list[Done]:
    """Make the sanity rows that are not there yet; those that are complete cost nothing."""
    done = []
    for spec in sanity_specs(run):
        if spec.method == run.method_spec.name:
            continue
        try:
            done.append(execute(resolve(spec), progress))
        except SuiteError as error:
            print(f"warning: the sanity row {spec.method} is not complete: {error.message}", file=sys.stderr)
    return done


def report_folder(runs: Path) -> Path:
    """Where the report of a runs folder lies: beside it."""
    return runs.absolute().parent / "report"


def refresh_report(runs: Path) -> Path | None:
    """Write the report anew; None, with a warning, where that fails: the scores are safe in the run folders."""
    from leaderboard.report import write_report

    try:
        return write_report(runs, report_folder(runs))
    except SuiteError as error:
        print(f"warning: the report was not refreshed: {error.message}", file=sys.stderr)
        return None


def sanity_folders(run: Run) -> list[RunFolder]:
    """The folders of a run's sanity rows that are there."""
    folders = [RunFolder(resolve(spec).folder) for spec in sanity_specs(run) if spec.method != run.method_spec.name]
    return [folder for folder in folders if folder.exists]
