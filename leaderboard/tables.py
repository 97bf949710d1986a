"""Boards from run folders: which rows may stand in one table, what each row shows, and what it beats.

Rows of different protocol hash, preset, size or annotation class never meet in a table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.evaluation.base import RANKED_PRESETS
from leaderboard.cells import Cell, Clusters, Difference, Score, cell_of, compare, mark_best, set_cell
from leaderboard.columns import Column, ColumnKey, make_columns
from leaderboard.ranking import rank_board
from leaderboard.runs import PRESET_ORDER, RunData
from leaderboard.sets import measure_of
from leaderboard.stills import STILLS

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec

PROTOCOL_ORDER = ("self-reconstruction", "cross-animation", "cross-animation-relative")
MIN_SEEDS = 3
INPUT_TEXT = {
    "image only": "Image only: they see the photo and the driving frames",
    "annotation-driven": "Annotation-driven: they see key points or body maps of photo and driving video",
}
BARS = "Sanity rows: bars to read the others by, never ranked"
#: family of the metrics that no still photo wins, and that tell why it wins others
MOTION = "motion"


class Setting(NamedTuple):
    """What makes two rows comparable."""

    dataset: str
    protocol: str
    protocol_hash: str
    preset: str
    size: int
    annotation_class: str

    @property
    def name(self) -> str:
        """Protocol without its version."""
        return self.protocol.partition("@")[0]

    @property
    def smoke(self) -> bool:
        """Whether the preset is too small to rank anything."""
        return self.preset not in RANKED_PRESETS


@dataclass
class Row:
    """One ``method[mode]`` (with variant and overrides) of a setting, with all its training seeds.

    Attributes:
        cells: by column.
        status: ``complete``, or the worst status of its runs; ``reason`` says why.
        standing: why it has no rank ("" = it may be ranked).
        against: still row -> column -> paired difference.
    """

    method: str
    variant: str
    mode: str
    overrides: str
    runs: tuple[RunData, ...]
    cells: dict[ColumnKey, Cell] = field(default_factory=dict)
    status: str = "complete"
    reason: str = ""
    standing: str = ""
    against: dict[str, dict[ColumnKey, Difference]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``method+variant[mode]``."""
        return f"{self.method}{'+' + self.variant if self.variant else ''}{'[' + self.mode + ']' if self.mode else ''}"

    @property
    def sanity(self) -> bool:
        """A bar to read the others by, no method."""
        return bool(self.runs[0].card("sanity"))

    @property
    def tuned(self) -> str:
        """On what budget a sweep found its settings ("" = no sweep did)."""
        return next((str(r.section("tuned").get("budget") or "") for r in self.runs if r.section("tuned")), "")

    @property
    def input(self) -> str:
        """What the method sees at test time: ``image only`` or ``annotation-driven``; "" where nobody says."""
        return str(self.runs[0].card("input") or "").partition(" (")[0]

    @property
    def words(self) -> str:
        """What a filter finds the row by, beside what it shows."""
        run = self.runs[0]
        known = [run.card(n) for n in ("title", "venue", "year", "licence", "input", "fidelity")]
        return " ".join(str(w) for w in [*known, run.text("trained"), self.badge, *self.seeds] if w)[:300]

    @property
    def stale(self) -> list[str]:
        """Modules that some of its runs were made with and that do something else today."""
        return sorted({module for run in self.runs for module in run.stale})

    @property
    def badge(self) -> str:
        """Who vouches for the numbers of predictions from elsewhere: the weakest of its runs; "" = a run of ours."""
        order = ("self-reported", "rescored", "rerun")
        found = [str(r.external.get("badge")) for r in self.runs if r.external]
        return min(found, key=lambda b: order.index(b) if b in order else -1) if found else ""

    def coverage(self, setting: Setting) -> float:
        """Delivered over asked frames: the least of its runs."""
        return min(run.coverage(setting.protocol) for run in self.runs)

    @property
    def seeds(self) -> list[str]:
        """Training seeds, sorted."""
        return sorted({r.text("seed") for r in self.runs})

    @property
    def sort_key(self) -> tuple[str, ...]:
        """Fixed order where nothing else decides."""
        return self.method, self.variant, self.mode, self.overrides, self.runs[0].slug


