"""SPADE (Park et al., CVPR 2019): normalisation whose affine part is read from a label map, place by place."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from methods.dance.config import SpadeConfig
from methods.layers.discriminators import SLOPE


def plain_norm(kind: str, channels: int) -> nn.Module:
    """Normalisation without an affine part."""
    if kind == "batch":
        return nn.BatchNorm2d(channels, affine=False)
    return nn.InstanceNorm2d(channels) if kind == "instance" else nn.Identity()


class Spade(nn.Module):
    """norm(x) (1 + gamma) + beta, gamma and beta by two convolutions from the map resized to x (nearest)."""

    def __init__(self, channels: int, labels: int, config: SpadeConfig) -> None:
        super().__init__()
        self.norm = plain_norm(config.norm, channels)
        self.shared = nn.Sequential(nn.Conv2d(labels, config.hidden, 3, padding=1), nn.ReLU())
        self.affine = nn.Conv2d(config.hidden, 2 * channels, config.kernel, padding=config.kernel // 2)

    def forward(self, x: Tensor, body: Tensor) -> Tensor:
        """(B, C, h, w), (B, labels, H, W) -> (B, C, h, w)."""
        if body.shape[-2:] != x.shape[-2:]:
            body = F.interpolate(body, x.shape[-2:], mode="nearest-exact")
        gamma, beta = self.affine(self.shared(body)).chunk(2, 1)
        found: Tensor = self.norm(x) * (1 + gamma) + beta
        return found


class SpadeBlock(nn.Module):
    """Residual block: SPADE -> LeakyReLU -> conv 3, twice; a learned shortcut where the channels differ."""

    def __init__(self, cin: int, cout: int, labels: int, config: SpadeConfig) -> None:
        super().__init__()
        wrap: Callable[[nn.Module], nn.Module] = spectral_norm if config.spectral else lambda module: module
        middle = min(cin, cout)
        self.norm_0, self.norm_1 = Spade(cin, labels, config), Spade(middle, labels, config)
        self.conv_0 = wrap(nn.Conv2d(cin, middle, 3, padding=1))
        self.conv_1 = wrap(nn.Conv2d(middle, cout, 3, padding=1))
        self.learned = cin != cout
        if self.learned:
            self.norm_s = Spade(cin, labels, config)
            self.conv_s = wrap(nn.Conv2d(cin, cout, 1, bias=False))

    def forward(self, x: Tensor, body: Tensor) -> Tensor:
        """(B, cin, h, w), (B, labels, H, W) -> (B, cout, h, w)."""
        shortcut = self.conv_s(self.norm_s(x, body)) if self.learned else x
        y = self.conv_0(F.leaky_relu(self.norm_0(x, body), SLOPE))
        y = self.conv_1(F.leaky_relu(self.norm_1(y, body), SLOPE))
        return y + shortcut
