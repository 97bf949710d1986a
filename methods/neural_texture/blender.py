"""BlenderNet (section III-D): fuses the features of both branches, and doubles the size where asked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.blocks import ResBlock, SameBlock, UpBlock
from methods.neural_texture.config import BlenderConfig


def enlarge_image(image: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W), bilinear, pixel areas on pixel areas (x' = (x + .5) 2 - .5)."""
    return F.interpolate(image.float(), scale_factor=2.0, mode="bilinear", align_corners=False)


class BlenderNet(nn.Module):
    """Convolution, residual blocks, super-resolution block, and two heads (eq. 9).

    Args:
        config: sizes.
        channels: of all features that come in.
        coarse: how many coarse images may be mixed into the result.
    """

    #: Log-odds at first of the first coarse image against each of the others, where images are mixed.
    TRUST = 3.0

    def __init__(self, config: BlenderConfig, channels: int, coarse: int) -> None:
        super().__init__()
        self.mixed = coarse if config.mix else 0
        width, kernel = config.width, config.edge_kernel
        self.first = SameBlock(channels + 3 * self.mixed, width)
        self.blocks = nn.Sequential(*(ResBlock(width) for _ in range(config.blocks)))
        self.super_resolution = UpBlock(width, width) if config.super_resolution else None
        outputs = 4 + (self.mixed + 1 if self.mixed else 0)
        self.heads = nn.Conv2d(width, outputs, kernel, padding=kernel // 2)
        if self.mixed:
            nn.init.constant_(self.heads.bias[4], self.TRUST)  # type: ignore[index]

    def forward(
        self, features: Sequence[Tensor], coarse: Sequence[Tensor], enlarge: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Blend.

        Args:
            features: (B, C, H, W) of each branch. coarse: (B, 3, H, W) images of each branch.
            enlarge: go through the super-resolution block if there is one (False in the stages before its own).

        Returns:
            Image (B, 3, H', W') in [0, 1] and mask logits (B, 1, H', W').
        """
        mixed = [image.float() for image in coarse] if self.mixed else []
        x = self.first(torch.cat([f.float() for f in features] + mixed, dim=1))
        x = self.blocks(x)
        if self.super_resolution is not None and enlarge:
            x = self.super_resolution(x)
            mixed = [enlarge_image(image) for image in mixed]
        made = self.heads(x).float()
        image, mask = torch.sigmoid(made[:, :3]), made[:, 3:4]
        if self.mixed:
            share = made[:, 4:].softmax(dim=1)
            stack = torch.stack([*mixed, image], dim=1)
            image = (share[:, :, None] * stack).sum(dim=1)
        return image, mask
