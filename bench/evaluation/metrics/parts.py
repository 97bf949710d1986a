"""Overlap of label maps: SSBS and SSIS on human parsing, DPBS and DPIS on DensePose parts.

Gafni, Wolf, Taigman, Vid2Game, ICLR 2020, section 4, and the single-shot freestyle dance paper, which gives no rule
for labels that are in neither map. The default leaves them out; the profile ``absent-is-zero`` counts them as 0.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_pose as cards
from bench.evaluation.base import Array, FramePair, InvalidInputError, MetricSpec
from bench.evaluation.frame_mean import JudgedMean
from bench.evaluation.observe import observe

#: Labels without the background: CIHP parsing, DensePose parts.
CIHP_LABELS, DENSEPOSE_PARTS = 19, 24
_CODES = 256


def check_labels(generated: Array, reference: Array) -> None:
    """Raise InvalidInputError unless both are (H, W) maps of labels 0..255 of one size."""
    for name, labels in (("generated", generated), ("reference", reference)):
        if labels.ndim != 2 or labels.dtype.kind not in "iub":
            raise InvalidInputError(f"the {name} labels are {labels.dtype} {labels.shape}, not (H, W) integers")
        if labels.size and labels.dtype != np.uint8 and (int(labels.min()) < 0 or int(labels.max()) >= _CODES):
            raise InvalidInputError(f"the {name} labels are not in 0..{_CODES - 1}")
    if generated.shape != reference.shape:
        (h, w), (rh, rw) = generated.shape, reference.shape
        raise InvalidInputError(f"generated labels are {w}x{h}, reference labels are {rw}x{rh}")


def foreground_iou(generated: Array, reference: Array) -> float:
    """Intersection over union of the pixels that are not background (label 0).

    Args:
        generated, reference: (H, W) labels.

    Returns:
        In [0, 1]; NaN where both maps are all background.

    Raises:
        InvalidInputError: other shapes or types.
    """
    check_labels(generated, reference)
    made, real = generated != 0, reference != 0
    union = np.count_nonzero(made | real)
    return np.count_nonzero(made & real) / union if union else math.nan


def label_ious(generated: Array, reference: Array) -> Array:
    """(255,) intersection over union of the labels 1..255, NaN where a label is in neither map.

    Arguments and errors as for :func:`foreground_iou`.
    """
    check_labels(generated, reference)
    made, real = generated.astype(np.uint8).ravel(), reference.astype(np.uint8).ravel()
    common = np.bincount(made[made == real], minlength=_CODES)
    union = np.bincount(made, minlength=_CODES) + np.bincount(real, minlength=_CODES) - common
    ious = np.full(_CODES, np.nan)
    np.divide(common, union, out=ious, where=union > 0)
    return ious[1:]


def mean_iou(generated: Array, reference: Array, labels: int = 0) -> float:
    """Mean intersection over union of labels, the background left out.

    Args:
        generated, reference: (H, W) labels.
        labels: 0: mean over the labels that are in either map; else over the labels 1..``labels``, one in neither map
            counts as 0.

    Returns:
        In [0, 1]; NaN where ``labels`` is 0 and both maps are all background.

    Raises:
        InvalidInputError: other shapes or types, or a label above ``labels``.
    """
    ious = label_ious(generated, reference)
    present = ious[~np.isnan(ious)]
    if labels and not np.isnan(ious[labels:]).all():
        raise InvalidInputError(f"there are labels above {labels}")
    count = labels or len(present)
    return math.fsum(present) / count if count else math.nan


class LabelMean(JudgedMean):
    """Mean over frames of one number from the judge's label maps of the generated and the real frame."""

    nothing = "nobody in the generated or the real frame"

    def value(self, frame: FramePair) -> float:
        """The number of one frame."""
        return self.compare(observe(frame, "generated", self.judge), observe(frame, "reference", self.judge))

    def compare(self, generated: Array, reference: Array) -> float:
        """The number of one frame from (H, W) labels."""
        raise NotImplementedError


class Ssbs(LabelMean):
    """Mean of :func:`foreground_iou` on parsing."""

    spec: ClassVar[MetricSpec] = cards.SSBS

    def compare(self, generated: Array, reference: Array) -> float:
        """Foreground IoU of one frame."""
        return foreground_iou(generated, reference)


class Dpbs(Ssbs):
    """The same on DensePose parts."""

    spec: ClassVar[MetricSpec] = cards.DPBS


class Ssis(LabelMean):
    """Mean of :func:`mean_iou` on parsing."""

    spec: ClassVar[MetricSpec] = cards.SSIS
    labels: ClassVar[int] = 0

    def compare(self, generated: Array, reference: Array) -> float:
        """Mean IoU of one frame."""
        return mean_iou(generated, reference, self.labels)


class SsisZero(Ssis):
    """Labels in neither map count as 0."""

    spec: ClassVar[MetricSpec] = cards.SSIS_ZERO
    labels = CIHP_LABELS


class Dpis(Ssis):
    """The same on DensePose parts."""

    spec: ClassVar[MetricSpec] = cards.DPIS


class DpisZero(Ssis):
    """DensePose parts in neither map count as 0."""

    spec: ClassVar[MetricSpec] = cards.DPIS_ZERO
    labels = DENSEPOSE_PARTS
