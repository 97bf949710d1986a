"""COCO-WholeBody's 133 points (Jin et al., ECCV 2020) in the canonical encoding of 135.

Order of the 133: 17 of COCO, 6 of the feet, 68 of the face (iBUG), 21 of the left hand, 21 of the right hand. BODY_25
has two points that COCO lacks: the neck (mid of the shoulders) and the mid-hip.
"""

from __future__ import annotations

import numpy as np

from datasets.base import KEYPOINT_GROUPS, Array

POINTS = 133
#: Scores below this are a missing point. SimCC scores are the lower of the two axes' maxima, as mmpose defines them.
THRESHOLD = 0.3
_SHOULDERS, _HIPS = (5, 6), (11, 12)
_NECK, _MID_HIP = 1, 8
_FACE, _LEFT_HAND, _RIGHT_HAND = range(23, 91), range(91, 112), range(112, 133)
#: BODY_25 joint -> point of the 133 (the neck and the mid-hip, which it lacks, stand here by one side).
_BODY25 = (0, 6, 6, 8, 10, 5, 7, 9, 12, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3, 17, 18, 19, 20, 21, 22)
_ORDER = np.array([*_BODY25, *_LEFT_HAND, *_RIGHT_HAND, *_FACE])


def canonical(points: Array, scores: Array, size: tuple[int, int], threshold: float = THRESHOLD) -> Array:
    """The 135 canonical points of a detector's 133.

    Args:
        points: (133, 2) x, y in pixels, integer pixel centres.
        scores: (133,) the detector's own; what is above 1 counts as 1.
        size: (H, W) of the frame.
        threshold: a point with a lower score, one outside the frame and one that is not finite are missing: (0, 0, 0).

    Returns:
        (135, 3) float32 x, y, confidence in [0, 1]. A midpoint has the lower confidence of its two ends, and is missing
        where one of them is.
    """
    points, scores = np.asarray(points, np.float64), np.asarray(scores, np.float64)
    if points.shape != (POINTS, 2) or scores.shape != (POINTS,):
        raise ValueError(f"expected (133, 2) points and (133,) scores, got {points.shape} and {scores.shape}")
    height, width = size
    x, y = points.T
    with np.errstate(invalid="ignore"):
        inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
        seen = inside & (scores >= threshold) & np.isfinite(scores) & (scores > 0)
    table = np.where(seen[:, None], np.column_stack([points, np.clip(scores, 0.0, 1.0)]), 0.0)
    found = table[_ORDER]
    assert len(found) == KEYPOINT_GROUPS["face68"].stop
    for joint, ends in ((_NECK, _SHOULDERS), (_MID_HIP, _HIPS)):
        pair = table[list(ends)]
        found[joint] = [*pair[:, :2].mean(0), pair[:, 2].min()] if (pair[:, 2] > 0).all() else [0.0, 0.0, 0.0]
    return found.astype(np.float32)


def whole_frame(frame: Array) -> Array:
    """(4,) float32 box x0, y0, x1, y1 of a whole (H, W, 3) frame, as mmpose and rtmlib take it without a detector."""
    return np.array([0, 0, frame.shape[1], frame.shape[0]], np.float32)


def nobody() -> Array:
    """(135, 3) float32: every point missing."""
    return np.zeros((KEYPOINT_GROUPS["face68"].stop, 3), np.float32)
