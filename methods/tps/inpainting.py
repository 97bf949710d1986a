"""Inpainting network: warps the source's features at every resolution and fills what is occluded (paper Fig. 3)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.blocks import DownBlock, ResBlock, SameBlock, UpBlock
from methods.layers.grids import resize_flow, warp
from methods.tps.config import InpaintingConfig
from methods.tps.dense_motion import Motion


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[2], x.shape[3]


class InpaintingNetwork(nn.Module):
    """Encoder of the source, and a decoder that fuses the warped, masked features of all resolutions."""

    def __init__(self, config: InpaintingConfig) -> None:
        super().__init__()
        self.config = config
        depth = config.num_down_blocks
        widths = [min(config.max_features, config.block_expansion * 2**i) for i in range(depth + 1)]
        self.first = SameBlock(3, config.block_expansion, kernel=config.edge_kernel)
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in pairwise(widths))
        self.up_blocks = nn.ModuleList()
        self.resblock = nn.ModuleList()
        for i in range(depth):
            channels = widths[depth - i] * (1 if i == 0 else 2)
            self.up_blocks.append(UpBlock(channels, widths[depth - i - 1]))
            self.resblock.extend(ResBlock(channels) for _ in range(config.blocks_per_level))
        self.final = nn.Conv2d(config.block_expansion, 3, config.edge_kernel, padding=config.edge_kernel // 2)

    def encode(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> feature maps, high to low resolution."""
        features = [self.first(image.to(self.final.weight.dtype))]
        for block in self.down_blocks:
            features.append(block(features[-1]))
        return features

    def masks(self, motion: Motion, features: list[Tensor]) -> list[Tensor]:
        """One occlusion mask for each feature map, in their order (high to low); a single mask is resized to all."""
        if len(motion.occlusion) > 1:
            return list(reversed(motion.occlusion))
        mask = motion.occlusion[0]
        return [F.interpolate(mask, size=_size(f), mode="bilinear", align_corners=True) for f in features]

    def warp_features(self, features: list[Tensor], motion: Motion) -> list[Tensor]:
        """Every feature map, warped by the flow and masked. One source (batch 1) serves any number of flows."""
        batch = len(motion.flow)
        return [
            (warp(f.expand(batch, -1, -1, -1), resize_flow(motion.flow, _size(f))).to(m.dtype) * m)
            for f, m in zip(features, self.masks(motion, features), strict=True)
        ]

    def decode(self, warped: list[Tensor], source: Tensor, motion: Motion) -> tuple[Tensor, Tensor]:
        """Generate from warped features.

        Args:
            warped: as from :meth:`warp_features`, high to low resolution.
            source: (1 or B, 3, H, W).
            motion: flow and masks.

        Returns:
            Prediction and warped source, (B, 3, H, W) in [0, 1].
        """
        depth, per_level = len(self.up_blocks), self.config.blocks_per_level
        mask = self.masks(motion, [source])[0] if len(motion.occlusion) == 1 else motion.occlusion[-1]
        out = warped[-1]
        for i, up in enumerate(self.up_blocks):
            for block in self.resblock[i * per_level : (i + 1) * per_level]:
                out = block(out)
            out = up(out)
            if i < depth - 1:
                out = torch.cat([out, warped[depth - 1 - i]], dim=1)
        out = torch.sigmoid(self.final(out * (1 - mask) + warped[0])).float()
        moved = warp(source.expand(len(motion.flow), -1, -1, -1), resize_flow(motion.flow, _size(source)))
        mask = mask.float()
        return out * (1 - mask) + moved * mask, moved

    def forward(self, features: list[Tensor], source: Tensor, motion: Motion) -> tuple[Tensor, Tensor]:
        """Source features and motion -> prediction and warped source, (B, 3, H, W) in [0, 1]."""
        return self.decode(self.warp_features(features, motion), source, motion)

    def warp_loss(self, features: list[Tensor], driving: Tensor, motion: Motion) -> Tensor:
        """Warp loss before its weight: sum over levels of mean |E(driving) - T(E(source))|, both masked (paper eq. 13).

        Features and masks are detached, so that the loss reaches the flow only [official code].
        """
        fixed = Motion(motion.flow, tuple(m.detach() for m in motion.occlusion), motion.contribution)
        with torch.no_grad():
            masks = self.masks(fixed, features)
            wanted = [f * m for f, m in zip(self.encode(driving), masks, strict=True)]
        warped = self.warp_features([f.detach() for f in features], fixed)
        return torch.stack([F.l1_loss(a, b) for a, b in zip(warped, wanted, strict=True)]).sum()
