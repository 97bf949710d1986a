"""Label maps as network input: one-hot layouts, IUV maps by part, regions of a six-class parsing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Classes of the six-class parsing (annotation kind ``parsing6``), in the order of its labels.
SIX_CLASSES = ("background", "head", "top", "bottom", "shoes", "limbs")
#: Parts of a DensePose IUV map.
IUV_PARTS = 24


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(B, H, W) integer labels -> (B, classes, H, W) float32 of zeros and ones.

    Raises:
        ValueError: a label is ``classes`` or larger.
    """
    if labels.numel() and int(labels.max()) >= classes:
        raise ValueError(f"the label {int(labels.max())} is none of {classes} classes")
    return F.one_hot(labels.long(), classes).movedim(-1, 1).float()


def iuv_one_hot(iuv: Tensor) -> Tensor:
    """IUV by part with the parts' charts as channels.

    Args:
        iuv: (B, H, W, 3) uint8: part 0..24 (0 = background), U, V.

    Returns:
        (B, 72, H, W) float32: of part p the channels 3(p-1) .. 3(p-1)+2 hold its mask, U and V in [0, 1], zero outside.
    """
    mask = one_hot(iuv[..., 0], IUV_PARTS + 1)[:, 1:]
    chart = iuv[..., 1:].movedim(-1, 1).float() / 255
    by_part = torch.stack([mask, mask * chart[:, :1], mask * chart[:, 1:]], dim=2)
    return by_part.flatten(1, 2)


def region_masks(parsing6: Tensor) -> Tensor:
    """(B, H, W) six-class labels -> (B, 5, H, W) float32 masks of head, top, bottom, shoes, limbs."""
    return one_hot(parsing6, len(SIX_CLASSES))[:, 1:]
