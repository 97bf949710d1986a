"""One number from several arms: a weighted sum of their means over pairs, with draws of pairs and of training seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.figures import Values, table_of

if TYPE_CHECKING:
    from leaderboard.cells import Clusters


@dataclass(frozen=True)
class Contrast:
    """A contrast with its 95 % percentile interval.

    Attributes:
        p: two-sided p-value of "it is zero"; ``inside``: p-value of "it is at least the smallest effect, one way or the
            other" (two one-sided tests). NaN without draws.
        n: pairs that all arms have; ``seeds``: of the arm with the fewest.
    """

    value: float
    low: float
    high: float
    p: float
    inside: float
    n: int
    seeds: int


def contrast(
    arms: Sequence[Values], signs: Sequence[float], clusters: Clusters, effect: float,
    weights: Mapping[str, float] | None = None,
) -> Contrast:  # fmt: skip
    """Sum over arms of sign x mean over the pairs that all arms have.

    Args:
        arms: training seed -> pair -> value, of each arm; three or more seeds are drawn as well, apart for each arm.
        effect: smallest effect of interest, above 0.
        weights: weight of each pair (mean 0 for a difference between slices); None: all 1.
    """
    from bench.evaluation.statistics.intervals import table_of as checked
    from bench.evaluation.statistics.resample import DRAWS, SEED, bootstrap_weights, design_of, draw_means

    seeds = min(len(arm) for arm in arms)
    tables = [checked(table_of(arm)) for arm in arms]
    common = sorted(set.intersection(*(set(t.index) for t in tables)))
    if not common:
        return Contrast(math.nan, math.nan, math.nan, math.nan, math.nan, 0, seeds)
    values = [t.loc[common].to_numpy(np.float64) for t in tables]
    if weights is not None:
        w = np.array([weights[p] for p in common])[:, None]
        centre = sum(s * float(np.nanmean(v)) for s, v in zip(signs, values, strict=True)) / signs[0]
        values = [values[0] - centre, *values[1:]]  # what all pairs have in common is no difference between slices
        values = [v * w for v in values]
    value = sum(s * float(np.nanmean(v, axis=1).mean()) for s, v in zip(signs, values, strict=True))
    design = design_of(clusters.frame(common), tables[0].loc[common].index)
    if design.clusters < 2:
        return Contrast(value, math.nan, math.nan, math.nan, math.nan, len(common), seeds)
    drawn = draw_means(values, bootstrap_weights(design.codes, DRAWS, SEED)[0], SEED) @ np.asarray(signs, float)
    drawn = drawn[np.isfinite(drawn)]
    low, high = map(float, np.quantile(drawn, [0.025, 0.975]))
    p = 2 * min(_share(drawn <= 0), _share(drawn >= 0))
    inside = max(_share(drawn <= -effect), _share(drawn >= effect))
    return Contrast(value, low, high, min(1.0, p), inside, len(common), seeds)


def _share(hits: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """Share of draws, the observed one counted in, so that no p-value is 0."""
    return (int(hits.sum()) + 1) / (len(hits) + 1)
