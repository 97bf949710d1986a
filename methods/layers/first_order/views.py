"""What the detector sees in training (ours; off under ``paper``).

Points are only asked to be consistent within a video, where person and scene never change; so a small detector learns
to read the scene along, and its points mean something else on another person elsewhere. Here the detector, and nothing
else, sees each frame in other colours and before another scene. No annotation is used.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Largest change of a background pixel between two frames of a still camera (shadows, noise).
_STILL = 0.06


def recolour(images: Tensor, strength: float) -> Tensor:
    """(B, 3, H, W) in [0, 1] under a random colour matrix, contrast and offset for each image; 0 = unchanged."""
    b = len(images)
    mix = strength * torch.rand(b, 1, 1)
    other = torch.rand(b, 3, 3) * 2 - 0.5
    other = other / other.sum(2, keepdim=True).clamp(min=0.3)
    matrix = ((1 - mix) * torch.eye(3) + mix * other).to(images)
    contrast = (1 + 0.4 * strength * (2 * torch.rand(b, 1, 1, 1) - 1)).to(images)
    offset = (0.15 * strength * (2 * torch.rand(b, 3, 1, 1) - 1)).to(images)
    mixed = torch.einsum("bij,bjhw->bihw", matrix, images)
    return ((mixed - 0.5) * contrast + 0.5 + offset).clamp(0, 1)


def moving_region(first: Tensor, second: Tensor) -> Tensor:
    """Where two frames of a video differ, grown and closed: about the person, (B, 1, H, W) in [0, 1] with soft edges.

    Args:
        first, second: (B, 3, H, W) in [0, 1].
    """
    side = max(3, first.shape[-1] // 12 | 1)
    changed = ((first - second).abs().amax(1, keepdim=True) > _STILL).to(first)
    changed = F.avg_pool2d(changed, 3, 1, 1).gt(0.4).to(first)  # single pixels are noise
    grown = _grow(changed, side)
    closed = -_grow(-_grow(grown, 2 * side + 1), 2 * side + 1)
    return F.avg_pool2d(closed, 3, 1, 1, count_include_pad=False)


def _grow(mask: Tensor, side: int) -> Tensor:
    return F.max_pool2d(mask, side, 1, side // 2)


def detector_views(source: Tensor, driving: Tensor, jitter: float, background: float) -> tuple[Tensor, Tensor]:
    """Views of two frames of each video, for the detector.

    Args:
        source, driving: (B, 3, H, W) in [0, 1].
        jitter: strength of :func:`recolour`, drawn anew for each view.
        background: probability, for each view, that pixels outside :func:`moving_region` come from another video of
            the batch.
    """
    views = [source, driving]
    if background and len(source) > 1:
        moving = moving_region(source, driving)
        for i, view in enumerate(views):
            shift = int(torch.randint(1, len(source), (1,)))
            drawn = (torch.rand(len(source), 1, 1, 1) < background).to(source)
            keep = 1 - drawn + drawn * moving
            views[i] = keep * view + (1 - keep) * view.roll(shift, 0)
    if jitter:
        views = [recolour(view, jitter) for view in views]
    return views[0], views[1]
