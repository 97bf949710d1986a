"""Columns of a board: which metric, in which order, with which direction and number of decimals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec

ARROWS = {"lower": "↓", "higher": "↑", "none": ""}
DIRECTION_TEXT = {"lower": "lower is better", "higher": "higher is better", "none": "no better direction"}
REGION_TEXT = {
    "whole": "whole frame",
    "seen": "surface the source photo shows",
    "unseen": "surface the source photo does not show",
}
REGION_ORDER = ("whole", "seen", "unseen")
#: profile of a second judge: it stands beside what the first one says
SECOND = "judge-b"
_SEED = re.compile(r"synth-.+-([a-z])")


class ColumnKey(NamedTuple):
    """What makes two numbers comparable in one column."""

    metric: str
    profile: str
    judge: str
    region: str


@dataclass(frozen=True)
class Column:
    """One column of a board.

    Attributes:
        direction: ``lower``, ``higher`` or ``none``.
        headline: stands in the first table; the others in the full one.
        flagged: what to beware of when reading it ("" = nothing).
        still_can_win: a still photo can have the better number; it has no say on who is better than a still.
        stand_in: measured only where the data lack what another profile of the metric needs.
        place: order within the full table.
    """

    key: ColumnKey
    title: str
    direction: str
    headline: bool
    family: str = ""
    formula: str = ""
    unit: str = ""
    flagged: str = ""
    still_can_win: bool = False
    stand_in: bool = False
    place: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """``metric@profile/region``, with the judge where there is one."""
        judge = f"#{self.key.judge}" if self.key.judge else ""
        return f"{self.key.metric}@{self.key.profile}{judge}/{self.key.region}"

    @property
    def name(self) -> str:
        """Short heading: the title up to its first comma or bracket."""
        return re.split(r"[,(]", self.title)[0].strip()

    @property
    def metric_id(self) -> str:
        """``metric``, or ``metric@profile``."""
        return self.key.metric + (f"@{self.key.profile}" if self.key.profile != "default" else "")

    @property
    def judge(self) -> str:
        """Short name of the judge: ``judge a`` for a seed of the world's, else the name without its version."""
        seed = _SEED.fullmatch(self.key.judge)
        return f"judge {seed[1]}" if seed else re.split(r"-\d", self.key.judge)[0]

    @property
    def second_line(self) -> str:
        """Region, profile and judge, as far as the heading does not say them already."""
        profile = "" if self.key.profile in ("default", "synth", SECOND) else self.key.profile
        return " · ".join(word for word in (self.key.region, profile, self.judge) if word)

    @property
    def arrow(self) -> str:
        """Visible sign of the direction."""
        return ARROWS[self.direction]

    @property
    def anchor(self) -> str:
        """Identifier of the metric's card on a page."""
        return "card-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in self.id)

    @property
    def where(self) -> str:
        """Which pixels count, and by which recipe."""
        profile = "" if self.key.profile == "default" else f", profile {self.key.profile}"
        return REGION_TEXT.get(self.key.region, self.key.region) + profile

    @property
    def better(self) -> str:
        """Which direction is better, in words."""
        return DIRECTION_TEXT[self.direction]

    @property
    def directed(self) -> bool:
        """Whether one number can be better than another."""
        return self.direction != "none"


def make_columns(keys: Iterable[ColumnKey], cards: Mapping[str, MetricSpec]) -> list[Column]:
    """Columns in board order: headline metrics first, in the order of ``cards``; then the rest; unknown ones last.

    Args:
        keys: what the scores hold.
        cards: metric cards by ``name@profile`` in the order they shall stand.
    """
    order = {name: i for i, name in enumerate(cards)}
    first: dict[str, int] = {}
    for name, i in order.items():
        first.setdefault(name.partition("@")[0], i)

    def place(key: ColumnKey) -> tuple[int, ...]:
        """A metric's regions follow each other, and in each the second judge follows the first."""
        at = order.get(f"{key.metric}@{key.profile}", len(order))
        start = first.get(key.metric, len(order))
        return start, start if key.profile == SECOND else at, _region(key), at

    def column(key: ColumnKey) -> Column:
        card = cards.get(f"{key.metric}@{key.profile}")
        if card is None:
            return Column(key, f"{key.metric} (this metric is not installed here)", "none", headline=False)
        return Column(
            key, card.title, card.direction, card.headline and key.region in ("whole", "seen"),
            card.family, card.formula, card.unit, card.flagged, card.still_can_win, bool(card.stands_in_for),
            place(key),
        )  # fmt: skip

    def rank(c: Column) -> tuple[bool, int, int, ColumnKey]:
        return not c.headline, order.get(f"{c.key.metric}@{c.key.profile}", len(order)), _region(c.key), c.key

    return sorted((column(k) for k in set(keys)), key=rank)


def _region(key: ColumnKey) -> int:
    return REGION_ORDER.index(key.region) if key.region in REGION_ORDER else len(REGION_ORDER)


def by_family(columns: Iterable[Column]) -> list[tuple[str, list[Column]]]:
    """(family, its columns), families in the order of their first metric; those without one come last as ``other``."""
    found: dict[str, list[Column]] = {}
    for column in sorted(columns, key=lambda c: (not c.family, c.place, c.key)):
        found.setdefault(column.family or "other", []).append(column)
    return list(found.items())


def decimals_for(values: Sequence[float], half_widths: Sequence[float]) -> int:
    """Decimals so that the median interval shows two digits (or, without intervals, the median value four).

    Returns:
        0 to 5.
    """
    widths = sorted(w for w in half_widths if math.isfinite(w) and w > 0)
    if widths:
        return min(5, max(0, 1 - math.floor(math.log10(widths[len(widths) // 2]))))
    sizes = sorted(abs(v) for v in values if math.isfinite(v) and v != 0)
    return min(5, max(0, 3 - math.floor(math.log10(sizes[len(sizes) // 2])))) if sizes else 3


def number(value: float | None, decimals: int, signed: bool = False) -> str:
    """A number with a true minus sign; "–" for none."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    if float(text) == 0:
        text = f"{0:.{decimals}f}"
    return text.replace("-", "−")
