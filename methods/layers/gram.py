"""Gram matrices of feature maps and the style loss on them (Johnson et al., ECCV 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, C): inner products of channels over positions, divided by C H W; in float32."""
    b, c, h, w = features.shape
    flat = features.float().reshape(b, c, h * w)
    return flat @ flat.mT / (c * h * w)


def style_loss(prediction: Sequence[Tensor], target: Sequence[Tensor], kind: Literal["l1", "squared"] = "l1") -> Tensor:
    """Sum over taps of the difference of Gram matrices, scalar; the gradient reaches ``prediction`` only.

    Args:
        prediction, target: feature maps (B, C, H, W), one a tap.
        kind: ``l1``, mean absolute difference of entries (GFLA); ``squared``, squared Frobenius norm, mean over the
            batch (Johnson et al. eq. 4).
    """
    terms = []
    for a, b in zip(prediction, target, strict=True):
        ours, wanted = gram(a), gram(b.detach())
        if kind == "l1":
            terms.append(F.l1_loss(ours, wanted))
        else:
            terms.append((ours - wanted).square().sum((1, 2)).mean())
    return torch.stack(terms).sum()
