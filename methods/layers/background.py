"""The scene without the person: what is seen of it in any frame, and a guess for the rest."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def temporal_median(frames: Tensor, person: Tensor) -> tuple[Tensor, Tensor]:
    """Median over time of the pixels where no person is.

    Args:
        frames: (T, 3, H, W). person: (T, 1, H, W), above 0 where a person is.

    Returns:
        (1, 3, H, W) the median, 0 where no frame shows the scene; (1, 1, H, W) 1 where one does.
    """
    hidden = person > 0
    seen = frames.masked_fill(hidden, float("nan"))
    found = seen.nanmedian(dim=0, keepdim=True).values
    known = (~hidden).any(dim=0, keepdim=True)
    return found.nan_to_num(0.0), known.to(frames.dtype)


def inpaint(image: Tensor, known: Tensor) -> Tensor:
    """Fill unknown pixels smoothly from known ones: push-pull over a pyramid (Gortler et al., SIGGRAPH 1996).

    Args:
        image: (B, C, H, W). known: (B, 1, H, W) of zeros and ones.

    Returns:
        (B, C, H, W); known pixels as they are, all zeros where nothing is known.
    """
    h, w = image.shape[-2:]
    if h == 1 and w == 1:
        return image * known
    even = (0, w % 2, 0, h % 2)
    total = F.avg_pool2d(F.pad(image * known, even), 2)
    weight = F.avg_pool2d(F.pad(known, even), 2)
    coarse = inpaint(total / weight.clamp(min=1e-6), (weight > 0).to(image.dtype))
    enlarged = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :h, :w]
    return image * known + enlarged * (1 - known)


def grow(mask: Tensor, pixels: int) -> Tensor:
    """Dilate (B, 1, H, W) masks by a square of ``pixels`` on each side."""
    return F.max_pool2d(mask, 2 * pixels + 1, stride=1, padding=pixels) if pixels else mask


def background_of(frames: Tensor, person: Tensor, margin: int = 1) -> Tensor:
    """Background of a video, or of one photo: temporal median of the unmasked pixels, the rest inpainted.

    Args:
        frames: (T, 3, H, W). person: (T, 1, H, W) masks of zeros and ones. margin: pixels around the person that are
            not trusted, since they mix both.

    Returns:
        (1, 3, H, W) in the range of ``frames``.
    """
    return inpaint(*temporal_median(frames, grow(person, margin)))


def without_person(frames: Tensor, person: Tensor, margin: int = 1) -> Tensor:
    """Each frame with its own person painted out: (T, 3, H, W) -> (T, 3, H, W).

    Behind the person stands what other frames show (their median), else a guess. Outside it each frame is itself, also
    under a moving camera.
    """
    hidden = grow(person, margin)
    return torch.where(hidden > 0, background_of(frames, person, margin), frames)
