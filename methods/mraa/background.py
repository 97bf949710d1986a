"""Background motion predictor: one affine transform a pair of images (MRAA section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.layers.heads import affine_head, affine_matrix
from methods.layers.hourglass import Encoder
from methods.mraa.config import BackgroundConfig


class BackgroundPredictor(nn.Module):
    """Encoder on cat(source, driving), spatial mean, and an affine head that begins as the identity."""

    def __init__(self, config: BackgroundConfig) -> None:
        super().__init__()
        c = config
        self.encoder = Encoder(c.block_expansion, 6, c.num_blocks, c.max_features, nn.BatchNorm2d)
        self.fc = affine_head(min(c.max_features, c.block_expansion * 2**c.num_blocks))

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Two (B, 3, H, W) batches -> (B, 3, 3): maps driving to source coordinates; last row 0 0 1."""
        features = self.encoder(torch.cat([source, driving], dim=1))[-1].mean(dim=(2, 3))
        with torch.autocast(features.device.type, enabled=False):
            return affine_matrix(self.fc(features.float()))
