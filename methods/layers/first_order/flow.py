"""Flow and occlusion as a blend of local affine motions: FOMM's dense motion, MRAA's pixelwise flow network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.layers.antialias import AntiAlias
from methods.layers.first_order.affine import AffinePoints, affine_grids, heat_maps
from methods.layers.first_order.config import FlowConfig
from methods.layers.first_order.sampling import Sampling
from methods.layers.hourglass import Hourglass


@dataclass(frozen=True)
class Flow:
    """What a flow network says of a batch.

    Attributes:
        flow: (B, h, w, 2) where in the source to sample, network coordinates.
        occlusion: (B, 1, h, w) in [0, 1]: 1 = keep the warped source.
        mask: (B, K + 1, h, w) softmax weights; slot 0 is the background.
    """

    flow: Tensor
    occlusion: Tensor
    mask: Tensor


class FlowNetwork(nn.Module):
    """Hourglass at reduced resolution over heat-map differences and copies of the source warped by every slot.

    Args:
        config: sizes.
        points: K.
        sampling: corner conventions.
        axis_swap: undo the sign of singular vectors (MRAA).
    """

    def __init__(self, config: FlowConfig, points: int, sampling: Sampling, axis_swap: bool = False) -> None:
        super().__init__()
        self.config, self.sampling, self.axis_swap = config, sampling, axis_swap
        slots, kernel = points + 1, config.head_kernel
        self.hourglass = Hourglass(
            config.block_expansion, 4 * slots, config.num_blocks, config.max_features, nn.BatchNorm2d
        )
        out = self.hourglass.channels[-1]
        self.mask = nn.Conv2d(out, slots, kernel, padding=kernel // 2)
        self.occlusion = nn.Conv2d(out, 1, kernel, padding=kernel // 2)
        self.down = AntiAlias(3, config.scale)

    def inputs(self, reduced: Tensor, source: AffinePoints, driving: AffinePoints, grids: Tensor) -> Tensor:
        """For each slot one heat-map difference (empty for slot 0) and the warped source: (B, 4(K + 1), h, w)."""
        b, slots = grids.shape[:2]
        size = (reduced.shape[2], reduced.shape[3])
        heat = heat_maps(driving, size, self.config.heatmap_variance) - heat_maps(
            source, size, self.config.heatmap_variance
        )
        heat = torch.cat([heat.new_zeros(b, 1, *size), heat], dim=1).unsqueeze(2)
        copies = reduced.expand(b, -1, -1, -1).unsqueeze(1).expand(-1, slots, -1, -1, -1).flatten(0, 1)
        warped = self.sampling.warp(copies, grids.flatten(0, 1)).unflatten(0, (b, slots))
        return torch.cat([heat, warped], dim=2).flatten(1, 2)

    def forward(
        self, reduced: Tensor, source: AffinePoints, driving: AffinePoints, background: Tensor | None = None
    ) -> Flow:
        """Motion from driving to source.

        Args:
            reduced: (B, 3, h, w) source after :attr:`down`; B may be 1 for any number of driving frames.
            source, driving: points; one source serves any number of driving frames.
            background: (B, 3, 3) motion of slot 0, or None (identity).
        """
        with torch.autocast(reduced.device.type, enabled=False):
            source = source.expand(len(driving))
            grids = affine_grids(source, driving, (reduced.shape[2], reduced.shape[3]), background, self.axis_swap)
            x = self.inputs(reduced.float(), source, driving, grids)
        features = self.hourglass(x.to(self.mask.weight.dtype))[-1]
        mask = torch.softmax(self.mask(features).float(), dim=1)
        flow = (mask.unsqueeze(-1) * grids).sum(1)
        return Flow(flow, torch.sigmoid(self.occlusion(features)).float(), mask)
