"""Background motion predictor: one affine transform a pair of images (paper eq. 4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.blocks import DownBlock
from methods.layers.heads import affine_head, affine_matrix


class BackgroundPredictor(nn.Module):
    """ResNet18 on cat(source, driving) with an identity-initialised affine head [official code]."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet18

        self.bg_encoder = resnet18(weights=None)
        self.bg_encoder.conv1 = nn.Conv2d(6, 64, 7, stride=2, padding=3, bias=False)
        self.bg_encoder.fc = affine_head(self.bg_encoder.fc.in_features)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Two (B, 3, H, W) batches -> (B, 3, 3): maps driving to source coordinates."""
        return affine_matrix(self.bg_encoder(torch.cat([source, driving], dim=1)).float())


class SmallBackgroundPredictor(nn.Module):
    """Four convolution blocks at half resolution instead of the ResNet18 (ours, for low budgets)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(6, width, 5, stride=2, padding=2)
        self.blocks = nn.Sequential(DownBlock(width, 2 * width), DownBlock(2 * width, 4 * width))
        self.head = affine_head(4 * width)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Two (B, 3, H, W) batches -> (B, 3, 3): maps driving to source coordinates."""
        x = self.blocks(F.relu(self.first(torch.cat([source, driving], dim=1))))
        return affine_matrix(self.head(x.mean(dim=(2, 3))).float())


def consistency(forward: Tensor, backward: Tensor) -> Tensor:
    """Background loss before its weight: mean |A A' - I| over 3 x 3 entries (paper eq. 12, in the official order)."""
    with torch.autocast(forward.device.type, enabled=False):
        return (forward @ backward - torch.eye(3, device=forward.device)).abs().mean()
