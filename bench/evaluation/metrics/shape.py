"""Shape leak: how much of the driver's proportions an animation took over."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_pose as cards
from bench.evaluation.base import Array, FramePair, InvalidInputError, MetricSpec
from bench.evaluation.frame_mean import JudgedMean
from bench.evaluation.metrics.keypoints import body, box_size, check_points, present
from bench.evaluation.observe import observe

#: Root mean square distance of the two bodies' joints, over the target's height, under which they count as one body.
ALIKE = 0.01
_BODY25, _MID_HIP, _NECK = 25, 8, 1


def shape_leak(generated: Array, target: Array, driver: Array, observed: Array | None = None) -> float:
    """<k_gen - k_B, k_A - k_B> / |k_A - k_B|^2 of one frame, over body joints present in all, each minus its root.

    The root is the mid hip, or the neck where a mid hip is missing; with another number of points than 25 or 135 it is
    the mean of the joints.

    Args:
        generated: (K, 3) k_gen.
        target: (K, 3) k_B, the source's body in the driving pose.
        driver: (K, 3) k_A, the driver's body in the same pose under the same camera.
        observed: (K, 3) k_B as the judge that read ``generated`` sees it, so that its bias cancels in k_gen - k_B;
            None: ``target``.

    Returns:
        0 = the source's proportions, 1 = the driver's; NaN without a root or a second joint, or where the bodies differ
        by less than :data:`ALIKE`.

    Raises:
        InvalidInputError: other shapes, different K, or points that are not finite.
    """
    skeletons = [body(check_points(k)) for k in (generated, target if observed is None else observed, target, driver)]
    if len({len(k) for k in skeletons}) > 1:
        raise InvalidInputError(f"the frames have {' and '.join(str(len(k)) for k in skeletons)} key points")
    common = np.logical_and.reduce([present(k) for k in skeletons])
    root = _root(common)
    if not root.any() or np.count_nonzero(common) < 2:
        return math.nan
    made, seen, aim, leak = (k[common, :2] - k[root, :2].mean(axis=0) for k in skeletons)
    direction = leak - aim
    size = math.sqrt(float((direction**2).sum()) / len(direction))
    height = box_size(skeletons[2])[1]
    if not height > 0 or size < ALIKE * height:
        return math.nan
    return float(((made - seen) * direction).sum() / (direction**2).sum())


def _root(common: Array) -> Array:
    """(K,) bool: which joints make the root."""
    if len(common) != _BODY25:
        return common
    root = np.zeros(_BODY25, bool)
    root[_MID_HIP if common[_MID_HIP] else _NECK] = True
    return root & common


class ShapeLeak(JudgedMean):
    """Median over frames of :func:`shape_leak`; k_gen - k_B both as the judge sees them, k_A - k_B exact."""

    spec: ClassVar[MetricSpec] = cards.SHAPE_LEAK
    nothing = f"fewer than two common joints, or bodies that differ by less than {ALIKE:.0%} of the height"

    def value(self, frame: FramePair) -> float:
        """Shape leak of one frame."""
        made = observe(frame, "generated", self.judge)
        exact, driver = frame.annotations["keypoints"], frame.annotations["leak-keypoints"]
        return shape_leak(made, exact, driver, self.observed(frame))

    def observed(self, frame: FramePair) -> Array | None:
        """k_B as the judge sees it."""
        return observe(frame, "reference", self.judge)

    def reduce(self, values: Array) -> float:
        """Median."""
        return float(np.median(values))


class ShapeLeakTruth(ShapeLeak):
    """The same with the exact k_B throughout."""

    spec: ClassVar[MetricSpec] = cards.SHAPE_LEAK_TRUTH

    def observed(self, frame: FramePair) -> None:
        """The exact one."""
        return None
