"""Cells of a board: a mean with its interval, or the reason why there is none; and differences between two rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from bench.evaluation.statistics import Interval as StatisticsInterval
    from leaderboard.ranking import Rank
    from leaderboard.sets import SetMeasure

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
    """A mean or a difference with its 95 % interval (None: one pair, or a set metric without its parts)."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Interval:
        """From ends that are NaN where there is no interval."""
        return cls(value, low, high) if math.isfinite(low) and math.isfinite(high) else cls(value)


class Score(NamedTuple):
    """One row of a score table, without the columns that a cell's rows have in common."""

    judge: str
    pair: str
    value: float
    n_frames: int
    status: str
    reason: str
    seed: str

    @property
    def ok(self) -> bool:
        """Has a number (a hand-made table may call a NaN or an infinity ok)."""
        return self.status == "ok" and math.isfinite(self.value)


@dataclass(frozen=True)
class Clusters:
    """Which source identity and which driving motion a pair shows; a pair that nothing is known of is its own."""

    source: Mapping[str, str] = field(default_factory=dict)
    motion: Mapping[str, str] = field(default_factory=dict)

    def of(self, pair: str) -> tuple[str, str]:
        """(source identity, driving motion) of one pair."""
        return self.source.get(pair) or pair, self.motion.get(pair) or pair

    def frame(self, pairs: Iterable[str]) -> pd.DataFrame:
        """One row a pair, one column a factor that intervals resample."""
        import pandas as pd

        names = list(pairs)
        known = [self.of(p) for p in names]
        return pd.DataFrame(
            {"source_identity": [k[0] for k in known], "driving_motion": [k[1] for k in known]},
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
        n: pairs with a value; ``total``: pairs asked for. Both 0 for one value of the whole set without its parts.
        best: has the best number among the rows it may be compared with; in a ranked column: is separably better than
            all other ranked rows.
        rank: place among the rows that may be ranked; None where there is none. unranked: why this cell has none though
            its row may be ranked and others have one.
        method: of the interval, with what it rests on; of a set metric also why there is none.
        whole: is one value for the set of all pairs. ``frames``: how many frames or windows it was measured on.
        measure: the set metric on any of the pairs, where what it keeps of each pair is there.
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
    whole: bool = False
    frames: int = 0
    measure: SetMeasure | None = None
    rank: Rank | None = None
    unranked: str = ""

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


def compare(row: Cell, other: Cell | None, direction: str, clusters: Clusters) -> Difference:
    """Difference row - other over the pairs that both have, and what it decides.

    Args:
        direction: of the metric; decides the verdict.
    """
    if other is not None and (row.whole or other.whole):
        return _compare_sets(row, other, direction, clusters)
    if other is None or not other.pairs:
        return Difference(None, "", 0, "nothing to compare with")
    lost = len(other.pairs.keys() - row.pairs.keys())
    if not row.pairs:
        return Difference(None, "", 0, "no value of this row", lost)
    from leaderboard.figures import paired_difference

    names = sorted(row.pairs.keys() & other.pairs.keys())
    if not names:
        return Difference(None, "", 0, "no pair has a value in both rows", lost)
    result = paired_difference(row.by_seed, other.by_seed, clusters)
    interval = Interval.of(result.mean, result.low, result.high)
    return Difference(interval, _verdict(interval, direction), len(names), lost=lost, method=_basis(result))


def _compare_sets(row: Cell, other: Cell, direction: str, clusters: Clusters) -> Difference:
    """Difference of two values of whole sets: from the same halves of the pairs where both can be measured on them."""
    if other.interval is None:
        return Difference(None, "", 0, "nothing to compare with")
    if row.interval is None:
        return Difference(None, "", 0, "no value of this row", max(1, other.n))
    if row.measure is None or other.measure is None:
        interval = Interval(row.interval.value - other.interval.value)
        return Difference(
            interval, _verdict(interval, direction), 0, "of two values for whole sets, without an interval"
        )
    from leaderboard.sets import difference_of

    mine, theirs = set(row.measure.pairs), set(other.measure.pairs)
    if not mine & theirs:
        return Difference(None, "", 0, "no pair has a value in both rows", len(theirs - mine))
    result = difference_of(row.measure, other.measure, clusters.frame(sorted(mine & theirs)))
    interval = Interval.of(result.mean, result.low, result.high)
    lost = len(theirs - mine)
    return Difference(interval, _verdict(interval, direction), len(mine & theirs), lost=lost, method=_basis(result))


def _verdict(interval: Interval, direction: str) -> str:
    if direction == "none":
        return ""
    low, high = interval.low, interval.high
    if low is None or high is None or low <= 0 <= high:
        return "undecided"
    return "better" if (high < 0) == (direction == "lower") else "worse"


def cell_of(scores: Sequence[Score], clusters: Clusters) -> Cell:
    """The cell of one row and column.

    Args:
        scores: score rows of this row and column, of one or several training seeds.
    """
    single = [s for s in scores if s.pair != "*"]
    if not single:
        return set_cell(scores)
    good = [s for s in single if s.ok]
    total = len({s.pair for s in single})
    reason = _most_common([s for s in single if not s.ok])
    if not good:
        return Cell(reason[0], reason[1], total=total)
    from leaderboard.figures import mean_interval

    by_seed = {seed: _means(s for s in good if s.seed == seed) for seed in sorted({s.seed for s in good})}
    pairs = _means(good)
    cell = Cell("ok", reason[1], None, pairs, len(pairs), total, by_seed=by_seed)
    result = mean_interval(by_seed, clusters)
    cell.interval, cell.method = Interval.of(result.mean, result.low, result.high), _basis(result)
    return cell


def _means(scores: Iterable[Score]) -> dict[str, float]:
    """Pair -> mean of its values, by name."""
    found: dict[str, list[float]] = {}
    for score in scores:
        found.setdefault(score.pair, []).append(score.value)
    return {pair: math.fsum(values) / len(values) for pair, values in sorted(found.items())}


def set_cell(
    scores: Sequence[Score], clusters: Clusters | None = None, measure: SetMeasure | str = "", total: int = 0
) -> Cell:
    """The cell of a set metric (or of a table of means only): one number, the mean over training seeds.

    Args:
        scores: the rows ``pair = *`` of this row and column.
        measure: the metric on any of the pairs, for the interval; or why there is none.
        total: pairs asked for.
    """
    good = [s for s in scores if s.ok]
    if not good:
        status, reason = _most_common(scores)
        return Cell(status, reason, whole=True)
    value, reason = math.fsum(s.value for s in good) / len(good), next((s.reason for s in good if s.reason), "")
    cell = Cell("ok", reason, Interval(value), whole=True, frames=min(s.n_frames for s in good))
    if isinstance(measure, str) or clusters is None:
        cell.method = f"no interval: {measure}" if measure else ""
        return cell
    from leaderboard.sets import interval_of

    result = interval_of(measure, clusters.frame(measure.pairs))
    if not math.isclose(result.mean, value, rel_tol=1e-6, abs_tol=1e-9):
        cell.method = "no interval: what is kept of the pairs does not give this value"
        return cell
    cell.measure, cell.n = measure, len(measure.pairs)
    cell.total = max(total, cell.n)
    cell.interval = Interval(value, *Interval.of(result.mean, result.low, result.high)[1:])
    cell.method = _basis(result)
    return cell


def _most_common(scores: Sequence[Score]) -> tuple[str, str]:
    """The commonest (status, reason) of rows without a value; ties go to the first in the alphabet."""
    found = Counter((s.status if s.status != "ok" else "undefined", s.reason) for s in scores)
    return min(found, key=lambda k: (-found[k], k)) if found else ("missing", "")


def mark_best(cells: Iterable[Cell], direction: str) -> None:
    """Mark the best number of a column. Only rows with the most pairs (a set metric: the most frames) take part: no row
    gains by failing pairs."""
    found = [c for c in cells if c.ok and c.interval is not None]
    most = max((c.frames or c.n for c in found), default=0)
    found = [c for c in found if (c.frames or c.n) == most and not c.partial]
    if len(found) < 2 or direction not in ("lower", "higher"):
        return
    values = [c.interval.value for c in found if c.interval is not None]
    best = min(values) if direction == "lower" else max(values)
    for cell, value in zip(found, values, strict=True):
        cell.best = value == best