@dataclass
class Board:
    """One table: a setting, its columns and its rows (methods, and sanity rows apart)."""

    setting: Setting
    title: str
    columns: list[Column]
    methods: list[Row]
    variants: list[Row]
    sanity: list[Row]
    clusters: Clusters
    info: Mapping[str, Any]

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [*self.methods, *self.variants, *self.sanity]

    @property
    def groups(self) -> list[tuple[str, list[Row]]]:
        """(heading, rows): the methods by what they see at test time, then the bars."""
        found: dict[str, list[Row]] = {}
        for row in self.methods:
            found.setdefault(row.input, []).append(row)
        order = sorted(found, key=lambda kind: (kind != "image only", not kind, kind))
        groups = [(INPUT_TEXT.get(kind, kind or "Methods"), found[kind]) for kind in order]
        return [*groups, (BARS, self.sanity)] if self.sanity else groups

    @property
    def headline(self) -> list[Column]:
        """What decides: the headline metrics that some row has a number of, and what stands in for the others on real
        videos; where there is no number at all, the headline metrics, else everything."""
        shown = [c for c in self.measured if c.headline] + [c for c in self.measured if c.stand_in]
        return shown or [c for c in self.columns if c.headline] or self.columns

    @property
    def first(self) -> list[Column]:
        """Columns of the first table: of what decides, each metric on the whole frame; and where a still can win one of
        them, what shows whether anything moves."""
        shown = [c for c in self.headline if c.key.region == "whole"] or self.headline
        if not any(c.still_can_win for c in shown):
            return shown
        beside = [c for c in self.measured if c.family == MOTION and c.key.region == "whole" and c not in shown]
        at = max((i + 1 for i, c in enumerate(shown) if c.family == MOTION), default=len(shown))
        return [*shown[:at], *beside, *shown[at:]]

    @property
    def measured(self) -> list[Column]:
        """Columns in which some row has a number."""
        return [c for c in self.columns if any(r.cells[c.key].interval is not None for r in self.rows)]

    @property
    def unmeasured(self) -> list[tuple[str, list[Column]]]:
        """(why, the columns in which no row has a number for that reason): the reason of most rows that have one."""
        found: dict[str, list[Column]] = {}
        for column in self.columns:
            cells = [r.cells[column.key] for r in self.rows]
            if all(cell.interval is None for cell in cells):
                own = [c for c, r in zip(cells, self.rows, strict=True) if r.status == "complete"] or cells
                said = Counter(c.reason or c.word for c in own if c.status != "missing") or Counter([cells[0].word])
                reason = min(said, key=lambda text: (-said[text], text))
                found.setdefault(reason, []).append(column)
        return list(found.items())

    @property
    def ranked(self) -> bool:
        """Whether some row has a rank."""
        return any(cell.rank is not None for row in self.methods for cell in row.cells.values())

    @property
    def stills(self) -> dict[str, Row]:
        """The still rows that are here."""
        return {r.method: r for r in self.sanity if r.method in STILLS}


TITLES = {
    "self-reconstruction": "Self-reconstruction",
    "cross-animation": "Cross-animation",
    "cross-animation-relative": "Cross-animation, relative motion",
    "cross-place": "Cross-animation, place differs",
    "cross-shape": "Cross-animation, body shape differs",
    "synthetic-lite": "Cross-animation, short list",
}


# -- which runs belong together ----------------------------------------------------------------------------------
def setting_of(run: RunData, protocol: str) -> Setting:
    """The setting of a run under one of its protocols."""
    size = run.info.get("size")
    about = run.protocols().get(protocol, {})
    return Setting(
        run.text("dataset_slug") or run.text("dataset"), protocol, str(about.get("hash") or "")[:8],
        run.text("preset"), size if isinstance(size, int) else 0, run.text("annotation_class"),
    )  # fmt: skip


def _row_key(run: RunData, mode: str) -> tuple[str, ...]:
    """Runs with this in common are one row; they differ in the training seed, or are older attempts."""
    changed = sorted(run.section("overrides").items())
    overrides = ", ".join(f"{key}={json.dumps(value, sort_keys=True, default=str)}" for key, value in changed)
    return run.method, run.text("variant"), mode, overrides, run.text("trained")


def _newest(runs: Iterable[RunData]) -> list[RunData]:
    """Of the runs of one row, the newest of each seed; one without scores only where no later one has some."""
    chosen: dict[str, RunData] = {}
    for run in sorted(runs, key=lambda r: (r.scores is not None, r.finished, r.slug)):
        chosen[run.text("seed")] = run
    return [chosen[s] for s in sorted(chosen)]


