"""Gaussian-filtered down-sampling, as the FOMM family does it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def gaussian_kernel(scale: float) -> Tensor:
    """Separable Gaussian for down-sampling by ``scale``: sigma (1/scale - 1)/2, side 2 round(4 sigma) + 1, sum 1.

    Sides: 5 for 1/2, 13 for 1/4, 29 for 1/8 (round half to even, as in the official code).
    """
    sigma = (1 / scale - 1) / 2
    side = 2 * round(sigma * 4) + 1
    x = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    g = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = g[:, None] * g[None, :]
    return kernel / kernel.sum()


class AntiAlias(nn.Module):
    """Blur with zero padding, then keep every (1/scale)-th pixel beginning with the first; scale 1 is the identity.

    The kernel is the buffer ``weight`` (C, 1, k, k), part of official checkpoints.
    """

    weight: Tensor

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.stride = round(1 / scale)
        if self.stride > 1:
            kernel = gaussian_kernel(scale)
            self.register_buffer("weight", kernel.expand(channels, 1, *kernel.shape).clone())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, ceil(H scale), ceil(W scale))."""
        if self.stride == 1:
            return x
        side = self.weight.shape[-1]
        return F.conv2d(x, self.weight, stride=self.stride, padding=side // 2, groups=self.weight.shape[0])
