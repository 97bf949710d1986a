"""Labels: CIHP's 20 and two hands (22, Pose2Body), and five of the face (27, Body2Frame), filled hulls of points."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from methods.dance.config import CIHP, FACE_LABELS, PoseConfig
from methods.layers.labels import one_hot

FACE, LEFT_ARM, RIGHT_ARM, LEFT_HAND, RIGHT_HAND = 13, 14, 15, 20, 21
#: The five appearance segments t_1 .. t_5 (section 3.1, eq. 4) by label; gloves and hands count as skin (ours).
SEGMENTS: tuple[tuple[int, ...], ...] = (
    (1, 2, 4, 13),
    (5, 6, 7, 11),
    (9, 12),
    (8, 18, 19),
    (3, 10, 14, 15, 16, 17, LEFT_HAND, RIGHT_HAND),
)
#: Groups of the 135 key points.
_LEFT, _RIGHT, _FACE68 = slice(25, 46), slice(46, 67), slice(67, 135)
#: Points of face68 whose hulls make each face label: brows, eyes, nose, lips, inner mouth (drawn last, over the lips).
_FACE_HULLS: tuple[tuple[slice, ...], ...] = (
    (slice(17, 22), slice(22, 27)),
    (slice(36, 42), slice(42, 48)),
    (slice(27, 36),),
    (slice(48, 60),),
    (slice(60, 68),),
)
#: Bits behind the point of the corners that are drawn, and how far outside the frame they may lie.
_SHIFT, _FAR = 4, 8192.0


def hull_mask(points: Tensor, present: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels of the convex hull of points, its outline included (OpenCV's integer raster, so the same everywhere).

    Args:
        points: (B, N, 2) x, y in pixels. present: (B, N) which of them count.
        size: (H, W).

    Returns:
        (B, H, W) bool on the device of ``points``; nothing where fewer than three points are present.
    """
    import cv2

    drawn = np.zeros((len(points), *size), np.uint8)
    fixed = (points.detach().float().clamp(-_FAR, _FAR) * 2**_SHIFT).round().to(torch.int32).cpu().numpy()
    for picture, corners, counted in zip(drawn, fixed, present.cpu().numpy(), strict=True):
        if counted.sum() >= 3:
            cv2.fillConvexPoly(picture, cv2.convexHull(corners[counted]), 1, cv2.LINE_8, _SHIFT)
    return torch.from_numpy(drawn > 0).to(points.device)


def with_hands(parsing: Tensor, keypoints: Tensor, config: PoseConfig) -> Tensor:
    """CIHP labels with the hands' two added: on the person, within the hull of a hand's points (section 3.1).

    Args:
        parsing: (B, H, W) labels 0..19. keypoints: (B, 135, 3) in the same frame.

    Returns:
        (B, H, W) labels 0..21 (0..19 without hand labels), uint8.
    """
    labels = parsing.to(torch.uint8)
    if not config.hand_labels:
        return labels
    size = (int(labels.shape[-2]), int(labels.shape[-1]))
    for group, label in ((_LEFT, LEFT_HAND), (_RIGHT, RIGHT_HAND)):
        hand = keypoints[:, group]
        inside = hull_mask(hand[..., :2], hand[..., 2] > config.hand_threshold, size) & (labels > 0)
        labels = labels.masked_fill(inside, label)
    return labels


def face_labels(keypoints: Tensor, size: tuple[int, int], threshold: float) -> Tensor:
    """The five face labels (section 3.2): (B, 135, 3) key points -> (B, 5, H, W) float32 of zeros and ones.

    Brows, eyes, nose, lips, inner mouth, each the hulls of its points; the inner mouth is cut out of the lips.
    """
    face = keypoints[:, _FACE68]
    present = face[..., 2] > threshold
    drawn = []
    for hulls in _FACE_HULLS:
        each = [hull_mask(face[:, part, :2], present[:, part], size) for part in hulls]
        drawn.append(torch.stack(each).any(0))
    drawn[3] = drawn[3] & ~drawn[4]
    return torch.stack(drawn, 1).float()


def map_of(labels: Tensor, classes: int) -> Tensor:
    """(B, H, W) labels -> (B, classes, H, W) float32 of zeros and ones."""
    return one_hot(labels, classes)


def without_hands(body: Tensor) -> Tensor:
    """(B, 20 or 22, H, W) map -> (B, 20, H, W): hands belong to their arms."""
    if body.shape[1] == CIHP:
        return body
    rest = body[:, :CIHP].clone()
    rest[:, LEFT_ARM] += body[:, LEFT_HAND]
    rest[:, RIGHT_ARM] += body[:, RIGHT_HAND]
    return rest.clamp(max=1)


def person_of(body: Tensor) -> Tensor:
    """Share of a map that is not background: (B, C, H, W) -> (B, 1, H, W) in [0, 1]."""
    person = body[:, 1:].sum(1, keepdim=True)
    return person / (person + body[:, :1]).clamp(min=1e-6)


def rendering_classes(classes: int, hands: bool) -> int:
    """Channels of the map that Body2Frame reads: those of the body, and the face's."""
    return (classes if hands else CIHP) + FACE_LABELS
