"""A run together with what it is read against: the sanity rows of its data set, and the report."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

from bench import registry
from bench.outcome import terminable
from bench.progress import Progress, silent
from bench.run import Done, execute
from bench.spec import Run, RunSpec, can_show, resolve
from bench.standing import is_complete
from bench.store import RunFolder
from datasets.errors import SuiteError
from datasets.memory import keep_freed_memory

#: Below this, starting a process takes longer than the frames.
FRAMES_A_WORKER = 2000


def run_with_board(spec: RunSpec, resume: bool = True) -> tuple[Run, Done]:
    """Bring a run, and the sanity rows of its data set and preset, to their end; then refresh the report.

    A sanity row that fails is said and stays visible as a failed run; it does not fail the run that asked for it. The
    report is refreshed for a failed run too, so that it is seen there with its reason; not for an interrupted one,
    which has to end quickly, nor where nothing changed.

    Raises:
        SuiteError: as :func:`bench.spec.resolve` and :func:`bench.run.execute` do.
    """
    with terminable(), Progress() as progress:
        run = resolve(spec, progress)
        say_findings(run)
        try:
            done = execute(run, progress, resume)
        except SuiteError:
            if run.folder.is_dir():
                refresh_report(spec.runs)
            raise
        made = complete_sanity_rows(run, progress)
        if made or done.steps or not (report_folder(spec.runs) / "index.html").is_file():
            refresh_report(spec.runs)
    return run, done


def sanity_runs(run: Run) -> list[Run]:
    """The suite's own sanity rows that a run's data can show, as runs of their own."""
    plain = replace(
        run.spec, variant="", mode="", overrides={}, seed=0, checkpoint=None,
        device="cpu", precision="fp32", track="none", online=False,
    )  # fmt: skip
    names = [name for name, entry in registry.entries("methods").items() if not entry.distribution]
    rows = []
    for method in (registry.get("methods", name) for name in names if name != run.method_spec.name):
        protocols = tuple(name for name, listed in run.protocols.items() if can_show(method, listed.target))
        if method.sanity and protocols:
            row = resolve(replace(plain, method=method.name, protocols=protocols))
            rows += [row] if _has_background(row) else []
    return rows


def _has_background(row: Run) -> bool:
    """Whether the data have the photo without the person, where a row is made of it: real videos do not."""
    if row.method_spec.oracle != "background":
        return True
    protocol, listed = next(iter(row.protocols.items()))
    return not listed.pairs or row.dataset.open(protocol, listed.pairs[0]).source_background is not None


def complete_sanity_rows(run: Run, progress: Progress) -> int:
    """Make the sanity rows that are not there yet, in several processes where that pays; returns how many."""
    rows = [row for row in sanity_runs(run) if not is_complete(row)]
    frames = sum(pair.stop - pair.start for listed in run.protocols.values() for pair in listed.pairs)
    workers = min(len(rows), os.cpu_count() or 1, len(rows) * frames // FRAMES_A_WORKER)
    said = "sanity rows"
    if workers < 2:
        for i, row in enumerate(rows):
            _warn(_make_row(row.spec))
            progress(i + 1, len(rows), said)
        return len(rows)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        try:
            for i, done in enumerate(as_completed([pool.submit(_make_row, row.spec) for row in rows])):
                _warn(done.result())
                progress(i + 1, len(rows), said)
        except BaseException:  # interrupted: leaving the block would wait until the running rows are done
            for worker in multiprocessing.active_children():
                worker.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return len(rows)


def _make_row(spec: RunSpec) -> str:
    """Bring one sanity row to its end; returns what went wrong ("" where nothing did)."""
    try:
        execute(resolve(spec), silent)
    except SuiteError as error:
        return f"the sanity row {spec.method} is not complete: {error.message}"
    return ""


def _start_worker() -> None:
    """One thread a worker, and no worker outlives the process that started it (it would keep its run's lock)."""
    import cv2
    import torch

    keep_freed_memory()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def say_findings(run: Run) -> None:
    """Say on stderr which files of the data set were left out, and what else it found."""
    for finding in run.dataset.findings():
        _warn(finding)


def _warn(text: str) -> None:
    if text:
        print(f"warning: {text}", file=sys.stderr)


def report_folder(runs: Path) -> Path:
    """Where the report of a runs folder lies: beside it."""
    return runs.absolute().parent / "report"


def refresh_report(runs: Path) -> Path | None:
    """Write the report anew; None, with a warning, where that fails: the scores are safe in the run folders."""
    from leaderboard.report import write_report

    try:
        return write_report(runs, report_folder(runs))
    except SuiteError as error:
        _warn(f"the report was not refreshed: {error.message}")
        return None


def sanity_folders(run: Run) -> list[RunFolder]:
    """The folders of a run's sanity rows that are there."""
    folders = [RunFolder(row.folder) for row in sanity_runs(run)]
    return [folder for folder in folders if folder.exists]
