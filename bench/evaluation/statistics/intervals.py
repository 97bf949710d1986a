"""Intervals of means and of paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.statistics.resample import (
    DRAWS,
    MIN_SEEDS,
    SEED,
    Array,
    Design,
    bootstrap_weights,
    design_of,
    draw_means,
)

if TYPE_CHECKING:
    import pandas as pd

#: From this many clusters (of the smallest factor) on the interval is BCa, below it is the percentile interval.
BCA_FROM = 15
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """A mean, or a mean difference, with its interval.

    Attributes:
        mean: over pairs (of the mean over training seeds); NaN where there is none.
        low, high: ends; NaN with fewer than two clusters.
        n: number of pairs.
        clusters: number of clusters of the smallest factor (what the interval really rests on).
        method: ``BCa``, ``percentile``, ``half-sampling``, or "" where there is no interval.
        seeds: training seeds that were drawn as well (of a difference: of the method with fewer); 0 where there are
            fewer than three, and the interval holds for these checkpoints only.
        seed_sd: standard deviation over training seeds of the mean over pairs (of a difference: of both together);
            NaN without seeds.
        lost: pairs that only one of the two methods has (of a difference).
    """

    mean: float
    low: float
    high: float
    n: int
    clusters: int
    method: str = ""
    seeds: int = 0
    seed_sd: float = math.nan
    lost: int = 0


def table_of(values: pd.Series[float] | pd.DataFrame) -> pd.DataFrame:
    """Pairs x training seeds in a fixed order, without the rows that have no value at all.

    Fewer than three seeds are averaged: too few to say how much they vary.
    """
    table = values.to_frame() if values.ndim == 1 else values
    table = table.astype(float).dropna(how="all").dropna(axis=1, how="all").sort_index()
    table = table[sorted(table.columns, key=str)]
    return table if table.shape[1] >= MIN_SEEDS else table.mean(axis=1).to_frame()


def mean_interval(
    values: pd.Series[float] | pd.DataFrame,
    clusters: pd.DataFrame,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Interval:
    """Mean over pairs with its two-way cluster bootstrap interval.

    BCa (Efron 1987; Efron and Tibshirani 1993, eqs 14.10, 14.14, 14.15) from :data:`BCA_FROM` clusters on, else
    the percentile interval.

    Args:
        values: value of each pair, indexed by pair, finite; NaN (no value) is left out. A DataFrame has a column for
            each training seed; three or more are drawn as a further level.
        clusters: one column for each factor to resample (``source_identity``, ``driving_motion``), indexed by pair.
            A factor that only splits another one further is left out (:func:`~.resample.design_of`).
        level: coverage of the interval.
        draws, seed: of the bootstrap.

    Raises:
        KeyError: a pair without clusters.
        ValueError: a pair occurs twice, or has an empty cluster.
    """
    return Estimate.of([table_of(values)], clusters, draws, seed).interval(level)


def paired_difference(
    a: pd.Series[float] | pd.DataFrame,
    b: pd.Series[float] | pd.DataFrame,
    clusters: pd.DataFrame,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Interval:
    """Mean of a - b over the pairs that both have, with its interval; arguments as for :func:`mean_interval`.

    Training seeds are not paired: those of a and of b are drawn apart.
    """
    return difference(a, b, clusters, draws, seed).interval(level)


def difference(
    a: pd.Series[float] | pd.DataFrame,
    b: pd.Series[float] | pd.DataFrame,
    clusters: pd.DataFrame,
    draws: int,
    seed: int,
) -> Estimate:
    """Estimate of the mean of a - b over the pairs that both have; arguments as for :func:`mean_interval`."""
    first, second = table_of(a), table_of(b)
    common = first.index.intersection(second.index).sort_values()
    lost = len(first.index.symmetric_difference(second.index))
    first, second = table_of(first.loc[common]), table_of(second.loc[common])
    if first.shape[1] == second.shape[1] == 1:
        tables = [first.iloc[:, 0].sub(second.iloc[:, 0]).to_frame()]
    else:
        tables = [first, second]
    return Estimate.of(tables, clusters, draws, seed, lost)


@dataclass(frozen=True)
class Estimate:
    """A mean (or a difference of two means), its bootstrap draws, and what turns them into an interval.

    Attributes:
        value: the mean.
        draws: (B,) bootstrap means; empty with fewer than two clusters.
        bias: z0 of BCa; ``acceleration``: its a. Both 0 for the percentile interval.
        method, n, clusters, seeds, seed_sd, lost: as in :class:`Interval`.
    """

    value: float
    draws: Array
    bias: float
    acceleration: float
    method: str
    n: int
    clusters: int
    seeds: int
    seed_sd: float
    lost: int

    @classmethod
    def of(
        cls, tables: Sequence[pd.DataFrame], clusters: pd.DataFrame, draws: int, seed: int, lost: int = 0
    ) -> Estimate:
        """Of the mean of one table (pairs x seeds), or of the difference first minus second (same pairs)."""
        arrays = [t.to_numpy(np.float64) for t in tables]
        seeds = min(a.shape[1] for a in arrays)
        seeds = seeds if seeds >= MIN_SEEDS else 0
        design = design_of(clusters, tables[0].index)
        if not design.n:
            return cls(math.nan, np.empty(0), 0.0, 0.0, "", 0, 0, 0, math.nan, lost)
        means = _minus([np.nanmean(a, axis=1) for a in arrays])
        value = math.fsum(means) / len(means) if np.ptp(means) else float(means[0])
        spread = _seed_sd(arrays)
        if design.clusters < 2:
            return cls(value, np.empty(0), 0.0, 0.0, "", design.n, design.clusters, 0, spread, lost)
        weights, _ = bootstrap_weights(design.codes, draws, seed)
        boot = _minus(list(draw_means(arrays, weights, seed).T))
        boot = boot[np.isfinite(boot)]
        bias, acceleration, method = 0.0, 0.0, "percentile"
        if design.clusters >= BCA_FROM:
            below = _share_below(boot, value, scale=float(np.abs(means).max()))
            if 0 < below < 1:
                bias, method = _NORMAL.inv_cdf(below), "BCa"
                acceleration = _acceleration(means, design, arrays)
        return cls(value, boot, bias, acceleration, method, design.n, design.clusters, seeds, spread, lost)

    def interval(self, level: float = 0.95) -> Interval:
        """Ends at this coverage."""
        low, high = math.nan, math.nan
        if self.draws.size:
            points = [self._point((1 - level) / 2), self._point((1 + level) / 2)]
            low, high = map(float, np.quantile(self.draws, points))
        return Interval(
            self.value, low, high, self.n, self.clusters, self.method, self.seeds, self.seed_sd, self.lost
        )  # fmt: skip

    def _point(self, alpha: float) -> float:
        """Which quantile of the draws is the end that the truth lies below with probability ``alpha`` (eq. 14.10)."""
        z = self.bias + _NORMAL.inv_cdf(alpha)
        return _NORMAL.cdf(self.bias + z / (1 - self.acceleration * z))

    def p_below(self, bound: float) -> float:
        """One-sided p-value of "the truth is at most ``bound``": the alpha at which the lower end reaches it.

        The observed sample counts as one draw, so that p is never 0. NaN with fewer than two clusters.
        """
        if not self.draws.size:
            return math.nan
        return self._tail(int((self.draws <= bound).sum()), self.bias, self.acceleration)

    def p_above(self, bound: float) -> float:
        """One-sided p-value of "the truth is at least ``bound``"."""
        if not self.draws.size:
            return math.nan
        return self._tail(int((self.draws >= bound).sum()), -self.bias, -self.acceleration)

    def _tail(self, hits: int, bias: float, acceleration: float) -> float:
        share = min((hits + 1) / (self.draws.size + 1), 1 - 0.5 / (self.draws.size + 1))
        z = _NORMAL.inv_cdf(share) - bias
        return _NORMAL.cdf(z / (1 + acceleration * z) - bias)  # _point, solved for alpha


def _minus(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else arrays[0] - arrays[1]


def _seed_sd(arrays: Sequence[Array]) -> float:
    found = [float(np.nanmean(a, axis=0).std(ddof=1)) for a in arrays if a.shape[1] >= MIN_SEEDS]
    return math.hypot(*found) if found else math.nan


def _share_below(draws: Array, value: float, scale: float) -> float:
    """Share of draws below the value; those equal to it (but for rounding) count half."""
    tolerance = 1e-12 * scale
    return float(((draws < value - tolerance).mean() + (draws <= value + tolerance).mean()) / 2)


def _acceleration(means: Array, design: Design, arrays: Sequence[Array]) -> float:
    """Acceleration by a delete-one-cluster jackknife over all factors together.

    With u = (K-1)/K (mean of the K leave-one-out values - leave-one-out value) of each cluster of each factor,
    a = sum u^3 / (6 (sum u^2)^1.5): skewness of the sum of the factors' effects over 6, which with one factor is
    eq. 14.15 of Efron and Tibshirani (1993). Seeds add to the spread below, but not above: three of them say nothing
    about skewness.
    """
    cubes = squares = 0.0
    total, n = float(means.sum()), len(means)
    for code in design.codes:
        left = n - np.bincount(code)
        out = (total - np.bincount(code, weights=means)) / left
        u = (out.mean() - out) * (len(out) - 1) / len(out)
        cubes, squares = cubes + float((u**3).sum()), squares + float((u**2).sum())
    for table in arrays:
        if table.shape[1] >= MIN_SEEDS:
            u = np.nanmean(table, axis=0) - np.nanmean(table)
            squares += float((u**2).sum()) / (len(u) * (len(u) - 1))
    tiny = (1e-12 * float(np.abs(means).max())) ** 2
    return cubes / (6 * squares**1.5) if squares > tiny else 0.0
