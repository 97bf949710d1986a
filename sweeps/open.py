"""Open a sweep: its studies, its executor, and what is left behind at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.board import refresh_report
from bench.executors.open import Room, open_executor
from bench.locks import folder_lock
from bench.progress import Progress
from bench.spec import open_dataset
from bench.store import RunFolder
from datasets.errors import SuiteError
from sweeps.drive import Sweep
from sweeps.request import SweepRequest
from sweeps.space import Space, load_space
from sweeps.study import SweepStudy
from sweeps.summary import summarise, write_result
from sweeps.trials import RunTrials


def spaces_of(request: SweepRequest) -> dict[str, Space]:
    """The space of every method. Raises UsageError, MissingInputError."""
    return {
        method: load_space(
            method, request.preset, Path(request.spaces[method]) if method in request.spaces else None,
            request.overrides,
        )
        for method in request.methods
    }  # fmt: skip


def open_studies(request: SweepRequest, spaces: dict[str, Space]) -> list[SweepStudy]:
    """The studies, made where they are not there yet."""
    request.folder.mkdir(parents=True, exist_ok=True)
    url = request.storage or f"sqlite:///{request.folder / 'study.db'}"
    return [SweepStudy(request, method, spaces[method], url) for method in request.methods]


def run_sweep(request: SweepRequest, room: Room) -> dict[str, Any]:
    """Run what is left of a sweep; returns its summary.

    Raises:
        UsageError: it makes no sense, another process runs it, or it was begun with another space.
        MissingInputError: data, a space or the database are not there.
    """
    spaces = spaces_of(request)
    open_dataset(request.dataset, request.preset, request.annotation_class)  # an unknown one makes no folder
    runs = Path(request.runs)
    runs.mkdir(parents=True, exist_ok=True)
    with folder_lock(request.folder):
        request.write()
        studies = open_studies(request, spaces)
        executor, share = open_executor(room, request.device, runs)
        trials = RunTrials(request, spaces, share.cpus, share.gpus)
        try:
            with executor, Progress() as progress:
                Sweep(request, studies, trials, executor, share.at_once).run(progress)
        finally:
            write_result(request, studies)
        summary = summarise(request, studies)
        _mark_tuned(request, summary)
    refresh_report(runs)
    return summary


def read_sweep(request: SweepRequest) -> dict[str, Any]:
    """The summary of a sweep as it stands, while it runs too."""
    return summarise(request, open_studies(request, spaces_of(request)))


def _mark_tuned(request: SweepRequest, summary: dict[str, Any]) -> None:
    """Say in the run of the best trial that it was tuned, on what budget: its row must not pass for a published one."""
    for method in summary["methods"]:
        best = next((t for t in method["trials"] if t["number"] == method["best"]), None)
        if best is None or best["published"] or not best["run"]:
            continue
        folder = RunFolder(Path(request.runs) / best["run"])
        try:
            with folder.lock():
                tuned = {"sweep": request.name, "trial": best["number"], "budget": summary["budget"],
                         "trials": method["finished"], "objective": request.objectives[0].name}  # fmt: skip
                folder.update(tuned=tuned)
        except SuiteError:  # somebody scores it at the moment: their record is theirs
            continue
