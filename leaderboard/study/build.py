"""Writes the page of a study: one folder with everything in it, and the key beside the folder, never in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets.errors import UsageError
from datasets.files import storage_errors, write_json
from leaderboard.inputs import Store, metric_cards
from leaderboard.media import Trial, find_trials, pairs_with_frames, shown_rows, spread
from leaderboard.prepare import board_of
from leaderboard.runs import load_runs
from leaderboard.site import Site, dataset_card
from leaderboard.strips import Strip, make_strip
from leaderboard.study.design import STILL, TRUTH, Study, design
from leaderboard.tables import Board

PAIRS = 6
KEY_SUFFIX = ".key.json"


def build_study(
    runs: Path, out: Path, protocol: str, dataset: str, preset: str, rows: Sequence[str] = (), pairs: int = PAIRS,
    seed: int = 0, tasks: Sequence[str] = ("preference", "jnd", "rating"), name: str = "",
) -> tuple[Path, Path]:  # fmt: skip
    """Write the page to ``out`` and the key to ``<out>.key.json``; returns both.

    Args:
        rows: ``method[mode]`` labels to compare (default: every method row with frames).

    Raises:
        UsageError: nothing to show, an unknown row, data that may not be shown, or ``out`` is not empty.
        StorageError: it cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and not empty", "choose another --out")
    store = Store({"": runs})
    board = board_of(load_runs(runs), store, protocol, dataset, preset)
    names = spread(pairs_with_frames(board), pairs)
    labels = _rows(board, rows)
    study = design(name or out.name, labels, names, board.setting._asdict(), seed, tasks)
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        site = Site(out, store, [], metric_cards(), False, [])
        shutil.rmtree(out / "assets")
        items = _pictures(study, board, store, site)
        site.assets = {"css": site.asset("report.css"), "js": site.asset("study.js")}
        site.write("index.html", "study.html", study=study, items=json.dumps(items), card=dataset_card(board))
        key = out.with_name(out.name + KEY_SUFFIX)
        write_json(key, study.to_json())
    return out / "index.html", key


def _rows(board: Board, asked: Sequence[str]) -> list[str]:
    known = [row.label for row in shown_rows(board) if not row.sanity]
    missing = [label for label in asked if label not in known]
    if missing or not known:
        raise UsageError(
            f"no row {missing[0]!r} with frames stands on this board" if missing else "no method has frames here",
            f"rows: {', '.join(known) or 'none; bench run first'}",
        )
    return list(asked) or known


def _pictures(study: Study, board: Board, store: Store, site: Site) -> list[dict[str, Any]]:
    """What the page knows of each item: random names and grids of frames, no row."""
    references = store.references(board.setting)
    trials = {t.pair: t for t in find_trials(board, references, sorted({i.pair for i in study.items}))}
    made: dict[tuple[str, str], Strip] = {}

    def strip(pair: str, label: str) -> dict[str, Any]:
        if (pair, label) not in made:
            made[pair, label] = _strip(trials[pair], label, site)
        s = made[pair, label]
        return {
            "src": s.picture, "w": s.width, "h": s.height, "columns": s.columns, "rows": s.rows, "n": len(s.frames)
        }  # fmt: skip

    items = []
    for item in study.items:
        context = {kind: strip(item.pair, kind) for kind in ("source", "driving")}
        shown = [strip(item.pair, label) for label in (item.left, item.right) if label]
        items.append({"id": item.id, "task": item.task, "shown": shown, **context})
    return items


def _strip(trial: Trial, label: str, site: Site) -> Strip:
    """Grid of one track of a pair; a still is the photo, shown as long as the others.

    Raises:
        UsageError: the pair has no such frames.
    """
    wanted = {TRUTH: "truth", STILL: "source", "source": "source", "driving": "driving"}.get(label)
    track = next((t for t in trial.tracks if (t.kind == wanted if wanted else t.label == label)), None)
    if track is None:
        raise UsageError(f"pair {trial.pair} has no frames of {label}", "run the method again, it completes its frames")
    found = make_strip(replace(track, video=None if track.frames else track.video), trial.n_frames, site.media)
    if not found.picture:
        raise UsageError(f"the frames of {label} of pair {trial.pair} cannot be read", "bench run with --no-resume")
    return found
