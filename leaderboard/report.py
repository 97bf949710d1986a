"""The static report: built in a temporary folder from the run folders alone, then swapped in whole."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from datasets.errors import StorageError, UsageError
from datasets.files import TEMPORARY, storage_errors
from leaderboard.changes import read_old
from leaderboard.inputs import Store, metric_cards
from leaderboard.prepare import prepare_boards
from leaderboard.remember import store as results
from leaderboard.site import Site

#: a folder with this file is a report of ours, and may be replaced
MARKER = "report.json"
SCHEMA = 2
PAGE = "index.html"
#: Modules that build pages, in the order of the navigation. Each has ``TITLE`` and ``PATH`` (of its entry in the
#: navigation; "" = none) and ``build(site)``; ``site.boards`` is there. Builders may add parts to a board, so that the
#: pages of the boards come last.
PAGES = (
    "leaderboard.pages.pairs",
    "leaderboard.pages.wins",
    "leaderboard.pages.methods",
    "leaderboard.pages.datasets",
    "leaderboard.pages.reported",
    "leaderboard.pages.claims",
    "leaderboard.pages.study",
    "leaderboard.pages.sweeps",
    "leaderboard.pages.metrics",
    "leaderboard.pages.limits",
    "leaderboard.pages.runs",
    "leaderboard.pages.changes",
    "leaderboard.pages.boards",
)


def write_report(
    runs: Path, out: Path | None = None, include: Sequence[Path] = (), public: bool = False, diff: Path | None = None
) -> Path:
    """Write the report of all runs below ``runs``.

    Args:
        runs: the runs folder; an absent or empty one gives a report that says so.
        out: the report's folder (default: ``report`` beside ``runs``); an older report there is replaced in one step.
        include: further runs folders, of other machines say, whose runs join the boards.
        public: show frames only of data that are marked publishable.
        diff: an older report; a page then says what changed since, and why.

    Returns:
        Path of its ``index.html``.

    Raises:
        UsageError: ``out`` is not empty and no report, or ``include`` or ``diff`` is none. StorageError: it cannot be
            written.
    """
    runs = Path(runs).absolute()
    out = runs.parent / "report" if out is None else Path(out).absolute()
    _check_replaceable(out)
    store = Store.of(runs, [Path(folder) for folder in include])
    if diff is not None:
        read_old(diff)  # a wrong folder is said before any work
    temporary = out.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}-report"
    with storage_errors(out):
        try:
            temporary.mkdir(parents=True)
            _build(store, temporary, public, diff)
            _swap(temporary, out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            results().save()
    return out / PAGE


# -- the folder --------------------------------------------------------------------------------------------------
def _check_replaceable(out: Path) -> None:
    """Never delete a folder that this suite did not write."""
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file, not a folder for the report", "choose another --out")
    if any(out.iterdir()) and not (out / MARKER).is_file():
        raise UsageError(f"{out} is not empty and holds no report of this suite", "choose an empty or a new --out")


def _swap(new: Path, out: Path) -> None:
    """Put ``new`` where ``out`` is. Several runs may refresh one report at once: the last one stays."""
    for _ in range(8):
        old = new.with_name(new.name + ".old")
        try:
            if out.exists():
                out.rename(old)
            new.rename(out)
        except OSError:
            if not new.exists() or not out.exists():
                raise
            continue  # somebody else put theirs there between the two renames
        finally:
            shutil.rmtree(old, ignore_errors=True)
        return
    raise StorageError(f"cannot replace {out}: other processes keep writing it", "run bench report again")


# -- content -----------------------------------------------------------------------------------------------------
def _build(store: Store, folder: Path, public: bool, diff: Path | None) -> None:
    loaded = store.load()
    pages: list[ModuleType] = [import_module(name) for name in PAGES]
    nav = [(page.TITLE, page.PATH) for page in pages if page.TITLE]
    nav += [("Changes", "changes.html")] if diff is not None else []
    newest = max((run.finished for run in loaded), default="")
    site = Site(folder, store, loaded, metric_cards(), public, nav, newest=newest, diff=diff)
    prepare_boards(site)
    for page in pages:
        page.build(site)
    index = {
        "schema": SCHEMA, "newest": newest, "public": public,
        "boards": [
            {"id": v.id, **v.board.setting._asdict(), "csv": v.files.csv, "page": v.page()} for v in site.boards
        ],
        "runs": [{"run": run.key, "status": run.status} for run in site.runs],
    }  # fmt: skip
    (folder / MARKER).write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
