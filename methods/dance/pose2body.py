"""Pose2Body (section 3.1): the target's label map in the driving pose. pix2pixHD's generator for labels."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.dance.config import POSE_CHANNELS, BodyConfig
from methods.layers.blocks import InstanceNorm
from methods.layers.labels import one_hot


def _conv(cin: int, cout: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, kernel, padding=kernel // 2, padding_mode="reflect")


class ResnetBlock(nn.Module):
    """x + BN(conv(ReLU(BN(conv(x))))) (pix2pixHD)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        added: Tensor = self.layers(x)
        return x + added


class Pose2Body(nn.Module):
    """Encoder with batch normalisation, residual blocks, decoder with instance normalisation.

    Args:
        classes: labels of the maps (22).
    """

    def __init__(self, classes: int, config: BodyConfig) -> None:
        super().__init__()
        self.skips, self.residual = config.skips, config.residual
        widths = [min(config.max_width, config.width * 2**i) for i in range(config.downs + 1)]
        cin = classes + POSE_CHANNELS + (classes if self.residual else 0)
        self.first = nn.Sequential(_conv(cin, widths[0], config.kernel), nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in pairwise(widths)
        )
        self.blocks = nn.Sequential(*(ResnetBlock(widths[-1]) for _ in range(config.blocks)))
        self.ups = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(b, a, 3, stride=2, padding=1, output_padding=1), InstanceNorm(a), nn.ReLU()
            )
            for a, b in reversed(list(pairwise(widths)))
        )
        self.head = _conv(widths[0], classes, config.kernel)
        if self.residual:  # so that what is suggested is what it begins with
            nn.init.normal_(self.head.weight, 0.0, 1e-3)

    def forward(self, body: Tensor, pose: Tensor, prior: Tensor | None = None) -> Tensor:
        """Logits of the target's map; eq. 3 is their sigmoid.

        Args:
            body: (B, classes, H, W) the photo's map p^M*. pose: (B, 6, H, W) stick figure and IUV map of the driver.
            prior: (B, classes, H, W) shares, read too, that the logits are made a change of (``residual``; see
                :mod:`methods.dance.surface`).

        Returns:
            (B, classes, H, W) float32.
        """
        weight = self.head.weight
        given = [body, pose] if prior is None else [body, pose, prior]
        x = torch.cat(given, 1).to(weight.dtype).contiguous(memory_format=torch.channels_last)
        levels = [self.first(x)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        x = self.blocks(levels.pop())
        for up in self.ups:
            x = up(x)
            level = levels.pop()
            if self.skips:
                x = x + level
        logits: Tensor = self.head(x).float()
        return logits if prior is None else logits + self.residual * prior


def finished(logits: Tensor, output: str) -> Tensor:
    """What goes on to Body2Frame: sigmoids (eq. 3), or the likeliest label as ones and zeros (``hard``, ours)."""
    return one_hot(logits.argmax(1), logits.shape[1]) if output == "hard" else logits.sigmoid()
