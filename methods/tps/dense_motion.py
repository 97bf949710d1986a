"""Dense motion network: optical flow as a blend of splines, and multi-resolution occlusion masks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.layers.antialias import AntiAlias
from methods.layers.blocks import UpBlock
from methods.layers.grids import coordinate_grid, gaussian_maps, warp
from methods.layers.hourglass import Hourglass
from methods.tps.config import MotionConfig
from methods.tps.keypoints import POINTS_PER_TPS
from methods.tps.transform import ThinPlateSpline, affine_grid


@dataclass(frozen=True)
class Motion:
    """What the dense motion network says of a batch.

    Attributes:
        flow: (B, h, w, 2) where in the source to sample, network coordinates.
        occlusion: low to high resolution, each (B, 1, H_i, W_i) in [0, 1]: 1 = keep the warped source, 0 = inpaint.
            One mask at flow resolution where the configuration has no multi-resolution masks.
        contribution: (B, K + 1, h, w) softmax weights; slot 0 is the background.
    """

    flow: Tensor
    occlusion: tuple[Tensor, ...]
    contribution: Tensor


def masked_softmax(logits: Tensor, drop: float) -> Tensor:
    """Softmax over slots with dropout of splines: each of slots 1..K is left out of a sample with probability ``drop``.

    Slot 0 (background) always stays. The paper's factor 1/(1 - P) (eq. 7) has no effect in the official code, which
    trained the published models, and is left out likewise.
    """
    if drop <= 0:
        return torch.softmax(logits, dim=1)
    batch, slots = logits.shape[:2]
    keep = (torch.rand(batch, slots, 1, 1) >= drop).to(logits)  # drawn on the CPU: every device drops the same
    keep[:, 0] = 1.0
    weights = torch.exp(logits - logits.amax(1, keepdim=True)) * keep
    return weights / (weights.sum(1, keepdim=True) + 1e-6)


class DenseMotionNetwork(nn.Module):
    """Hourglass at reduced resolution that blends K splines and the background motion (paper section 3.1)."""

    def __init__(self, config: MotionConfig, num_tps: int, levels: int) -> None:
        """Args:
        config: sizes of the network.
        num_tps: K.
        levels: resolutions of the inpainting network (its down blocks + 1), each gets a mask.
        """
        super().__init__()
        self.config = config
        self.down = AntiAlias(3, config.scale)
        slots = num_tps + 1
        channels_in = num_tps * POINTS_PER_TPS + 1 + 3 * slots
        self.hourglass = Hourglass(config.block_expansion, channels_in, config.num_blocks, config.max_features)
        out = self.hourglass.channels[-1]
        kernel = config.head_kernel
        self.maps = nn.Conv2d(out, slots, kernel, padding=kernel // 2)
        ups = round(math.log2(1 / config.scale)) if config.multi_mask else 0
        widths = [out] + [min(config.mask_features, out // 2 ** (i + 1)) for i in range(ups)]
        self.up = nn.ModuleList(UpBlock(a, b) for a, b in pairwise(widths))
        self.low_levels = levels - ups if config.multi_mask else 1
        mask_widths = self.hourglass.channels[-self.low_levels :] + widths[1:]
        self.occlusion = nn.ModuleList(nn.Conv2d(c, 1, kernel, padding=kernel // 2) for c in mask_widths)

    def grids(self, kp_source: Tensor, kp_driving: Tensor, background: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Sampling grids of all slots (B, K + 1, h, w, 2); slot 0 is ``background`` (B, 3, 3), identity where None."""
        groups = (-1, POINTS_PER_TPS)
        control, target = kp_driving.unflatten(1, groups), kp_source.unflatten(1, groups)
        splines = ThinPlateSpline.solve(control, target, self.config.regularisation).grid(*size)
        if background is None:
            first = coordinate_grid(*size, splines).expand(len(splines), 1, *size, 2)
        else:
            first = affine_grid(background, *size).unsqueeze(1)
        return torch.cat([first, splines], dim=1)

    def inputs(self, reduced: Tensor, kp_source: Tensor, kp_driving: Tensor, grids: Tensor) -> Tensor:
        """One empty map, 5K heat-map differences, and the source warped by every slot: (B, 1 + 5K + 3(K + 1), h, w)."""
        b, slots = grids.shape[:2]
        size = (reduced.shape[2], reduced.shape[3])
        variance = self.config.heatmap_variance
        heat = gaussian_maps(kp_driving, size, variance) - gaussian_maps(kp_source, size, variance)
        copies = reduced.expand(b, -1, -1, -1).unsqueeze(1).expand(-1, slots, -1, -1, -1).flatten(0, 1)
        warped = warp(copies, grids.flatten(0, 1)).view(b, slots * 3, *size)
        return torch.cat([heat.new_zeros(b, 1, *size), heat, warped], dim=1)

    def forward(
        self,
        reduced: Tensor,
        kp_source: Tensor,
        kp_driving: Tensor,
        background: Tensor | None = None,
        drop: float = 0.0,
    ) -> Motion:
        """Motion from driving to source.

        Args:
            reduced: (B, 3, h, w) source after :attr:`down`; B may be 1 for any number of driving frames.
            kp_source, kp_driving: (B, 5K, 2).
            background: (B, 3, 3) or None.
            drop: probability of leaving a spline out (training).
        """
        size = (reduced.shape[2], reduced.shape[3])
        kp_source = kp_source.expand_as(kp_driving)
        with torch.autocast(reduced.device.type, enabled=False):
            grids = self.grids(kp_source, kp_driving.float(), background, size)
            x = self.inputs(reduced.float(), kp_source, kp_driving, grids)
        levels = self.hourglass(x.to(self.maps.weight.dtype))
        contribution = masked_softmax(self.maps(levels[-1]).float(), drop)
        flow = (contribution.unsqueeze(-1) * grids).sum(1)
        return Motion(flow, tuple(self._occlusion(levels)), contribution)

    def _occlusion(self, levels: list[Tensor]) -> list[Tensor]:
        """Masks from the last decoder levels, then from further up blocks up to full resolution."""
        features = levels[-self.low_levels :]
        for block in self.up:
            features.append(block(features[-1]))
        return [torch.sigmoid(conv(f)) for conv, f in zip(self.occlusion, features, strict=True)]
