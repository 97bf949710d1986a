"""The discriminator of FOMM's adversarial configurations (official code; the paper does not use one)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.fomm.config import DiscriminatorConfig
from methods.layers.first_order.affine import AffinePoints
from methods.layers.grids import gaussian_maps


class _Block(nn.Module):
    """conv 4x4 without padding -> instance norm (not in the first) -> leaky ReLU -> pooling (not in the last)."""

    def __init__(self, cin: int, cout: int, norm: bool, pool: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 4)
        self.norm = nn.InstanceNorm2d(cout, affine=True) if norm else None
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = F.leaky_relu(x if self.norm is None else self.norm(x), 0.2)
        return F.avg_pool2d(x, 2) if self.pool else x


class _Patches(nn.Module):
    """Blocks and a 1x1 convolution to logits."""

    def __init__(self, config: DiscriminatorConfig, channels: int) -> None:
        super().__init__()
        n = config.num_blocks
        widths = [channels, *(min(config.max_features, config.block_expansion * 2 ** (i + 1)) for i in range(n))]
        self.down_blocks = nn.ModuleList(
            _Block(a, b, norm=i > 0, pool=i < n - 1) for i, (a, b) in enumerate(pairwise(widths))
        )
        self.conv = nn.Conv2d(widths[-1], 1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for block in self.down_blocks:
            x = block(x)
            found.append(x)
        return [*found, self.conv(x)]


class Discriminator(nn.Module):
    """Patch discriminator of a frame and the heat maps of its key points, at full resolution.

    Args:
        config: sizes.
        points: K.
        variance: of the heat maps, square network units.
    """

    def __init__(self, config: DiscriminatorConfig, points: int, variance: float) -> None:
        super().__init__()
        self._variance = variance
        self.discs = nn.ModuleDict({"1": _Patches(config, 3 + points)})  # one scale, under its official name

    def forward(self, image: Tensor, points: AffinePoints) -> list[list[Tensor]]:
        """(B, 3, H, W) in [0, 1] -> of the one scale, feature maps with the logits last. ``points`` get no gradient."""
        size = (image.shape[2], image.shape[3])
        heat = gaussian_maps(points.value.detach(), size, self._variance)
        return [self.discs["1"](torch.cat([image, heat.to(image.dtype)], dim=1))]
