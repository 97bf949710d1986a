"""Key point detector with local affine frames (FOMM section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.layers.antialias import AntiAlias
from methods.layers.first_order.affine import AffinePoints, soft_argmax, spatial_softmax
from methods.layers.first_order.config import DetectorConfig
from methods.layers.hourglass import Hourglass


class KeypointDetector(nn.Module):
    """Hourglass, one heat map a point, and the Jacobian as heat-map-weighted mean of a four-channel map.

    Args:
        config: sizes.
        points: K.
        single_jacobian: one Jacobian map for all points (official MGif) instead of one a point.
    """

    def __init__(self, config: DetectorConfig, points: int, single_jacobian: bool = False) -> None:
        super().__init__()
        self.temperature = config.temperature
        self.predictor = Hourglass(config.block_expansion, 3, config.num_blocks, config.max_features, nn.BatchNorm2d)
        out, maps = self.predictor.channels[-1], 1 if single_jacobian else points
        self.kp = nn.Conv2d(out, points, config.head_kernel)
        self.jacobian = nn.Conv2d(out, 4 * maps, config.head_kernel)
        nn.init.zeros_(self.jacobian.weight)
        self.jacobian.bias = nn.Parameter(torch.tensor([1.0, 0.0, 0.0, 1.0] * maps))  # begins as the identity
        self.down = AntiAlias(3, config.scale)

    def forward(self, image: Tensor) -> AffinePoints:
        """(B, 3, H, W) in [0, 1] -> K points with their Jacobians (towards the unknown reference frame)."""
        features = self.predictor(self.down(image.float()))[-1]
        with torch.autocast(image.device.type, enabled=False):  # logits / 0.1 would not survive 8 bits of precision
            features = features.float()
            heat = spatial_softmax(self.kp(features), self.temperature)
            maps = self.jacobian(features).unflatten(1, (-1, 4))
            jacobian = (heat.unsqueeze(2) * maps).sum((3, 4)).unflatten(2, (2, 2))
            return AffinePoints(soft_argmax(heat), jacobian)
