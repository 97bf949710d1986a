"""Discriminators that methods share: patch, multi-scale patch, and residual.

Each gives the list of its feature maps with the logits last, so that a feature-matching loss can read the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from methods.layers.blocks import InstanceNorm

Norm = Literal["none", "batch", "instance", "spectral"]
SLOPE = 0.2


def _plain(module: nn.Module) -> nn.Module:
    return module


def _norm_layers(norm: Norm, channels: int) -> list[nn.Module]:
    """What follows a convolution; nothing for ``none`` and for ``spectral``, which acts on the weights."""
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    return [InstanceNorm(channels)] if norm == "instance" else []


class PatchDiscriminator(nn.Module):
    """PatchGAN as in pix2pixHD: strided convolutions, one more of stride 1, then one logit a patch.

    Args:
        channels: of the input (image, and whatever it is conditioned on, concatenated).
        width: channels of the first layer; doubled by each layer up to ``max_width``.
        layers: how many strided convolutions.
        kernel: side of every convolution.
        norm: behind all convolutions but the first and the last; ``spectral`` normalises the weights of all of them.
    """

    def __init__(
        self,
        channels: int,
        width: int = 64,
        layers: int = 3,
        kernel: int = 4,
        norm: Norm = "instance",
        max_width: int = 512,
    ) -> None:
        super().__init__()
        wrap: Callable[[nn.Module], nn.Module] = spectral_norm if norm == "spectral" else _plain
        widths = [channels] + [min(max_width, width * 2**i) for i in range(layers + 1)]
        self.blocks = nn.ModuleList()
        for i in range(layers + 1):
            stride = 2 if i < layers else 1
            conv = wrap(nn.Conv2d(widths[i], widths[i + 1], kernel, stride=stride, padding=kernel // 2))
            rest = _norm_layers(norm, widths[i + 1]) if i else []
            self.blocks.append(nn.Sequential(conv, *rest, nn.LeakyReLU(SLOPE)))
        self.head = wrap(nn.Conv2d(widths[-1], 1, kernel, padding=kernel // 2))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, channels, H, W) -> feature maps, logits (B, 1, h, w) last."""
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return [*features, self.head(x)]


class MultiScaleDiscriminator(nn.Module):
    """One :class:`PatchDiscriminator` a scale; the input is halved by 3 x 3 average pooling between them (pix2pixHD).

    Args:
        channels: of the input. scales: how many. patch: arguments of each :class:`PatchDiscriminator`.
    """

    def __init__(self, channels: int, scales: int, **patch: Any) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(channels, **patch) for _ in range(scales))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """(B, channels, H, W) -> for each scale, fine to coarse, its feature maps with the logits last."""
        found = []
        for i, scale in enumerate(self.scales):
            if i:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            found.append(scale(x))
        return found


class _ResDown(nn.Module):
    """[activation ->] conv 3 -> activation -> conv 4 stride 2, beside average pooling -> conv 1; spectral norm."""

    def __init__(self, cin: int, cout: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.conv1 = spectral_norm(nn.Conv2d(cin, cout, 3, padding=1))
        self.conv2 = spectral_norm(nn.Conv2d(cout, cout, 4, stride=2, padding=1))
        self.shortcut = spectral_norm(nn.Conv2d(cin, cout, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x if self.first else F.leaky_relu(x, SLOPE))
        y = self.conv2(F.leaky_relu(y, SLOPE))
        shortcut: Tensor = self.shortcut(F.avg_pool2d(x, 2))
        return y + shortcut


class ResDiscriminator(nn.Module):
    """Discriminator of residual blocks, without normalisation layers but with spectral norm (as in GFLA, CVPR 2020).

    The neural-texture paper has "a simple Discriminator with ResNet blocks"; sizes are GFLA's.

    Args:
        channels: of the input. width: of the first block; doubled by each up to ``max_width``. layers: blocks.
    """

    def __init__(self, channels: int = 3, width: int = 32, layers: int = 4, max_width: int = 128) -> None:
        super().__init__()
        widths = [channels] + [min(max_width, width * 2**i) for i in range(layers)]
        self.blocks = nn.ModuleList(_ResDown(widths[i], widths[i + 1], i == 0) for i in range(layers))
        self.head = spectral_norm(nn.Conv2d(widths[-1], 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, channels, H, W) with sides divisible by 2^layers -> feature maps, logits (B, 1, h, w) last."""
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return [*features, self.head(F.leaky_relu(x, SLOPE))]
