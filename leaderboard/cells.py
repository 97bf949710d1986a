"""Cells of a board: a mean with its interval, or the reason why there is none; and differences between two rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from bench.evaluation.statistics import Interval as StatisticsInterval

#: what a cell without a number says; every kind also looks different and carries its reason
WORDS = {
    "undefined": "undefined",
    "missing-input": "input missing",
    "not-applicable": "not applicable",
    "invalid-input": "invalid",
    "failed": "failed",
    "running": "not finished",
    "missing": "not computed",
}


class Interval(NamedTuple):
    """A mean or a difference with its 95 % interval (None where there is none: one pair, or a set metric)."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Interval:
        """From ends that are NaN where there is no interval."""
        return cls(value, low, high) if math.isfinite(low) and math.isfinite(high) else cls(value)


@dataclass(frozen=True)
class Clusters:
    """Which source identity and which driving motion a pair shows; a pair that nothing is known of is its own."""

    source: Mapping[str, str] = field(default_factory=dict)
    motion: Mapping[str, str] = field(default_factory=dict)

    def frame(self, pairs: Iterable[str]) -> pd.DataFrame:
        """One row a pair, one column a factor that intervals resample."""
        import pandas as pd

        names = list(pairs)
        return pd.DataFrame(
            {
                "source_identity": [self.source.get(p) or p for p in names],
                "driving_motion": [self.motion.get(p) or p for p in names],
            },
            index=pd.Index(names, dtype=object),
            dtype=object,
        )


@dataclass
class Cell:
    """One number of a board.

    Attributes:
        status: ``ok``, or a key of :data:`WORDS`.
        pairs: value of each pair that has one (mean over training seeds).
        by_seed: training seed -> pair -> value.
        n: pairs with a value; ``total``: pairs asked for.
        best: has the best number among the rows it may be compared with.
        method: of the interval, with what it rests on; "" where there is none.
    """

    status: str
    reason: str = ""
    interval: Interval | None = None
    pairs: dict[str, float] = field(default_factory=dict)
    n: int = 0
    total: int = 0
    best: bool = False
    by_seed: dict[str, dict[str, float]] = field(default_factory=dict)
    method: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a number."""
        return self.status == "ok" and self.interval is not None

    @property
    def partial(self) -> bool:
        """Whether some pairs have no value, so that the mean is over fewer pairs than asked for."""
        return self.ok and self.n < self.total

    @property
    def word(self) -> str:
        """What a cell without a number says."""
        return WORDS.get(self.status, self.status)


@dataclass(frozen=True)
class Difference:
    """Paired difference of one row to another in one metric.

    Attributes:
        verdict: ``better``, ``worse``, ``undecided``, or "" where the metric has no direction or nothing is paired.
        n: pairs that both have; ``lost``: pairs that only the other one has.
        method: of the interval, with what it rests on.
    """

    interval: Interval | None
    verdict: str
    n: int
    reason: str = ""
    lost: int = 0
    method: str = ""


def _basis(result: StatisticsInterval) -> str:
    """``BCa interval over 36 clusters and 3 seeds``; "" without an interval."""
    seeds = f" and {result.seeds} training seeds" if result.seeds else ""
    return f"{result.method} interval over {result.clusters} clusters{seeds}" if result.method else ""


def _table(cell: Cell) -> pd.DataFrame:
    """Pairs x training seeds."""
    import pandas as pd

    return pd.DataFrame({seed: pd.Series(values, dtype=float) for seed, values in cell.by_seed.items()})


def compare(row: Cell, other: Cell | None, direction: str, clusters: Clusters) -> Difference:
    """Difference row - other over the pairs that both have, and what it decides.

    Args:
        direction: of the metric; decides the verdict.
    """
    if other is None or not other.pairs:
        return Difference(None, "", 0, "nothing to compare with")
    lost = len(other.pairs.keys() - row.pairs.keys())
    if not row.pairs:
        return Difference(None, "", 0, "no value of this row", lost)
    from bench.evaluation.statistics import paired_difference

    names = sorted(row.pairs.keys() & other.pairs.keys())
    if not names:
        return Difference(None, "", 0, "no pair has a value in both rows", lost)
    result = paired_difference(_table(row), _table(other), clusters.frame(names))
    interval = Interval.of(result.mean, result.low, result.high)
    return Difference(interval, _verdict(interval, direction), len(names), lost=lost, method=_basis(result))


def _verdict(interval: Interval, direction: str) -> str:
    if direction == "none":
        return ""
    low, high = interval.low, interval.high
    if low is None or high is None or low <= 0 <= high:
        return "undecided"
    return "better" if (high < 0) == (direction == "lower") else "worse"


def cell_of(scores: pd.DataFrame, clusters: Clusters) -> Cell:
    """The cell of one row and column.

    Args:
        scores: score rows of this row and column, of one or several training seeds.
    """
    single = scores[scores["pair"] != "*"]
    if single.empty:
        return _set_cell(scores)
    good = single[_has_number(single)]
    total = int(single["pair"].nunique())
    reason = _most_common(single[~_has_number(single)])
    if good.empty:
        return Cell(reason[0], reason[1], total=total)
    from bench.evaluation.statistics import mean_interval

    pairs = {str(k): float(v) for k, v in good.groupby("pair")["value"].mean().items()}
    cell = Cell("ok", reason[1], None, pairs, len(pairs), total)
    for seed, rows in good.groupby(good["seed"].astype(str)):
        cell.by_seed[str(seed)] = {str(k): float(v) for k, v in rows.groupby("pair")["value"].mean().items()}
    result = mean_interval(_table(cell), clusters.frame(sorted(pairs)))
    cell.interval, cell.method = Interval.of(result.mean, result.low, result.high), _basis(result)
    return cell


def _has_number(scores: pd.DataFrame) -> pd.Series[bool]:
    """Rows that are ok and finite (a hand-made table may call a NaN or an infinity ok)."""
    return (scores["status"] == "ok") & scores["value"].abs().lt(float("inf"))


def _set_cell(scores: pd.DataFrame) -> Cell:
    """A set metric (or a table of means only) has one number and no interval."""
    good = scores[_has_number(scores)]
    if not good.empty:
        return Cell("ok", "", Interval(float(good["value"].mean())))
    status, reason = _most_common(scores)
    return Cell(status, reason)


def _most_common(rows: pd.DataFrame) -> tuple[str, str]:
    """The commonest (status, reason) of rows without a value; ties go to the first in the alphabet."""
    found: Counter[tuple[str, str]] = Counter()
    for status, reason in zip(rows["status"], rows["reason"], strict=True):
        word = str(status) if status != "ok" else "undefined"
        found[word, _text(reason)] += 1
    return min(found, key=lambda k: (-found[k], k)) if found else ("missing", "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def mark_best(cells: Iterable[Cell], direction: str) -> None:
    """Mark the best number of a column. Only rows with the most pairs take part: no row gains by failing pairs."""
    found = [c for c in cells if c.ok and c.interval is not None]
    most = max((c.n for c in found), default=0)
    found = [c for c in found if c.n == most and not c.partial]
    if len(found) < 2 or direction not in ("lower", "higher"):
        return
    values = [c.interval.value for c in found if c.interval is not None]
    best = min(values) if direction == "lower" else max(values)
    for cell, value in zip(found, values, strict=True):
        cell.best = value == best
