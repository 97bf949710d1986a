"""Key points drawn as a coloured stick figure: the pose image that annotation-driven methods read.

The drawing is anti-aliased arithmetic in float32 with no library behind it, so that every machine draws the same.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

#: Limbs of BODY_25 as (point, point) (Cao et al., OpenPose, TPAMI 2021; as drawn by vid2vid).
BODY_LIMBS: tuple[tuple[int, int], ...] = (
    (1, 8), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11), (8, 12), (12, 13), (13, 14),
    (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (11, 22), (22, 23), (11, 24), (14, 19), (19, 20), (14, 21),
)  # fmt: skip
#: Nose, eyes, ears.
FACE_POINTS = frozenset({0, 15, 16, 17, 18})
BODY_POINTS = 25
HAND_POINTS = 21
#: Bones of one hand: wrist to finger tip, five times.
HAND_LIMBS: tuple[tuple[int, int], ...] = tuple(
    bone for finger in range(5) for bone in pairwise((0, *range(1 + 4 * finger, 5 + 4 * finger)))
)

#: Lines through the 68 face points: jaw, brows, nose, eyes and lips; eyes and lips are closed.
FACE_CHAINS: tuple[tuple[int, ...], ...] = (
    tuple(range(17)), tuple(range(17, 22)), tuple(range(22, 27)), tuple(range(27, 31)), tuple(range(31, 36)),
    (*range(36, 42), 36), (*range(42, 48), 42), (*range(48, 60), 48), (*range(60, 68), 60),
)  # fmt: skip


def limbs_of(points: int) -> tuple[tuple[int, int], ...]:
    """The limbs among the first ``points`` points of (body25, left hand, right hand).

    Raises:
        ValueError: neither 25, 46 nor 67.
    """
    if points not in (BODY_POINTS, BODY_POINTS + HAND_POINTS, BODY_POINTS + 2 * HAND_POINTS):
        raise ValueError(f"expected 25 body points and none, one or two hands of 21, got {points}")
    hands = range(BODY_POINTS, points, HAND_POINTS)
    return BODY_LIMBS + tuple((first + a, first + b) for first in hands for a, b in HAND_LIMBS)


def limb_colours(count: int) -> list[tuple[float, float, float]]:
    """``count`` distinct bright RGB colours in [0, 1], neighbours in the list far apart in hue (golden ratio steps)."""
    return [colorsys.hsv_to_rgb(i * 0.618034 % 1.0, 1.0 - 0.4 * (i % 2), 1.0) for i in range(count)]


def draw_skeleton(
    keypoints: Tensor,
    size: Sequence[int],
    threshold: float = 0.01,
    thickness: float = 3.0,
    face_threshold: float | None = None,
    weighted: bool = False,
) -> Tensor:
    """Draw limbs as round-ended lines; where two cross, each channel takes the brighter one.

    Args:
        keypoints: (B, K, 3) x, y in pixels (integer pixel centres) and confidence; K = 25 (BODY_25), 46 or 67 (with
            one or two hands behind).
        size: (H, W) of the image.
        threshold: a limb is drawn where both its ends have a higher confidence (vid2vid: 0.01).
        thickness: of the lines in pixels (vid2vid: 3).
        face_threshold: the same for nose, eyes and ears (vid2vid: 0.1); None: ``threshold``. Above 0.5, points that
            are hidden but known do not count, so that a back of a head differs from a face.
        weighted: scale a limb's brightness by the smaller confidence of its ends, so that hidden limbs are darker.

    Returns:
        (B, 3, H, W) float32 in [0, 1], black where nothing is drawn.

    Raises:
        ValueError: another number of points.
    """
    keypoints = keypoints.float()
    limbs = limbs_of(keypoints.shape[1])
    least = torch.full((keypoints.shape[1],), threshold, device=keypoints.device)
    if face_threshold is not None:
        least[sorted(FACE_POINTS)] = face_threshold
    present = keypoints[..., 2] > least
    height, width = int(size[0]), int(size[1])
    y = torch.arange(height, dtype=torch.float32, device=keypoints.device)[:, None]
    x = torch.arange(width, dtype=torch.float32, device=keypoints.device)[None]
    image = keypoints.new_zeros(len(keypoints), 3, height, width)
    for (a, b), colour in zip(limbs, limb_colours(len(limbs)), strict=True):
        ends = keypoints[:, [a, b]]
        strength = (present[:, a] & present[:, b]).float()
        if weighted:
            strength = strength * ends[..., 2].amin(1).clamp(0, 1)
        cover = _line(ends[:, 0, :2], ends[:, 1, :2], x, y, thickness) * strength[:, None, None]
        image = torch.maximum(image, cover[:, None] * image.new_tensor(colour)[:, None, None])
    return image


def draw_face(points: Tensor, size: Sequence[int], threshold: float = 0.1, thickness: float = 1.5) -> Tensor:
    """Draw face landmarks as white lines: (B, 68, 3) -> (B, 3, H, W) float32 in [0, 1].

    Args:
        threshold: a line is drawn where both its ends have a higher confidence. thickness: in pixels.
    """
    points = points.float()
    y = torch.arange(int(size[0]), dtype=torch.float32, device=points.device)[:, None]
    x = torch.arange(int(size[1]), dtype=torch.float32, device=points.device)[None]
    image = points.new_zeros(len(points), 1, int(size[0]), int(size[1]))
    for a, b in (line for chain in FACE_CHAINS for line in pairwise(chain)):
        cover = _line(points[:, a, :2], points[:, b, :2], x, y, thickness)
        drawn = (points[:, a, 2] > threshold) & (points[:, b, 2] > threshold)
        image = torch.maximum(image, (cover * drawn[:, None, None])[:, None])
    return image.expand(-1, 3, -1, -1)


def _line(start: Tensor, end: Tensor, x: Tensor, y: Tensor, thickness: float) -> Tensor:
    """(B, H, W) cover in [0, 1] of lines between (B, 2) points; the edge falls off over one pixel."""
    start, along = start[..., None, None], (end - start)[..., None, None]
    from_x, from_y = x - start[:, 0], y - start[:, 1]
    length = (along**2).sum(1).clamp(min=1e-6)
    share = ((from_x * along[:, 0] + from_y * along[:, 1]) / length).clamp(0, 1)
    distance = ((from_x - share * along[:, 0]) ** 2 + (from_y - share * along[:, 1]) ** 2).sqrt()
    return (thickness / 2 + 0.5 - distance).clamp(0, 1)
