"""Key point detectors: the official ResNet18 regressor, and a small heat-map network for low budgets (ours)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.blocks import DownBlock, SameBlock, UpBlock
from methods.layers.grids import axis

#: Control points of one spline (paper section 3.1: N = 5).
POINTS_PER_TPS = 5


def _resnet18(outputs: int) -> nn.Module:
    from torchvision.models import resnet18

    return resnet18(weights=None, num_classes=outputs)


class KeypointDetector(nn.Module):
    """ResNet18 (random initialisation) on the full-resolution image; K x 5 points by sigmoid [official code]."""

    fg_encoder: nn.Module
    batchable = False  # batch normalisation: the official code detects in each image batch by itself

    def __init__(self, num_tps: int) -> None:
        super().__init__()
        self.fg_encoder = _resnet18(num_tps * POINTS_PER_TPS * 2)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, K * 5, 2) network coordinates (x, y); points of spline k are 5k .. 5k+4."""
        points: Tensor = self.fg_encoder(image).float()
        return (torch.sigmoid(points) * 2 - 1).unflatten(1, (-1, 2))


class HeatmapDetector(nn.Module):
    """Small U-net at half resolution with one soft-argmax heat map a point (ours; as FOMM's, section 3.1 there).

    Soft-argmax is equivariant to translation by construction, so it learns in fewer steps than a regressor.
    """

    batchable = True

    def __init__(self, num_tps: int, width: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.first = nn.Conv2d(3, width, 5, stride=2, padding=2)
        self.down1 = DownBlock(width, 2 * width)
        self.down2 = DownBlock(2 * width, 4 * width)
        self.middle = SameBlock(4 * width, 4 * width)
        self.up1 = UpBlock(4 * width, 2 * width)
        self.up2 = UpBlock(4 * width, width)
        self.heat = nn.Conv2d(2 * width, num_tps * POINTS_PER_TPS, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), sides divisible by 8 -> (B, K * 5, 2) network coordinates (x, y)."""
        a = F.relu(self.first(image))
        b = self.down1(a)
        c = self.up1(self.middle(self.down2(b)))
        features = torch.cat([self.up2(torch.cat([c, b], 1)), a], 1)
        with torch.autocast(image.device.type, enabled=False):  # logits / 0.1 would not survive 8 bits of precision
            logits = self.heat(features.to(self.heat.weight.dtype)).float()
        height, width = logits.shape[2:]
        heat = torch.softmax(logits.flatten(2) / self.temperature, dim=-1).unflatten(2, (height, width))
        x = (heat.sum(2) * axis(width, heat)).sum(-1)
        y = (heat.sum(3) * axis(height, heat)).sum(-1)
        return torch.stack([x, y], dim=-1)
