"""Blocks of this method only: a convolution of source and driving inputs, and residual blocks steered by a signal."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.blocks import InstanceNorm


class SplitConv(nn.Module):
    """A convolution of concatenated source and driving channels, in two parts that are added.

    The same function as one convolution of the concatenation, but the source's part can be computed once for a photo.
    """

    def __init__(self, source: int, driving: int, cout: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.source = nn.Conv2d(source, cout, kernel, stride, padding=kernel // 2)
        self.driving = nn.Conv2d(driving, cout, kernel, stride, padding=kernel // 2, bias=False)

    def forward(self, response: Tensor, driving: Tensor) -> Tensor:
        """``self.source(x)`` (1 or B, cout, h, w) and driving channels (B, driving, H, W) -> (B, cout, h, w)."""
        made: Tensor = self.driving(driving) + response
        return made


class SteeredResBlock(nn.Module):
    """Pre-activation residual block whose normalised features a signal scales and shifts (AdaIN).

    A signal that is tiled and concatenated before a convolution would be cancelled by instance normalisation, since it
    adds a constant to each channel.
    """

    def __init__(self, channels: int, signal: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = InstanceNorm(channels)
        self.norm2 = InstanceNorm(channels)
        self.steer = nn.Linear(signal, 4 * channels)

    def forward(self, x: Tensor, signal: Tensor) -> Tensor:
        """(1 or B, C, H, W) and (B, signal) -> (B, C, H, W)."""
        scale1, shift1, scale2, shift2 = self.steer(signal)[..., None, None].chunk(4, dim=1)
        y = self.conv1(F.relu(self.norm1(x) * (1 + scale1) + shift1))
        return x + self.conv2(F.relu(self.norm2(y) * (1 + scale2) + shift2))


def quiet_init(conv: nn.Conv2d, bias: float = 0.0) -> nn.Conv2d:
    """Let a convolution give almost ``bias`` everywhere at first, but let gradients pass; returns it."""
    nn.init.normal_(conv.weight, std=1e-3)
    assert conv.bias is not None
    nn.init.constant_(conv.bias, bias)
    return conv


def enlarge(x: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, 2h, 2w), bilinear, end points on end points, in float32."""
    size = (2 * x.shape[2], 2 * x.shape[3])
    return F.interpolate(x.float(), size=size, mode="bilinear", align_corners=True)


def every_other(x: Tensor, level: int) -> Tensor:
    """(B, C, H, W) -> every 2^level-th pixel, beginning with the first: never mixes body and background."""
    return x[..., :: 2**level, :: 2**level]


def like(x: Tensor, batch: int) -> Tensor:
    """One source (batch 1) for any number of driving frames."""
    return x.expand(batch, *(-1,) * (x.dim() - 1))


def as_images(iuv: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 IUV -> (B, 3, H, W) float32 of the same values."""
    return iuv.movedim(-1, 1).float()


def as_iuv(images: Tensor) -> Tensor:
    """The inverse of :func:`as_images`."""
    return images.movedim(1, -1).to(torch.uint8)
