"""The Frechet distance of two sets of features, exactly and without a matrix square root, and the set metrics on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_network as cards
from bench.evaluation.base import (
    Array,
    ClipContext,
    FramePair,
    InvalidInputError,
    MetricSpec,
    Outcome,
    SetMetric,
    undefined,
)
from bench.evaluation.observe import observe

_SIDES = ("generated", "reference")


def frechet_distance(first: Array, second: Array, ddof: int = 1) -> float:
    """Squared Frechet distance of the Gaussians fitted to two sets (Heusel et al. 2017, equation 6).

    ``|m1 - m2|^2 + Tr S1 + Tr S2 - 2 Tr sqrt(S1 S2)``. With the centred samples X1, X2 the last trace is the nuclear
    norm of ``X1 X2^T / sqrt((n1 - ddof)(n2 - ddof))``, since both have the same singular values: no root of a singular
    matrix is taken, so the value is real also where there are fewer samples than dimensions.

    Args:
        first, second: (n1, D), (n2, D) of any real type; computed in float64. The order of samples does not matter.
        ddof: 1 divides covariances by n - 1 (numpy, pytorch-fid), 0 by n (cd-fvd).

    Returns:
        The distance, at least 0; NaN where a side has fewer than two samples (it has no covariance).

    Raises:
        InvalidInputError: not two matrices of one width, or a value that is not finite.
    """
    x, y = as_features(first), as_features(second)
    if x.shape[1] != y.shape[1]:
        raise InvalidInputError(f"the features have {x.shape[1]} and {y.shape[1]} dimensions")
    if min(len(x), len(y)) < 2:
        return math.nan
    shift = x.mean(axis=0) - y.mean(axis=0)
    x, y = _factor(x, ddof), _factor(y, ddof)
    cross = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return max(0.0, float(shift @ shift + (x**2).sum() + (y**2).sum() - 2.0 * cross))


def _factor(samples: Array, ddof: int) -> Array:
    """(m, D) with m <= D whose Gram product F^T F is the covariance."""
    centred = (samples - samples.mean(axis=0)) / math.sqrt(len(samples) - ddof)
    if len(centred) > centred.shape[1]:  # fewer rows, the same product
        centred = np.linalg.qr(centred, mode="r")
    return centred


def as_features(features: Array) -> Array:
    """(n, D) float64. Raises InvalidInputError where it is no matrix of finite numbers."""
    array = np.asarray(features)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise InvalidInputError(f"features are {array.dtype} {array.shape}, not (n, D) numbers")
    if not np.isfinite(array).all():
        raise InvalidInputError("the features are not finite")
    return array.astype(np.float64)


def pool(parts: Sequence[Mapping[str, Array]]) -> tuple[Array, Array]:
    """All clips' generated and reference features, (n1, D) and (n2, D), in an order that depends on their content only.

    So not even the last bit of what is computed from them depends on the order of the clips.
    """
    ordered = sorted(parts, key=lambda part: tuple(np.ascontiguousarray(part[side]).tobytes() for side in _SIDES))
    first, second = ([part[side] for part in ordered if len(part[side])] for side in _SIDES)
    empty = np.zeros((0, 1))
    return np.concatenate(first) if first else empty, np.concatenate(second) if second else empty


class FeatureSet(SetMetric):
    """Keeps both sides' features of each frame."""

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._rows: dict[str, list[Array]] = {side: [] for side in _SIDES}

    def update(self, frame: FramePair) -> None:
        """Take the next frame: ask the judge for the features of both sides."""
        for side in _SIDES:
            self._rows[side].append(observe(frame, side, self.judge))

    def part(self) -> Mapping[str, Array]:
        """``generated`` and ``reference``: (n, D) float32, (0, 1) where there is nothing."""
        empty = np.zeros((0, 1), np.float32)
        return {side: np.stack(rows) if rows else empty for side, rows in self._rows.items()}

    @classmethod
    def combine(cls, parts: Sequence[Mapping[str, Array]]) -> Outcome:
        """The distance of all generated from all reference features."""
        generated, reference = pool(parts)
        if min(len(generated), len(reference)) < 2:
            return undefined(f"{min(len(generated), len(reference))} samples are too few; two are needed")
        try:
            return Outcome(cls.distance(generated, reference), len(generated))
        except InvalidInputError as error:
            return undefined(str(error), "invalid-input")

    @classmethod
    def distance(cls, generated: Array, reference: Array) -> float:
        """The value on pooled features (n1, D), (n2, D), each at least two."""
        raise NotImplementedError


class Frechet(FeatureSet):
    """:func:`frechet_distance` of a judge's features, all frames pooled."""

    spec: ClassVar[MetricSpec] = cards.FRECHET

    @classmethod
    def distance(cls, generated: Array, reference: Array) -> float:
        """See :func:`frechet_distance`."""
        return frechet_distance(generated, reference)


class FrechetClipMean(Frechet):
    """Mean over clips of the distance within each clip."""

    spec: ClassVar[MetricSpec] = cards.FID_CLIP_MEAN

    @classmethod
    def combine(cls, parts: Sequence[Mapping[str, Array]]) -> Outcome:
        """Clips with fewer than two frames have no covariance; they are counted in the reason."""
        found = [super(FrechetClipMean, cls).combine([part]) for part in parts]
        good = [outcome for outcome in found if outcome.status == "ok"]
        if not good:
            return found[0] if found else undefined("there are no clips")
        missing = len(found) - len(good)
        reason = f"{missing} of {len(found)} clips have fewer than two frames" if missing else ""
        mean = math.fsum(outcome.value for outcome in good) / len(good)
        return Outcome(mean, sum(outcome.n_frames for outcome in good), reason=reason)
