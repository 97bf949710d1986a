"""The kernel distance (KID) of two sets of features."""

from __future__ import annotations

import math
from typing import ClassVar

from bench.evaluation import cards_network as cards
from bench.evaluation.base import Array, InvalidInputError, MetricSpec
from bench.evaluation.metrics.frechet import FeatureSet, as_features

#: Rows of the kernel matrix that are held at once.
_BLOCK = 1024


def kernel_distance(first: Array, second: Array, degree: int = 3, coef: float = 1.0) -> float:
    """Unbiased squared MMD with the kernel ``(x.y / D + coef)^degree`` (Binkowski et al. 2018, equation 4).

    All samples are used, without drawing subsets: equal inputs give equal values, and it is what the mean over subsets
    estimates.

    Args:
        first, second: (n1, D), (n2, D); computed in float64.

    Returns:
        The distance, which may be slightly negative; NaN where a side has fewer than two samples.

    Raises:
        InvalidInputError: not two matrices of one width, or a value that is not finite.
    """
    x, y = as_features(first), as_features(second)
    if x.shape[1] != y.shape[1]:
        raise InvalidInputError(f"the features have {x.shape[1]} and {y.shape[1]} dimensions")
    n, m = len(x), len(y)
    if min(n, m) < 2:
        return math.nan
    within_x = _kernel_sum(x, x, degree, coef) - _diagonal_sum(x, degree, coef)
    within_y = _kernel_sum(y, y, degree, coef) - _diagonal_sum(y, degree, coef)
    between = _kernel_sum(x, y, degree, coef)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2.0 * between / (n * m)


def _kernel_sum(x: Array, y: Array, degree: int, coef: float) -> float:
    blocks = (x[i : i + _BLOCK] @ y.T for i in range(0, len(x), _BLOCK))
    return math.fsum(float(((block / x.shape[1] + coef) ** degree).sum()) for block in blocks)


def _diagonal_sum(x: Array, degree: int, coef: float) -> float:
    return float((((x**2).sum(axis=1) / x.shape[1] + coef) ** degree).sum())


class KernelDistance(FeatureSet):
    """:func:`kernel_distance` of a judge's features, all frames pooled."""

    spec: ClassVar[MetricSpec] = cards.KID

    @classmethod
    def distance(cls, generated: Array, reference: Array) -> float:
        """See :func:`kernel_distance`."""
        return kernel_distance(generated, reference)
