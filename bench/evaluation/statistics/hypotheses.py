"""Tests: is a difference real, given how many were looked at; and is it too small to matter?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.statistics.intervals import Interval, difference
from bench.evaluation.statistics.resample import DRAWS, SEED, Array

if TYPE_CHECKING:
    import pandas as pd

#: Up to this many clusters the sign-flip test goes through all 2^n sign patterns.
EXACT_UP_TO = 20
FLIPS = 100_000
_BLOCK = 1 << 13


def sign_flip_test(
    differences: pd.Series[float], clusters: pd.Series[str] | None = None, flips: int = FLIPS, seed: int = SEED
) -> float:
    """Two-sided p-value of "the mean difference is zero" by flipping signs.

    Exact (all 2^n sign patterns) up to :data:`EXACT_UP_TO` clusters, else over ``flips`` random patterns with the
    observed one counted in (Phipson and Smyth 2010), so that p is never 0.

    Args:
        differences: paired differences, indexed by pair; NaN is left out.
        clusters: cluster of each pair; the signs of a cluster flip together. None: every pair by itself.

    Returns:
        NaN without any difference.
    """
    data = differences.dropna().sort_index()
    if data.empty:
        return math.nan
    sums = data if clusters is None else data.groupby(clusters.loc[data.index]).sum()
    return float(sign_flip_p(sums.to_numpy(np.float64)[:, None], flips, seed)[0])


def sign_flip_p(sums: Array, flips: int = FLIPS, seed: int = SEED) -> Array:
    """Two-sided sign-flip p-values of several columns with the same patterns.

    Args:
        sums: (K, M) float, K >= 1: sum of the differences of each cluster, a column for each comparison.

    Returns:
        (M,) p-values in (0, 1].
    """
    size = np.abs(sums).sum(axis=0)
    bound = np.abs(sums.sum(axis=0)) - 1e-12 * size  # rounding must not make the observed pattern extreme
    if len(sums) <= EXACT_UP_TO:
        return np.array([_exact(x, limit) for x, limit in zip(sums.T, bound, strict=True)])
    hits = np.zeros(sums.shape[1])
    for signs in _random_signs(len(sums), flips, seed):
        hits += (np.abs(signs @ sums) >= bound).sum(axis=0)
    return (hits + 1) / (flips + 1)


def _exact(x: Array, bound: float) -> float:
    """Share of the 2^n sign patterns whose absolute sum is at least ``bound``.

    Every sum is one of the first half plus one of the second; with the second ones sorted, a search counts them.
    """
    if bound <= 0:
        return 1.0
    first, second = _sums(x[: len(x) // 2]), np.sort(_sums(x[len(x) // 2 :]))
    above = len(second) - np.searchsorted(second, bound - first, side="left")
    below = np.searchsorted(second, -bound - first, side="right")
    return float((above + below).sum()) / (len(first) * len(second))


def _sums(x: Array) -> Array:
    """(2^n,) sums of x under all sign patterns."""
    found = np.zeros(1)
    for value in x:
        found = np.concatenate([found + value, found - value])
    return found


def _random_signs(n: int, flips: int, seed: int) -> Iterator[Array]:
    """Blocks of (up to 8192, n) random -1 and 1."""
    rng = np.random.default_rng(seed)
    for start in range(0, flips, _BLOCK):
        yield 2.0 * rng.integers(0, 2, (min(_BLOCK, flips - start), n), dtype=np.int8) - 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given; NaN stays NaN and does not count."""
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    adjusted = [math.nan] * len(p_values)
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


@dataclass(frozen=True)
class Equivalence:
    """Whether a difference is too small to matter.

    Attributes:
        interval: of the difference a - b, with coverage 1 - 2 alpha.
        margin: smallest effect of interest, in the metric's unit.
        p: the larger of the two one-sided p-values; NaN without an interval.
        equivalent: p <= alpha.
    """

    interval: Interval
    margin: float
    p: float
    equivalent: bool


def equivalence_test(
    a: pd.Series[float] | pd.DataFrame,
    b: pd.Series[float] | pd.DataFrame,
    clusters: pd.DataFrame,
    margin: float,
    alpha: float = 0.05,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Equivalence:
    """Two one-sided tests (Schuirmann 1987) on the cluster bootstrap: is the mean of a - b within -margin..margin?

    Each p-value is the alpha at which that end of the interval reaches the margin, so the test says yes just where
    the interval with coverage 1 - 2 alpha lies within the margins. Not equivalent is not the same as different.

    Args:
        margin: smallest effect of interest, above 0.
        a, b, clusters, draws, seed: as for :func:`paired_difference`.

    Raises:
        ValueError: the margin is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"the smallest effect of interest must be above 0, not {margin}")
    estimate = difference(a, b, clusters, draws, seed)
    p = max(estimate.p_below(-margin), estimate.p_above(margin))
    return Equivalence(estimate.interval(1 - 2 * alpha), margin, p, p <= alpha)


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all methods are alike.

    Attributes:
        statistic: chi-squared with k - 1 degrees of freedom; NaN with fewer than two blocks or methods, or where
            every block is all ties.
        p: its p-value.
        blocks: rows that have a value of every method; ``methods``: columns.
    """

    statistic: float
    p: float
    blocks: int
    methods: int


def friedman_test(table: pd.DataFrame) -> Friedman:
    """Friedman's rank test, corrected for ties (Friedman 1937; Conover 1999, section 5.8).

    A cross-check only: it takes the rows as independent, and does not say which methods differ.

    Args:
        table: rows are blocks (pairs, or metric groups), columns are methods; rows with a NaN are left out.
    """
    from scipy.stats import chi2, rankdata

    data = table.dropna().to_numpy(np.float64)
    n, k = data.shape
    if n < 2 or k < 2:
        return Friedman(math.nan, math.nan, n, k)
    ranks = rankdata(data, axis=1)
    spread = float((ranks**2).sum()) - n * k * (k + 1) ** 2 / 4
    if spread <= 0:
        return Friedman(math.nan, math.nan, n, k)
    statistic = (k - 1) * float(((ranks.sum(axis=0) - n * (k + 1) / 2) ** 2).sum()) / spread
    return Friedman(statistic, float(chi2.sf(statistic, k - 1)), n, k)
