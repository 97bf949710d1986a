"""Background motion predictor: one affine transform a pair of images (MRAA section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.layers.hourglass import Encoder
from methods.mraa.config import BackgroundConfig

IDENTITY_AFFINE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class BackgroundPredictor(nn.Module):
    """Encoder on cat(source, driving), spatial mean, and an affine head that begins as the identity."""

    def __init__(self, config: BackgroundConfig) -> None:
        super().__init__()
        c = config
        self.encoder = Encoder(c.block_expansion, 6, c.num_blocks, c.max_features, nn.BatchNorm2d)
        self.fc = nn.Linear(min(c.max_features, c.block_expansion * 2**c.num_blocks), 6)
        nn.init.zeros_(self.fc.weight)
        self.fc.bias.data = torch.tensor(IDENTITY_AFFINE)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Two (B, 3, H, W) batches -> (B, 3, 3): maps driving to source coordinates; last row 0 0 1."""
        features = self.encoder(torch.cat([source, driving], dim=1))[-1].mean(dim=(2, 3))
        with torch.autocast(features.device.type, enabled=False):
            affine = self.fc(features.float())
        last = affine.new_tensor([0.0, 0.0, 1.0]).expand(len(affine), 1, 3)
        return torch.cat([affine.view(-1, 2, 3), last], dim=1)
