"""What the templates print: boards with their number formats, files and pictures; runs with what they depend on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from datasets.files import sha256_of
from leaderboard.ablation import Ablation
from leaderboard.cells import Cell, Difference, Interval
from leaderboard.columns import Column, ColumnKey, by_family, decimals_for, number
from leaderboard.ranking import Rank
from leaderboard.runs import RunData
from leaderboard.speed import Speed, first_measured
from leaderboard.stills import beats_stills, decisive
from leaderboard.tables import Board, Row

VERDICTS = {"yes": "yes", "no": "no", "undecided": "undecided", "": "not comparable"}
PROTOCOL_TEXT = {
    "self-reconstruction": "The first frame of a clip is animated with the rest of the clip, which is the truth.",
    "cross-animation": "A photo of one person is animated with the motion of another; the truth is that person doing "
    "exactly that motion.",
    "cross-animation-relative": "As cross-animation, but the motion is applied relative to the pose in the photo.",
    "cross-place": "Camera distance and position of source and driving person differ by known amounts.",
    "synthetic-lite": "The first 20 pairs of cross-animation and their first 24 frames, for methods that take minutes "
    "a clip. Another list is another protocol: not to be read beside cross-animation.",
    "cross-shape": "The body shapes of source and driving person differ by known amounts.",
}
NO_TRUTH_TEXT = (
    "A photo of one person is animated with the motion of another. Nobody filmed that, so there is no truth: look at "
    "the videos; only what needs no reference is measured."
)


@dataclass(frozen=True)
class Files:
    """Downloads beside a table, relative to the report ("" = there is none)."""

    csv: str
    json: str
    parquet: str
    tex: str = ""
    pairs: str = ""


@dataclass(frozen=True)
class AblationView:
    """An ablation table with its formats and downloads."""

    id: str
    ablation: Ablation
    decimals: Mapping[ColumnKey, int]
    files: Files


@dataclass
class BoardView:
    """A board with everything that the pages show of it.

    Attributes:
        id: unique and stable anchor.
        facts: what each pair shows.
        pair_pages: pair -> its page, of the pairs that have one.
        thumbs: (pair, picture, page) of some pairs; total_pairs: pairs with frames.
        sheet: contact sheet relative to the report ("" = there are no frames), and its size in pixels.
        pareto: (title, picture) of the trade-off plots.
        inline: whether the first page has room for its table.
        parts: further pages: (part, title, one line on it).
    """

    id: str
    board: Board
    decimals: Mapping[ColumnKey, int]
    files: Files
    ablations: Sequence[AblationView] = ()
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pair_pages: dict[str, str] = field(default_factory=dict)
    thumbs: Sequence[tuple[str, str, str]] = ()
    total_pairs: int = 0
    sheet: str = ""
    sheet_size: tuple[int, int] = (0, 0)
    pareto: Sequence[tuple[str, Markup]] = ()
    inline: bool = True
    parts: list[tuple[str, str, str]] = field(default_factory=list)

    def page(self, part: str = "") -> str:
        """Where the board's page, or one of its parts, lies."""
        return f"boards/{self.id}{'-' + part if part else ''}.html"

    @property
    def links(self) -> list[tuple[str, str, str]]:
        """(title, page, note) of its further pages."""
        return [(title, self.page(part), note) for part, title, note in self.parts]

    @property
    def shown_columns(self) -> list[Column]:
        """Columns whose cards the board's own page needs."""
        return list({c.key: c for c in [*self.board.first, *(self.board.headline if self.ablations else [])]}.values())

    @property
    def intro(self) -> str:
        """One sentence on the protocol."""
        name = self.board.setting.name
        if name == "cross-animation" and self.board.info.get("target", "") is None:
            return NO_TRUTH_TEXT
        return PROTOCOL_TEXT.get(name, "")

    @property
    def compared(self) -> bool:
        """Whether some method has a difference to a still picture to show."""
        return any(d.interval for row in self.board.methods for ds in row.against.values() for d in ds.values())

    @property
    def more(self) -> bool:
        """Whether there are columns beyond the first table."""
        return len(self.board.measured) > len(self.board.first)

    @property
    def families(self) -> list[tuple[str, list[Column]]]:
        """(family, its columns) of the full table: what some row has a number of."""
        return by_family(self.board.measured)

    @property
    def unmeasured(self) -> list[tuple[str, str]]:
        """(names of metrics, why no row has a number of them); a region is named where others of it are measured."""
        measured = {c.metric_id for c in self.board.measured}
        found = []
        for reason, columns in self.board.unmeasured:
            names = [c.metric_id + (f" ({c.key.region})" if c.metric_id in measured else "") for c in columns]
            found.append((", ".join(dict.fromkeys(names)), reason))
        return found

    @property
    def decisive(self) -> list[str]:
        """Names of the headline metrics that say whether a row is better than a still photo."""
        return list(dict.fromkeys(c.name for c in decisive(self.board.headline)))

    @property
    def winnable(self) -> list[str]:
        """Names of the headline metrics that a still photo can win."""
        return list(dict.fromkeys(c.name for c in self.board.headline if c.still_can_win))

    @property
    def flagged(self) -> list[Column]:
        """Headline columns to beware of, one for each caution."""
        seen: dict[tuple[str, str], Column] = {}
        for column in self.board.headline:
            if column.flagged:
                seen.setdefault((column.key.metric, column.flagged), column)
        return list(seen.values())

    @property
    def speeds(self) -> list[tuple[Row, Speed]]:
        """Rows whose speed was measured, or could not be, with what was found."""
        rows = [*self.board.methods, *self.board.variants]
        return [(row, speed) for row in rows if (speed := first_measured(row.runs)) is not None]

    def stills(self, row: Row) -> tuple[str, str, str]:
        """(verdict, its word, what decided it)."""
        verdict, text = beats_stills(row, self.board.headline)
        return verdict, VERDICTS[verdict], text


