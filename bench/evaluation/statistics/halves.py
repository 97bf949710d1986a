"""Half-sampling: intervals of set metrics, which have one value for a whole set of clips (Frechet distances, KID).

The bootstrap repeats clips, and a set with repeats has a lower rank and a larger distance. Halves without replacement
have none; and for a mean the spread of the means of halves is just the standard error of the whole (McCarthy 1969,
Pseudo-replication: half samples; Efron 1982, The jackknife, the bootstrap and other resampling plans, chapter 8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.statistics.intervals import Interval
from bench.evaluation.statistics.resample import SEED, design_of

if TYPE_CHECKING:
    import pandas as pd

#: A set metric is slow; so many halves give the width of an interval within about 5 % (standard error).
HALVES = 200
_ATTEMPTS = 1000


def half_samples(clusters: pd.DataFrame, draws: int = HALVES, seed: int = SEED) -> list[tuple[str, ...]]:
    """Subsets of pairs, the same for every method and metric.

    Half of the clusters of each factor is drawn without replacement (of an odd number the smaller or the larger half
    by a coin), and the pairs of which all clusters are drawn stay: half of the pairs, or about a quarter where every
    identity meets every motion.

    Args:
        clusters: one column for each factor, indexed by pair; as for :func:`~.intervals.mean_interval`.

    Returns:
        ``draws`` tuples of sorted names, none empty; [] with fewer than two clusters, or where no draw leaves a pair.
    """
    clusters = clusters.sort_index()
    design = design_of(clusters, clusters.index)
    if design.clusters < 2:
        return []
    codes = [np.asarray(code) for code in design.codes]
    rng = np.random.default_rng(seed)
    found: list[tuple[str, ...]] = []
    for _ in range(_ATTEMPTS + draws):
        kept = np.ones(design.n, dtype=bool)
        for code, k in zip(codes, design.counts, strict=True):
            half = (k + int(rng.integers(0, 2))) // 2
            kept &= np.isin(code, rng.permutation(k)[:half])
        if kept.any():
            found.append(tuple(clusters.index[kept]))
        if len(found) == draws:
            return found
    return found


def set_interval(
    measure: Callable[[Sequence[str]], float],
    clusters: pd.DataFrame,
    level: float = 0.95,
    draws: int = HALVES,
    seed: int = SEED,
) -> Interval:
    """A set metric over all pairs, with its half-sampling interval.

    The interval is the value of the whole set plus and minus a normal quantile times the standard deviation of the
    halves round their own mean: a set metric of half as many clips is biased (a Frechet distance is larger), and this
    leaves the bias out of the interval (not out of the value: compare values of the same number of clips only).

    Args:
        measure: the metric on a subset of the pairs; NaN where the subset has no value. Called once for each subset.
        clusters: one column for each factor, indexed by pair; its index are the pairs.

    Returns:
        ``lost`` is 0; no interval with fewer than two clusters, or where fewer than half of the draws have a value.
    """
    pairs = [str(p) for p in clusters.sort_index().index]
    whole = float(measure(pairs)) if pairs else math.nan
    known: dict[tuple[str, ...], float] = {}
    values = []
    for half in half_samples(clusters, draws, seed):
        if half not in known:
            known[half] = float(measure(list(half)))
        values.append(known[half])
    count = design_of(clusters, clusters.index).clusters
    good = np.array([v for v in values if math.isfinite(v)])
    if not good.size or 2 * good.size < len(values) or not math.isfinite(whole):
        return Interval(whole, math.nan, math.nan, len(pairs), count)
    width = NormalDist().inv_cdf((1 + level) / 2) * float(good.std())
    return Interval(whole, whole - width, whole + width, len(pairs), count, "half-sampling")


def set_difference(
    a: Callable[[Sequence[str]], float],
    b: Callable[[Sequence[str]], float],
    clusters: pd.DataFrame,
    level: float = 0.95,
    draws: int = HALVES,
    seed: int = SEED,
) -> Interval:
    """Set metric of method a minus that of method b, with the interval of the difference: both see the same halves.

    Args:
        a, b: the metric of each method on a subset of the pairs.
        clusters: of the pairs that both methods have; otherwise as for :func:`set_interval`.
    """
    return set_interval(lambda pairs: a(pairs) - b(pairs), clusters, level, draws, seed)
