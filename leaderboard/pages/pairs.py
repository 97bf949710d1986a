"""The page of every pair: all videos on one clock, values by frame below; and the list of a board's pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from bench.frames import MANIFEST
from leaderboard.frames import METRICS, frame_values
from leaderboard.lines import Chart, Line, chart
from leaderboard.media import (
    Track,
    Trial,
    clip_rate,
    find_trials,
    generated_folder,
    pairs_with_frames,
    read_frames,
    shown_rows,
    spread,
)
from leaderboard.runs import below
from leaderboard.sheet import MAX_PAIRS, contact_sheet
from leaderboard.site import Site
from leaderboard.strips import strips_of
from leaderboard.tables import Row
from leaderboard.views import BoardView, page_name

TITLE, PATH = "", ""
#: Pairs of a board with a page of their own: a report is a folder that people copy.
MAX_PAGES = 48
THUMBS = 12
EXTREMES = 3


@dataclass(frozen=True)
class Extreme:
    """The best or worst pairs of one row in one column."""

    title: str
    best: Sequence[tuple[str, float]]
    worst: Sequence[tuple[str, float]]


def build(site: Site) -> None:
    """Give every board that may show frames its pictures, its pair pages and its list of pairs."""
    for view in site.boards:
        if site.may_show(view.board):
            _build_board(site, view)


def _build_board(site: Site, view: BoardView) -> None:
    names = pairs_with_frames(view.board)
    view.total_pairs = len(names)
    if not names:
        return
    references = site.store.references(view.board.setting)
    chosen = spread(names, MAX_PAGES)
    view.pair_pages = {pair: f"pairs/{view.id}/{page_name(pair)}.html" for pair in chosen}
    frames = {id(row): _values_of(row, view) for row in shown_rows(view.board)}
    thumbs = []
    few = set(spread(chosen, THUMBS))
    for i, pair in enumerate(chosen):
        (trial,) = find_trials(view.board, references, [pair])
        _write_pair(site, view, trial, references, frames, (chosen[i - 1] if i else "", *chosen[i + 1 : i + 2], ""))
        if pair in few:
            thumbs.append((pair, _thumb(site, trial), view.pair_pages[pair]))
    view.thumbs = thumbs
    setting = view.board.setting
    picture = contact_sheet(
        find_trials(view.board, references, spread(names, MAX_PAIRS)),
        f"{view.board.title} · {setting.protocol} · {setting.protocol_hash}",
    )
    if picture is not None:
        view.sheet, view.sheet_size = site.media.image(picture, "PNG"), picture.size
    view.parts.insert(0, ("pairs", "All pairs", f"{len(chosen)} of {len(names)} side by side; best and worst"))
    site.write(view.page("pairs"), "pairs.html", view=view, names=chosen, groups=extremes(view), factors=_factors(view))


def _thumb(site: Site, trial: Trial) -> str:
    """A frame of the first generated video (else of the truth), two thirds through."""
    tracks = sorted(trial.tracks, key=lambda t: ("generated", "truth", "driving", "source").index(t.kind))
    for track in tracks:
        frame = read_frames(track, [trial.n_frames * 2 // 3])[0]
        if frame is not None:
            return site.media.image(Image.fromarray(frame), "PNG")
    return ""


def _values_of(row: Row, view: BoardView) -> dict[str, dict[str, list[float]]]:
    """Values by frame of a row: of the run whose frames are shown."""
    protocol = view.board.setting.protocol
    for run in row.runs:
        if generated_folder(replace(row, runs=(run,)), protocol):
            return frame_values(run, protocol, row.mode)
    return {}


def _write_pair(
    site: Site, view: BoardView, trial: Trial, references: Path | None,
    frames: Mapping[int, Mapping[str, Mapping[str, list[float]]]], around: tuple[str, ...],
) -> None:  # fmt: skip
    tracks = sorted([*trial.tracks, *_other_targets(site, view, trial.pair)], key=lambda t: t.kind == "generated")
    strips = strips_of(tracks, site.media)
    rows = shown_rows(view.board)
    columns = view.board.first
    site.write(
        view.pair_pages[trial.pair], "pair.html", view=view, pair=trial.pair, strips=strips,
        fact=view.facts.get(trial.pair, {}), charts=_charts(trial, rows, frames, _first_scored(references, trial.pair)),
        rows=[(row, _pair_values(row, columns, trial.pair)) for row in [*rows, *view.board.sanity] if row.cells],
        columns=columns, before=view.pair_pages.get(around[0], ""), after=view.pair_pages.get(around[1], ""),
        frames=max((s.frames for s in strips), key=len, default=(0,)) or (0,), rate=clip_rate(trial),
    )  # fmt: skip


def _other_targets(site: Site, view: BoardView, pair: str) -> list[Track]:
    """The truth of the same pair under the other protocols of its data set: other poses or places of one motion."""
    mine, found = view.board.setting, []
    for other in site.boards:
        setting = other.board.setting
        same = (setting.dataset, setting.preset, setting.size) == (mine.dataset, mine.preset, mine.size)
        if other is view or not same or not _same_pair(view.facts.get(pair), other.facts.get(pair)):
            continue
        references = site.store.references(setting)
        frames = below(references, "frames", pair) if references is not None else None
        if frames is not None and frames.is_dir():
            target = other.board.info.get("target") or setting.name
            found.append(Track(f"truth of target {target}", "truth", frames))
    return found


def _same_pair(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> bool:
    keys = ("source_identity", "driving_motion")
    return a is not None and b is not None and all(a.get(k) == b.get(k) for k in keys)


def _first_scored(references: Path | None, pair: str) -> int:
    folder = below(references, "frames", pair) if references is not None else None
    try:
        return int(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["first_scored"]) if folder else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _charts(
    trial: Trial, rows: Sequence[Row], frames: Mapping[int, Mapping[str, Mapping[str, list[float]]]], first: int
) -> list[Chart]:
    found = []
    for metric, title in METRICS:
        lines = [
            Line(row.label, i, values[metric][trial.pair], first)
            for i, row in enumerate(rows)
            if (values := frames[id(row)]) and trial.pair in values.get(metric, {})
        ]
        picture = chart(title, lines, trial.n_frames)
        found += [picture] if picture is not None else []
    return found


def _pair_values(row: Row, columns: Sequence[Any], pair: str) -> list[float | None]:
    return [row.cells[column.key].pairs.get(pair) for column in columns]


def _factors(view: BoardView) -> list[str]:
    """Names of the factors that the pairs of a board have."""
    return sorted({name for fact in view.facts.values() for name in fact.get("factors", {})})


def extremes(view: BoardView) -> list[tuple[Row, list[Extreme]]]:
    """Best and worst pairs of each shown row in each headline column with a direction."""
    found = []
    for row in shown_rows(view.board):
        parts = []
        for column in view.board.first:
            values = sorted(row.cells[column.key].pairs.items(), key=lambda p: (p[1], p[0]))
            if column.directed and len(values) > 1:
                ordered = values if column.direction == "lower" else values[::-1]
                name = f"{column.name} {column.second_line}".strip()
                parts.append(Extreme(name, ordered[:EXTREMES], ordered[::-1][:EXTREMES]))
        if parts:
            found.append((row, parts))
    return found