def board_id(board: Board) -> str:
    """Anchor and file name: readable, and unique by a hash of the setting."""
    setting = board.setting
    words = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in setting.name)[:40]
    return f"{words.strip('-') or 'board'}-{sha256_of(*map(str, setting))[:8]}"


def board_decimals(board: Board) -> dict[ColumnKey, int]:
    """Decimals of each column, the same for every row of it."""
    found = {}
    for column in board.columns:
        known = [r.cells[column.key].interval for r in board.rows]
        intervals = [i for i in known if i is not None]
        widths = [(i.high - i.low) / 2 for i in intervals if i.low is not None and i.high is not None]
        found[column.key] = decimals_for([i.value for i in intervals], widths)
    return found


def interval_text(interval: Interval | None, decimals: int, signed: bool = False) -> str:
    """``0.031 to 0.036``; "" where there is no interval."""
    if interval is None or interval.low is None or interval.high is None:
        return ""
    return f"{number(interval.low, decimals, signed)} to {number(interval.high, decimals, signed)}"


def cell_title(cell: Cell) -> str:
    """What a pointer over a cell shows."""
    if not cell.ok:
        return f"{cell.word}: {cell.reason}" if cell.reason else cell.word
    said = f"mean over {cell.n} of {cell.total} pairs" if cell.total else "one value for the whole set"
    if cell.whole and cell.n:
        said = f"one value for the set of {cell.n} of {cell.total} pairs"
    said += f", {cell.method}" if cell.method else ""
    return f"{said}; left out: {cell.reason}" if cell.partial and cell.reason else said


def share(probability: float) -> str:
    """A probability in per cent, never rounded to certainty; "–" where it is not known."""
    if not math.isfinite(probability):
        return "–"
    percent = round(100 * probability)
    if 0 < probability < 1:
        return "< 1 %" if percent == 0 else "> 99 %" if percent == 100 else f"{percent} %"
    return f"{percent} %"


def rank_title(rank: Rank) -> str:
    """What a pointer over a rank shows."""
    said = [f"rank {rank.place} of {rank.of}: 1 + the rows that are separably better (Holm, 5 %)"]
    said += [f"not separable from {', '.join(rank.tied)}"] if rank.tied else []
    for judge, p in rank.p_best.items():
        ends = f", 95 % of the draws give rank {rank.low[judge]:g} to {rank.high[judge]:g}" if math.isfinite(p) else ""
        said.append(f"{judge + ': ' if judge else ''}probability of rank 1 {share(p)}{ends}")
    return "; ".join([*said, "better only where both judges say so"] if len(rank.p_best) > 1 else said)


def difference_title(difference: Difference) -> str:
    """What a pointer over a difference shows."""
    basis = f", {difference.method}" if difference.method else ""
    return difference.reason or f"paired over {difference.n} pairs{basis}"


# -- places ----------------------------------------------------------------------------------------------------
def run_page(run: RunData) -> str:
    """Where the page of a run lies, relative to the report."""
    return f"runs/{sha256_of(run.key)[:16]}.html"


def page_name(text: str) -> str:
    """A file name for any text: readable, and unique by a hash where letters had to be replaced."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip(".-")[:48]
    return plain if plain == text else f"{plain or 'x'}-{sha256_of(text)[:8]}"


def method_page(name: str) -> str:
    """Where the page of a method lies, relative to the report."""
    return f"methods/{page_name(name)}.html"


def dataset_page(slug: str) -> str:
    """Where the page of a data set lies, relative to the report."""
    return f"datasets/{page_name(slug)}.html"
