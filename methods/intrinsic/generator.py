"""Multi-scale residual generator with deformable skips (paper section 3.3, Stage II)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.intrinsic.config import FusionConfig
from methods.layers.blocks import InstanceNorm, NormFactory, ResBlock, SameBlock
from methods.layers.first_order.flow import Flow, FlowNetwork
from methods.layers.first_order.generator import WarpGenerator
from methods.layers.first_order.sampling import Sampling

#: Corners are aligned in sampling and in resizing (the paper does not say).
SAMPLING = Sampling(sample_align=True, resize_align=True)


@dataclass(frozen=True)
class Level:
    """Motion and confidence at one scale: ``flow`` (B, h, w, 2) network coordinates, ``confidence`` (B, 1, h, w)."""

    flow: Tensor
    confidence: Tensor


def pyramid(base: Flow, sizes: Sequence[tuple[int, int]]) -> list[Level]:
    """Flow and confidence pyramids, each level bilinearly enlarged from the one before (paper section 3.3, Stage I).

    Args:
        base: motion at the base scale.
        sizes: (h, w) of the levels, coarse to fine.
    """
    levels = []
    flow, confidence = base.flow, base.occlusion
    for size in sizes:
        flow, confidence = SAMPLING.resize_flow(flow, size), SAMPLING.resize(confidence, size)
        levels.append(Level(flow, confidence))
        if size[0] < base.flow.shape[1]:  # coarser than the motion: the next level starts from the motion again
            flow, confidence = base.flow, base.occlusion
    return levels


def deform(features: Tensor, level: Level) -> Tensor:
    """M . F(features) (eq. 6), float32; ``features`` (B or 1, C, h, w) of the level's size."""
    batch = len(level.flow)
    return level.confidence * SAMPLING.warp(features.expand(batch, -1, -1, -1), level.flow)


class FusionGenerator(WarpGenerator):
    """Encoder, residual blocks on the deformed base features, and a decoder that takes in finer ones scale by scale.

    Holds the motion network as ``motion``. Every scale but the base one joins [previous decoder output, deformed
    features] by a convolution, and refines it with residual blocks.

    Args:
        config: sizes.
        motion: the flow network; its occlusion head is the confidence (paper section 3.2).
    """

    def __init__(self, config: FusionConfig, motion: FlowNetwork) -> None:
        norm: NormFactory = nn.BatchNorm2d if config.norm == "batch" else InstanceNorm
        super().__init__(config, motion, "motion", SAMPLING, skips=config.multi_scale, norm=norm)
        finer = self.widths[-2::-1]
        joined = 2 if config.multi_scale else 1
        self.joins = nn.ModuleList(SameBlock(joined * width, width, norm=norm) for width in finer)
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResBlock(width, norm) for _ in range(config.stage_blocks))) for width in finer
        )

    def forward(self, features: list[Tensor], image: Tensor, flow: Flow) -> Tensor:
        """Source features (batch 1 or B, see :meth:`encode`) and motion -> (B, 3, H, W) in [0, 1].

        ``image`` is not read: whatever of the source is shown passes the confidence.
        """
        dtype = self.final.weight.dtype
        coarse_to_fine = features[::-1]
        levels = pyramid(flow, [(f.shape[2], f.shape[3]) for f in coarse_to_fine])
        out = self.bottleneck(deform(coarse_to_fine[0], levels[0]).to(dtype))
        finer = zip(coarse_to_fine[1:], levels[1:], self.up_blocks, self.joins, self.stages, strict=True)
        for feature, level, up, join, stage in finer:
            out = up(out)
            if self.skips:
                out = torch.cat([out, deform(feature, level).to(dtype)], dim=1)
            out = stage(join(out))
        return torch.sigmoid(self.final(out)).float()
