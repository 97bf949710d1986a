"""Intervals and tests over pairs: which difference is real? No torch; same input and seed, same numbers.

Pairs are not independent: they share source identities and driving motions. So intervals resample these clusters, both
at once (the pigeonhole bootstrap: Owen 2007, Annals of Applied Statistics 1(2), section 3): each identity and each
motion gets a multinomial count, and a pair weighs the product of its two counts. Methods are compared on the same
pairs, by their paired difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]
DRAWS = 10_000
SEED = 20_240_407
#: Up to this many clusters the sign-flip test goes through all 2^n sign patterns.
EXACT_UP_TO = 20
_BLOCK = 1 << 14


@dataclass(frozen=True)
class Interval:
    """A mean with its interval.

    Attributes:
        mean: mean over pairs; NaN where there is none.
        low, high: ends of the percentile interval; NaN with fewer than two clusters.
        n: number of pairs.
        clusters: number of clusters of the smallest factor (what the interval really rests on).
    """

    mean: float
    low: float
    high: float
    n: int
    clusters: int


def mean_interval(
    values: pd.Series, clusters: pd.DataFrame, level: float = 0.95, draws: int = DRAWS, seed: int = SEED
) -> Interval:
    """Mean over pairs with its two-way cluster bootstrap interval.

    Args:
        values: value of each pair, indexed by pair; NaN (no value) is left out.
        clusters: one column for each factor to resample (``source_identity``, ``driving_motion``), indexed by pair.
            A column that splits the pairs as an earlier one does counts once.
        level: coverage of the interval.
        draws, seed: of the bootstrap.

    Raises:
        KeyError: a pair without clusters.
    """
    values = values.dropna().sort_index()
    codes = _partitions(clusters.loc[values.index])
    data = values.to_numpy(np.float64)
    counts = [int(code.max()) + 1 for code in codes] if len(data) else [0]
    mean = math.fsum(data) / len(data) if len(data) else math.nan
    if min(counts) < 2:
        return Interval(mean, math.nan, math.nan, len(data), min(counts))
    low, high = np.quantile(bootstrap_means(data, codes, draws, seed), [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), len(data), min(counts))


def paired_difference(
    a: pd.Series, b: pd.Series, clusters: pd.DataFrame, level: float = 0.95, draws: int = DRAWS, seed: int = SEED
) -> Interval:
    """Mean of a - b over the pairs that both have, with its interval; arguments as for :func:`mean_interval`."""
    a, b = a.dropna().align(b.dropna(), join="inner")
    return mean_interval(a - b, clusters, level, draws, seed)


def _partitions(clusters: pd.DataFrame) -> list[Array]:
    """Integer codes of each factor in the order of the rows; factors that are the same partition are kept once."""
    import pandas as pd

    kept: list[Array] = []
    for column in clusters:
        code = np.asarray(pd.factorize(clusters[column])[0])
        if not any(np.array_equal(code, other) for other in kept):
            kept.append(code)
    return kept


def bootstrap_means(values: Array, codes: Sequence[Array], draws: int = DRAWS, seed: int = SEED) -> Array:
    """Means of cluster bootstrap samples.

    Args:
        values: (N,) float.
        codes: for each factor the (N,) cluster number 0..K-1 of every value.

    Returns:
        (draws,) float64; a draw in which no value is left (every pair lost one of its clusters) is drawn again.
    """
    weights, total = _bootstrap_weights(tuple(tuple(map(int, code)) for code in codes), draws, seed)
    return np.asarray(weights @ values / total)


@lru_cache(maxsize=4)  # a board asks for hundreds of intervals over the same pairs
def _bootstrap_weights(codes: tuple[tuple[int, ...], ...], draws: int, seed: int) -> tuple[Array, Array]:
    """(draws, N) weights of the pairs and their (draws,) sums."""
    rng = np.random.default_rng(seed)
    done: list[Array] = []
    missing = draws
    while missing > 0:
        size = min(max(missing, 64), _BLOCK)
        weights = np.ones((size, len(codes[0])))
        for code in codes:
            k = max(code) + 1
            weights *= rng.multinomial(k, np.full(k, 1.0 / k), size=size)[:, code]
        done.append(weights[weights.sum(axis=1) > 0][:missing])
        missing -= len(done[-1])
    weights = np.concatenate(done)
    return weights, weights.sum(axis=1)


def sign_flip_test(
    differences: pd.Series, clusters: pd.Series | None = None, flips: int = 100_000, seed: int = SEED
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
    x = sums.to_numpy(np.float64)
    bound = abs(x.sum()) * (1 - 1e-12) - 1e-15 * np.abs(x).sum()  # rounding must not make the observed pattern extreme
    if len(x) <= EXACT_UP_TO:
        patterns = 1 << len(x)
        hits = sum(
            int((np.abs(_signs(start, min(start + _BLOCK, patterns), len(x)) @ x) >= bound).sum())
            for start in range(0, patterns, _BLOCK)
        )
        return hits / patterns
    rng = np.random.default_rng(seed)
    hits = 0
    for start in range(0, flips, _BLOCK):
        signs = 2.0 * rng.integers(0, 2, (min(_BLOCK, flips - start), len(x))) - 1
        hits += int((np.abs(signs @ x) >= bound).sum())
    return (hits + 1) / (flips + 1)


def _signs(start: int, stop: int, n: int) -> Array:
    """(stop - start, n) of -1 and 1: the bits of start..stop-1."""
    bits = np.arange(start, stop)[:, None] >> np.arange(n) & 1
    return 2.0 * bits - 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given; NaN stays NaN and does not count."""
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    adjusted = [math.nan] * len(p_values)
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted
