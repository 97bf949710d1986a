"""Draws: which pairs (and which training seeds) a replicate consists of.

Pairs are not independent: they share source identities and driving motions. So replicates draw these clusters, both at
once (the pigeonhole bootstrap: Owen 2007, Annals of Applied Statistics 1(2), section 3): each identity and each motion
gets a multinomial count, and a pair weighs the product of its two counts. With effects of identity and motion its
variance is right, what a pair has of its own counts up to three times: wide, never narrow.
"""

from __future__ import annotations

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
#: From this many training seeds on they are a level of their own.
MIN_SEEDS = 3
_BLOCK = 1 << 14
_SMALL_BLOCK = 1 << 10


@dataclass(frozen=True)
class Design:
    """Which cluster each pair belongs to.

    Attributes:
        codes: for each factor that is resampled the cluster 0..K-1 of every pair.
        n: number of pairs.
    """

    codes: tuple[tuple[int, ...], ...]
    n: int

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of clusters of each factor."""
        return tuple(max(code, default=-1) + 1 for code in self.codes)

    @property
    def clusters(self) -> int:
        """Number of clusters of the smallest factor: what every conclusion rests on."""
        return min(self.counts, default=0)


def design_of(clusters: pd.DataFrame, pairs: pd.Index) -> Design:
    """The design of some pairs, in their order.

    A factor that only splits the clusters of another one further (or equally) is left out. To draw the coarser one
    says all that is to say about the finer (two terms of the two-way variance of Cameron, Gelbach and Miller 2011
    cancel), and to draw both would count the same spread up to three times.

    Args:
        clusters: one column for each factor (``source_identity``, ``driving_motion``), indexed by pair.
        pairs: names, each once.

    Raises:
        KeyError: a pair that ``clusters`` does not know.
        ValueError: a pair twice, or one without a cluster.
    """
    import pandas as pd

    if not pairs.is_unique:
        raise ValueError(f"pair {pairs[pairs.duplicated()][0]!r} occurs twice")
    rows = clusters.loc[pairs]
    if rows.isna().any(axis=None):
        raise ValueError(f"pair {rows.index[rows.isna().any(axis=1)][0]!r} has no cluster")
    codes = [np.asarray(pd.factorize(rows[column])[0]) for column in rows]
    kept = [
        code
        for i, code in enumerate(codes)
        if not any(
            _refines(code, other) and (j < i or not _refines(other, code)) for j, other in enumerate(codes) if j != i
        )
    ]
    return Design(tuple(tuple(map(int, code)) for code in kept), len(rows))


def _refines(fine: Array, coarse: Array) -> bool:
    """Whether every cluster of ``fine`` lies within one of ``coarse``."""
    return len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == len(set(fine.tolist()))


@lru_cache(maxsize=4)  # a board asks for hundreds of intervals over the same pairs
def bootstrap_weights(codes: tuple[tuple[int, ...], ...], draws: int, seed: int) -> tuple[Array, Array]:
    """Weights of the pairs in each draw.

    Args:
        codes: as in :class:`Design`, at least one factor and one pair.

    Returns:
        (draws, N) float64 weights and their (draws,) sums, read-only. A draw in which no pair is left (each lost one
        of its clusters) is drawn again.
    """
    rng = np.random.default_rng(seed)
    done: list[Array] = []
    missing = draws
    while missing > 0:
        size = min(max(missing, 64), _BLOCK)
        weights = np.ones((size, len(codes[0])))
        for code in codes:
            weights *= _counts(rng, max(code) + 1, size)[:, code]
        done.append(weights[weights.sum(axis=1) > 0][:missing])
        missing -= len(done[-1])
    weights = np.concatenate(done)
    total = weights.sum(axis=1)
    weights.flags.writeable = total.flags.writeable = False
    return weights, total


def _counts(rng: np.random.Generator, k: int, size: int) -> Array:
    """(size, k) how often each of k clusters is among k draws with replacement (far faster than rng.multinomial)."""
    drawn = rng.integers(0, k, (size, k)) + k * np.arange(size)[:, None]
    return np.bincount(drawn.ravel(), minlength=size * k).reshape(size, k)


def bootstrap_means(values: Array, codes: Sequence[Array], draws: int = DRAWS, seed: int = SEED) -> Array:
    """Means of cluster bootstrap samples.

    Args:
        values: (N,) float.
        codes: for each factor the (N,) cluster number 0..K-1 of every value.

    Returns:
        (draws,) float64; a draw in which no value is left is drawn again.
    """
    weights, total = bootstrap_weights(tuple(tuple(map(int, code)) for code in codes), draws, seed)
    return np.asarray(weights @ values / total)


def seed_weights(seeds: int, draws: int, seed: int, stream: int) -> Array:
    """Weights of the training seeds of one method in each draw.

    S - 1 of S seeds are drawn with replacement: then the spread of their mean is not too small by (S-1)/S, a third
    with three seeds (McCarthy and Snowden 1985, The bootstrap and finite population sampling). Fewer than
    :data:`MIN_SEEDS` weigh the same in each draw.

    Args:
        stream: number of the method; methods are trained apart, so their seeds are drawn apart.

    Returns:
        (draws, seeds) float64, rows sum to 1.
    """
    if seeds < MIN_SEEDS:
        return np.full((draws, seeds), 1.0 / seeds)
    rng = np.random.default_rng([seed, stream + 1])
    return rng.multinomial(seeds - 1, np.full(seeds, 1.0 / seeds), size=draws) / (seeds - 1.0)


def draw_means(tables: Sequence[Array], weights: Array, seed: int = SEED) -> Array:
    """Means over pairs and seeds of several methods in the same draws of pairs.

    Args:
        tables: for each method (N, S) values of its pairs and training seeds; NaN where a seed has no value of a
            pair. The mean over the seeds of each pair comes first, then the mean over pairs. A pair whose drawn seeds
            have no value for one of the methods is left out of the draw for all of them.
        weights: (draws, N) of the pairs.

    Returns:
        (draws, methods) float64; NaN in a draw in which no pair is left.
    """
    draws = len(weights)
    seeds = [seed_weights(t.shape[1], draws, seed, m) for m, t in enumerate(tables)]
    centres = [float(np.nanmean(t)) for t in tables]  # taken out and put back: differences lose no digits
    centred = [t - c for t, c in zip(tables, centres, strict=True)]
    if not any(np.isnan(t).any() for t in tables):
        total = weights.sum(axis=1)
        with np.errstate(invalid="ignore"):
            parts = [((weights @ t) * s).sum(axis=1) / total for t, s in zip(centred, seeds, strict=True)]
        return np.stack(parts, axis=1) + centres
    blocks = [
        _masked_means(centred, weights[i : i + _SMALL_BLOCK], [s[i : i + _SMALL_BLOCK] for s in seeds])
        for i in range(0, draws, _SMALL_BLOCK)
    ]
    return np.concatenate(blocks) + centres


def _masked_means(tables: Sequence[Array], weights: Array, seeds: Sequence[Array]) -> Array:
    """(draws, methods) means where some seeds have no value of some pairs."""
    pair_means = []
    with np.errstate(invalid="ignore"):  # 0 / 0: none of the drawn seeds has a value of that pair
        for table, drawn in zip(tables, seeds, strict=True):
            there = np.isfinite(table)
            pair_means.append((drawn @ np.where(there, table, 0.0).T) / (drawn @ there.T.astype(float)))
        weights = weights * np.isfinite(np.sum(pair_means, axis=0))
        total = weights.sum(axis=1)
        return np.stack([(weights * np.nan_to_num(m)).sum(axis=1) / total for m in pair_means], axis=1)
