"""Distances of key points: AKD, missing key point rate, PCK.

Points are (K, 3): x, y in pixels, confidence; confidence 0 = missing, anything above is present (0.5 = hidden by the
body itself). Of the canonical 135 points the 25 of the body are compared; of any other K, all.

AKD and MKR: Siarohin et al., First Order Motion Model, NeurIPS 2019, section 4 (metrics). PCK: Yang and Ramanan, TPAMI
2013, section 8, with the person's height as scale.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_pose as cards
from bench.evaluation.base import Array, FramePair, InvalidInputError, MetricSpec
from bench.evaluation.frame_mean import JudgedMean
from bench.evaluation.observe import observe
from datasets.base import KEYPOINT_GROUPS

_CANONICAL = KEYPOINT_GROUPS["face68"].stop
_BODY = KEYPOINT_GROUPS["body25"]
#: Points of the canonical encoding by group.
GROUPS = {
    "body": _BODY,
    "hands": slice(KEYPOINT_GROUPS["lhand"].start, KEYPOINT_GROUPS["rhand"].stop),
    "face": KEYPOINT_GROUPS["face68"],
}
#: BODY_25 index of each of OpenPose's 18 COCO joints: nose, neck, right arm, left arm, right leg, left leg, eyes, ears.
COCO18 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)


# -- points ----------------------------------------------------------------------------------------------------------
def check_points(points: Array) -> Array:
    """(K, 3) points as float64.

    Raises:
        InvalidInputError: another shape, a confidence that is not finite, or a present point that is not.
    """
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        raise InvalidInputError(f"key points are {points.dtype} {points.shape}, not (K, 3) numbers")
    points = points.astype(np.float64)
    if not np.isfinite(points[:, 2]).all() or not np.isfinite(points[points[:, 2] > 0]).all():
        raise InvalidInputError("key points are not finite")
    return points


def check_alike(generated: Array, reference: Array) -> tuple[Array, Array]:
    """Both as float64. Raises InvalidInputError as :func:`check_points` does, and where their numbers differ."""
    made, real = check_points(generated), check_points(reference)
    if len(made) != len(real):
        raise InvalidInputError(f"there are {len(made)} generated and {len(real)} reference key points in a frame")
    return made, real


def body(points: Array) -> Array:
    """The 25 body points of the canonical 135; any other number of points as it is."""
    return points[_BODY] if len(points) == _CANONICAL else points


def present(points: Array) -> Array:
    """(K,) bool: confidence above 0."""
    found: Array = points[:, 2] > 0
    return found


def distances(generated: Array, reference: Array) -> Array:
    """(K,) Euclidean distances in pixels, NaN where a point is missing in either."""
    both = present(generated) & present(reference)
    result = np.full(len(generated), np.nan)
    result[both] = np.hypot(*(generated[both, :2] - reference[both, :2]).T)
    return result


def box_size(points: Array) -> tuple[float, float]:
    """Width and height in pixels of the box around the present points; NaN where there is none."""
    found = points[present(points), :2]
    if not len(found):
        return math.nan, math.nan
    width, height = found.max(axis=0) - found.min(axis=0)
    return float(width), float(height)


# -- one frame -------------------------------------------------------------------------------------------------------
def akd(generated: Array, reference: Array) -> float:
    """Mean Euclidean distance in pixels over the body points present in both; NaN where there is none.

    Args:
        generated, reference: (K, 3).

    Raises:
        InvalidInputError: other shapes, different K, or points that are not finite.
    """
    made, real = check_alike(generated, reference)
    return _mean(distances(body(made), body(real)))


def akd_box_height(generated: Array, reference: Array) -> float:
    """:func:`akd` over the height of the box around the reference's present body points; NaN where that is 0."""
    height = box_size(body(check_points(reference)))[1]
    return akd(generated, reference) / height if height > 0 else math.nan


def akd_penalised(generated: Array, reference: Array) -> float:
    """:func:`akd` over all body points present in the reference; one missing in the generated frame counts as half
    the diagonal of the box around the reference's present body points.

    NaN where the reference has no body point, or where one is missing and the box is a single point.
    """
    made, real = (body(points) for points in check_alike(generated, reference))
    known = present(real)
    found = distances(made, real)[known]
    missing = np.isnan(found)
    half = math.hypot(*box_size(real)) / 2
    if missing.any() and not half > 0:
        return math.nan
    return _mean(np.where(missing, half, found))


def mkr(generated: Array, reference: Array) -> float:
    """Missing key point rate in [0, 1]: body points present in the reference and missing in the generated frame, over
    those present in the reference; NaN where there is none."""
    made, real = (body(points) for points in check_alike(generated, reference))
    return _mean(~present(made)[present(real)])


def pck(generated: Array, reference: Array, threshold: float = 0.1, group: str = "body") -> float:
    """Share of the reference's present points that the generated frame has within ``threshold`` x the height of the
    box around the reference's present body points (a distance equal to it is right, a missing point is wrong).

    Args:
        generated, reference: (K, 3).
        group: of :data:`GROUPS`; only the canonical 135 points have ``hands`` and ``face``.

    Returns:
        In [0, 1]; NaN where the reference has no point of the group, or the box no height.

    Raises:
        InvalidInputError: as :func:`akd`.
    """
    made, real = check_alike(generated, reference)
    height = box_size(body(real))[1]
    if len(real) == _CANONICAL:
        made, real = made[GROUPS[group]], real[GROUPS[group]]
    elif group != "body":  # which points these are is not known
        return math.nan
    known = present(real)
    if not known.any() or not height > 0:
        return math.nan
    found = distances(made, real)[known]
    return _mean(np.nan_to_num(found, nan=math.inf) <= threshold * height)