def _modes(run: RunData, setting: Setting) -> list[str]:
    if run.scores is None:
        return [run.text("mode")]
    modes = run.scores.loc[run.scores["protocol"] == setting.protocol, "mode"]
    return sorted({str(m) for m in modes}) or [run.text("mode")]


# -- rows --------------------------------------------------------------------------------------------------------
_GROUP = ("metric", "profile", "region")
_FIELDS = ("judge", "pair", "value", "n_frames", "status", "reason", "seed")


def _row_scores(row: Row, setting: Setting) -> dict[tuple[str, str, str], list[Score]]:
    """(metric, profile, region) -> score rows of all runs of a row."""
    found: dict[tuple[str, str, str], list[Score]] = {}
    for run in row.runs:
        if run.scores is None:
            continue
        s = run.scores
        here = (s["protocol"] == setting.protocol) & (s["mode"] == row.mode)
        part = s[here & (s["protocol_hash"].str[:8] == setting.protocol_hash)]
        columns = [part[name].tolist() for name in (*_GROUP, *_FIELDS)]
        for metric, profile, region, judge, pair, value, n, status, reason, seed in zip(*columns, strict=True):
            score = Score(judge, pair, value, int(n) if n == n else 0, status, reason, str(seed))
            found.setdefault((metric, profile, region), []).append(score)
    return found


def _fill(row: Row, setting: Setting, clusters: Clusters, cards: Mapping[str, MetricSpec]) -> None:
    for (metric, profile, region), scores in sorted(_row_scores(row, setting).items()):
        single = [s for s in scores if s.pair != "*"]
        card = cards.get(f"{metric}@{profile}")
        for judge, same in _by_judge(single or scores).items():  # the mean is computed here, over the pairs themselves
            key = ColumnKey(metric, profile, judge, region)
            if card is not None and card.scope == "set":
                row.cells[key] = _set_cell(row, same, setting, clusters, judge, card)
            else:
                row.cells[key] = cell_of(same, clusters)


def _set_cell(
    row: Row, scores: Sequence[Score], setting: Setting, clusters: Clusters, judge: str, card: MetricSpec
) -> Cell:
    measure = measure_of(row.runs, setting.protocol, row.mode, judge, card) if any(s.ok for s in scores) else ""
    asked = row.runs[0].protocols().get(setting.protocol, {}).get("pairs")
    return set_cell(scores, clusters, measure, asked if isinstance(asked, int) else 0)


