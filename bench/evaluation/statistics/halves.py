"""Half-sampling: intervals of set metrics, which have one value for a whole set of clips (Frechet distances, KID).

The bootstrap repeats clips, and a set with repeats has a lower rank and a larger distance. Halves without replacement
have none; and for a mean the spread of the means of halves is just the standard error of the whole (McCarthy 1969,
Pseudo-replication: half samples; Efron 1982, The jackknife, the bootstrap and other resampling plans, chapter 8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.statistics.hypotheses import Friedman, holm
from bench.evaluation.statistics.intervals import Interval
from bench.evaluation.statistics.ranks import Ranking, rank_rows, ranks_of
from bench.evaluation.statistics.resample import SEED, Array, design_of, seed_weights
from bench.evaluation.statistics.wins import sign_of

if TYPE_CHECKING:
    import pandas as pd

#: A set metric is slow; so many halves give the width of an interval within about 5 % (standard error).
HALVES = 200
_ATTEMPTS = 1000
_NORMAL = NormalDist()
#: A set metric on a subset of the pairs; NaN where the subset has no value.
Measure = Callable[[Sequence[str]], float]


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
    measure: Measure,
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
    width = _NORMAL.inv_cdf((1 + level) / 2) * float(good.std())
    return Interval(whole, whole - width, whole + width, len(pairs), count, "half-sampling")


def set_difference(
    a: Measure,
    b: Measure,
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


def rank_sets(
    measures: Mapping[str, Sequence[Measure]],
    clusters: pd.DataFrame,
    direction: str,
    alpha: float = 0.05,
    level: float = 0.95,
    draws: int = HALVES,
    seed: int = SEED,
) -> Ranking:
    """Ranks of methods in one set metric; all see the same halves of the pairs.

    **Rule.** A method is better than another where its value on all pairs is better and the Holm-adjusted p-value, over
    all pairs of methods, is at most ``alpha``. The p-value is the normal one of their difference, with the standard
    error of :func:`set_difference`; three or more training seeds are drawn as well, apart for each method. The
    distribution of the ranks comes from the halves, each method's moved to its value on all pairs.

    Args:
        measures: method -> its measure for each training seed.
        clusters: of the pairs that all methods have; otherwise as for :func:`set_interval`.
        direction: ``lower`` or ``higher`` is better.

    Returns:
        As :func:`~.ranks.rank_methods`, without a Friedman test (there are no values of single pairs to compare).

    Raises:
        ValueError: a metric without direction.
    """
    sign = sign_of(direction)
    pairs = [str(p) for p in clusters.sort_index().index]
    wholes = {name: _mean_of(measures[name], pairs) for name in sorted(measures)}
    names = [name for name, value in wholes.items() if math.isfinite(value)]
    values = np.array([wholes[name] for name in names])
    halves = half_samples(clusters, draws, seed) if len(names) > 1 else []
    boot = np.empty((0, len(names)))
    if halves:
        columns = [_drawn(measures[name], halves, seed, stream) for stream, name in enumerate(names)]
        boot = np.stack(columns, axis=1)
        boot = boot[np.isfinite(boot).all(axis=1)]
        boot = boot - boot.mean(axis=0) + values if 2 * len(boot) >= len(halves) else boot[:0]
    couples = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    adjusted = holm([_normal_p(values[i] - values[j], boot[:, i] - boot[:, j]) for i, j in couples])
    beats = frozenset(
        (names[i], names[j]) if sign * (values[i] - values[j]) > 0 else (names[j], names[i])
        for (i, j), p in zip(couples, adjusted, strict=True)
        if p <= alpha
    )
    rows, order = rank_rows(
        names, values, ranks_of(-sign * values[None])[0][0], ranks_of(-sign * boot), beats, {}, level
    )
    place = {name: i for i, name in enumerate(order.methods)}
    p_values = {
        (min(a, b, key=place.__getitem__), max(a, b, key=place.__getitem__)): p
        for (a, b), p in zip(((names[i], names[j]) for i, j in couples), adjusted, strict=True)
    }
    left_out = tuple(name for name in wholes if name not in names)
    found = design_of(clusters, clusters.index)
    nothing = Friedman(math.nan, math.nan, 0, len(names))
    return Ranking(rows, order, p_values, len(pairs), found.clusters, left_out, nothing)


def _mean_of(seeds: Sequence[Measure], pairs: Sequence[str]) -> float:
    return math.fsum(measure(pairs) for measure in seeds) / len(seeds) if pairs and seeds else math.nan


def _drawn(seeds: Sequence[Measure], halves: Sequence[tuple[str, ...]], seed: int, stream: int) -> Array:
    """(draws,) values of one method on the halves, its training seeds drawn anew in each."""
    known = {half: [float(measure(list(half))) for measure in seeds] for half in set(halves)}
    table = np.array([known[half] for half in halves])
    return np.asarray((seed_weights(len(seeds), len(halves), seed, stream) * table).sum(axis=1))


def _normal_p(value: float, draws: Array) -> float:
    """Two-sided p-value of "the difference is zero" from the spread of its draws; NaN without draws."""
    if not len(draws):
        return math.nan
    spread = float(draws.std())
    if spread <= 1e-12 * abs(value):  # the same methods, or one that is off by the same everywhere
        return 0.0 if value else 1.0
    return 2 * _NORMAL.cdf(-abs(value) / spread)