def _mean(values: Array) -> float:
    """Mean without NaN; NaN where nothing is left."""
    good = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return math.fsum(good) / len(good) if len(good) else math.nan


# -- as the first-order-model authors' scripts have it -----------------------------------------------------------------
def siarohin_points(points: Array) -> Array:
    """(K, 2) points in the scripts' encoding, -1 = missing; of 25 or 135 points the 18 COCO joints, in their order."""
    points = check_points(points)
    if len(points) in (25, _CANONICAL):
        points = points[list(COCO18)]
    return np.where(present(points)[:, None], points[:, :2], -1.0)


def siarohin_akd(generated: Array, reference: Array) -> float:
    """Mean over joints of (|dx| + |dy|) / 2, which is no Euclidean distance; -1 is looked for in x only.

    Args:
        generated, reference: (K, 2), see :func:`siarohin_points`. NaN where no joint is in both.
    """
    both = (generated[:, 0] != -1) & (reference[:, 0] != -1)
    return float(np.abs(generated[both] - reference[both]).mean()) if both.any() else math.nan


def siarohin_mkr(generated: Array, reference: Array) -> float:
    """Share of the reference's joints that the generated frame misses; arguments as for :func:`siarohin_akd`."""
    known = reference[:, 0] != -1
    return float((generated[known, 0] == -1).mean()) if known.any() else math.nan


# -- accumulators ------------------------------------------------------------------------------------------------------
class KeypointMean(JudgedMean):
    """Mean over frames of one number from the judge's points of the generated frame and those to compare with."""

    against: ClassVar[str] = "reference"

    def value(self, frame: FramePair) -> float:
        """The number of one frame."""
        return self.compare(observe(frame, "generated", self.judge), self.real(frame))

    def real(self, frame: FramePair) -> Array:
        """(K, 3) points to compare with: the same judge's, of the reference or driving frame."""
        return observe(frame, self.against, self.judge)

    def compare(self, generated: Array, reference: Array) -> float:
        """The number of one frame from (K, 3) points."""
        raise NotImplementedError


class Akd(KeypointMean):
    """Mean of :func:`akd`."""

    spec: ClassVar[MetricSpec] = cards.AKD
    nothing = "no joint present in both"

    def compare(self, generated: Array, reference: Array) -> float:
        """AKD of one frame."""
        return akd(generated, reference)


class AkdDriving(Akd):
    """Against the driving frame's points."""

    spec: ClassVar[MetricSpec] = cards.AKD_DRIVING
    against = "driving"


class AkdTruth(Akd):
    """Against the data set's exact points."""

    spec: ClassVar[MetricSpec] = cards.AKD_TRUTH

    def real(self, frame: FramePair) -> Array:
        """The annotation."""
        return frame.annotations["keypoints"]


class AkdBoxHeight(Akd):
    """Mean of :func:`akd_box_height`."""

    spec: ClassVar[MetricSpec] = cards.AKD_BOX_HEIGHT
    nothing = "no joint present in both, or a box without a height"

    def compare(self, generated: Array, reference: Array) -> float:
        """AKD of one frame over the person's height."""
        return akd_box_height(generated, reference)


class AkdPenalised(KeypointMean):
    """Mean of :func:`akd_penalised`."""

    spec: ClassVar[MetricSpec] = cards.AKD_PENALISED
    nothing = "no joint in the real frame"

    def compare(self, generated: Array, reference: Array) -> float:
        """Penalised AKD of one frame."""
        return akd_penalised(generated, reference)


class Mkr(KeypointMean):
    """Mean of :func:`mkr`."""

    spec: ClassVar[MetricSpec] = cards.MKR
    nothing = "no joint in the real frame"

    def compare(self, generated: Array, reference: Array) -> float:
        """MKR of one frame."""
        return mkr(generated, reference)


class AkdSiarohin(KeypointMean):
    """Mean of :func:`siarohin_akd`."""

    spec: ClassVar[MetricSpec] = cards.AKD_SIAROHIN
    nothing = "no joint present in both"

    def compare(self, generated: Array, reference: Array) -> float:
        """The scripts' AKD of one frame."""
        check_alike(generated, reference)
        return siarohin_akd(siarohin_points(generated), siarohin_points(reference))


class MkrSiarohin(KeypointMean):
    """Mean of :func:`siarohin_mkr`."""

    spec: ClassVar[MetricSpec] = cards.MKR_SIAROHIN
    nothing = "no joint in the real frame"

    def compare(self, generated: Array, reference: Array) -> float:
        """The scripts' MKR of one frame."""
        check_alike(generated, reference)
        return siarohin_mkr(siarohin_points(generated), siarohin_points(reference))


class Pck(KeypointMean):
    """Mean of :func:`pck`."""

    spec: ClassVar[MetricSpec] = cards.PCK
    threshold: ClassVar[float] = 0.1
    group: ClassVar[str] = "body"
    nothing = "no point of the group in the real frame, or a box without a height"

    def compare(self, generated: Array, reference: Array) -> float:
        """PCK of one frame."""
        return pck(generated, reference, self.threshold, self.group)


class PckStrict(Pck):
    """Half the distance."""

    spec: ClassVar[MetricSpec] = cards.PCK_005
    threshold = 0.05


class PckLoose(Pck):
    """Twice the distance."""

    spec: ClassVar[MetricSpec] = cards.PCK_02
    threshold = 0.2


class PckHands(PckStrict):
    """Both hands, 21 points each."""

    spec: ClassVar[MetricSpec] = cards.PCK_HANDS
    group = "hands"


class PckFace(PckStrict):
    """The face's 68 points."""

    spec: ClassVar[MetricSpec] = cards.PCK_FACE
    group = "face"