def _by_judge(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """Scores of one metric and region by judge. A pair that failed names no judge; it belongs to the one there is."""
    known = Counter(s.judge for s in scores if s.status == "ok")
    main = min(known, key=lambda judge: (-known[judge], judge)) if known else ""
    found: dict[str, list[Score]] = {}
    for score in scores:
        judge = score.judge if score.judge or score.status == "ok" else main
        found.setdefault(judge, []).append(score)
    return dict(sorted(found.items()))


def _merge_unjudged(rows: Sequence[Row]) -> None:
    """A row where no pair has a value names no judge: its reason goes into the columns of those that have one."""
    keys = {k for r in rows for k in r.cells}
    for key in sorted(k for k in keys if not k.judge):
        others = [k for k in keys if k[:2] == key[:2] and k.region == key.region and k.judge]
        if others and not any(key in r.cells and r.cells[key].ok for r in rows):
            for row in rows:
                cell = row.cells.pop(key, None)
                if cell is not None:
                    row.cells |= {k: cell for k in others if k not in row.cells}


def _set_status(row: Row) -> None:
    bad = [r for r in row.runs if r.status != "complete" or r.problem]
    if bad:
        row.status = "invalid scores" if bad[0].problem else bad[0].status
        row.reason = bad[0].reason


def _complete_cells(row: Row, columns: Sequence[Column]) -> None:
    """Give every column a cell; one that was never computed says why."""
    kind = "missing"
    if row.status == "running":
        kind = "running"
    elif row.status != "complete":
        kind = "failed"
    for column in columns:
        if column.key not in row.cells:
            reason = f"{row.status}: {row.reason}" if row.status != "complete" else "this run has no such score"
            row.cells[column.key] = Cell(kind, reason.removesuffix(": "))


def standing(row: Row, setting: Setting) -> str:
    """Why a row has no rank; "" where it may be ranked."""
    if row.sanity:
        return "a bar, no method"
    if setting.smoke:
        return "smoke: not ranked"
    if row.status != "complete":
        return "not complete"
    judges = sorted({name for run in row.runs for name in run.contaminated})
    if judges:
        return f"contaminated, not ranked: trained with what {', '.join(judges)} measures with"
    covered = row.coverage(setting)
    if covered < 1:
        return f"{covered:.2%} of the frames were delivered: not ranked"
    if row.overrides and row.tuned:
        return f"tuned on val, {row.tuned}: not ranked beside published settings"
    if row.overrides:
        return "changed by hand: not ranked"
    if setting.annotation_class != "detected":
        return f"{setting.annotation_class} annotations: not ranked"
    if len(row.seeds) < MIN_SEEDS:
        n = len(row.seeds)
        return "this checkpoint: one seed, no rank" if n == 1 else f"{n} seeds: no rank below {MIN_SEEDS}"
    return ""


def _rows(runs: Sequence[RunData], setting: Setting, clusters: Clusters, cards: Mapping[str, MetricSpec]) -> list[Row]:
    grouped: dict[tuple[str, ...], list[RunData]] = {}
    for run in runs:
        for mode in _modes(run, setting):
            grouped.setdefault(_row_key(run, mode), []).append(run)
    rows = []
    for (method, variant, mode, overrides, _), members in sorted(grouped.items()):
        row = Row(method, variant, mode, overrides, tuple(_newest(members)))
        _set_status(row)
        _fill(row, setting, clusters, cards)
        row.standing = standing(row, setting)
        rows.append(row)
    return rows


# -- boards ------------------------------------------------------------------------------------------------------
def _by_first_metric(rows: list[Row], columns: Sequence[Column]) -> list[Row]:
    """Best first by the first metric with a direction; rows without a number last."""
    first = next((c for c in columns if c.directed), None)

    def key(row: Row) -> tuple[bool, float, tuple[str, ...]]:
        cell = row.cells.get(first.key) if first else None
        if first is None or cell is None or cell.interval is None:
            return True, 0.0, row.sort_key
        return False, cell.interval.value * (1 if first.direction == "lower" else -1), row.sort_key

    return sorted(rows, key=key)


def make_board(setting: Setting, runs: Sequence[RunData], cards: Mapping[str, MetricSpec], clusters: Clusters) -> Board:
    """One table from the runs of one setting."""
    rows = _rows(runs, setting, clusters, cards)
    _merge_unjudged(rows)
    columns = make_columns((k for r in rows for k in r.cells), cards)
    for row in rows:
        _complete_cells(row, columns)
    full = [r for r in rows if not r.sanity and not r.variant]
    board = Board(
        setting, TITLES.get(setting.name, setting.name), columns, _by_first_metric(full, columns),
        sorted((r for r in rows if not r.sanity and r.variant), key=lambda r: r.sort_key),
        sorted((r for r in rows if r.sanity), key=lambda r: r.sort_key),
        clusters, runs[0].protocols().get(setting.protocol, {}),
    )  # fmt: skip
    for column in columns:
        if column.directed:
            mark_best((r.cells[column.key] for r in board.methods), column.direction)
    rank_board(board.methods, columns, clusters)
    for row in [*board.methods, *board.variants]:
        for name, still in board.stills.items():
            row.against[name] = {
                c.key: compare(row.cells[c.key], still.cells.get(c.key), c.direction, clusters) for c in board.headline
            }
    return board


def _board_rank(setting: Setting) -> tuple[Any, ...]:
    order = PROTOCOL_ORDER.index(setting.name) if setting.name in PROTOCOL_ORDER else len(PROTOCOL_ORDER)
    preset = PRESET_ORDER.index(setting.preset) if setting.preset in PRESET_ORDER else len(PRESET_ORDER)
    return setting.dataset, preset, order, setting


def group_runs(runs: Iterable[RunData]) -> dict[Setting, list[RunData]]:
    """Runs by setting, in the order of the report."""
    found: dict[Setting, list[RunData]] = {}
    for run in runs:
        for protocol in run.protocols():
            found.setdefault(setting_of(run, protocol), []).append(run)
    return {s: sorted(found[s], key=lambda r: r.slug) for s in sorted(found, key=_board_rank)}
