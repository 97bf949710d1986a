"""The hourglass of the FOMM family: an encoder and a decoder with skip concatenation at every level."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.layers.blocks import DownBlock, InstanceNorm, NormFactory, UpBlock


def _width(expansion: int, level: int, max_features: int) -> int:
    return min(max_features, expansion * 2**level)


class Encoder(nn.Module):
    """``num_blocks`` down blocks; level i has min(max_features, expansion * 2^i) channels."""

    def __init__(
        self, expansion: int, cin: int, num_blocks: int, max_features: int, norm: NormFactory = InstanceNorm
    ) -> None:
        super().__init__()
        widths = [cin] + [_width(expansion, i + 1, max_features) for i in range(num_blocks)]
        self.down_blocks = nn.ModuleList(DownBlock(a, b, norm) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, cin, H, W) -> the input and every level, large to small."""
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class Decoder(nn.Module):
    """Up blocks, each followed by concatenation with the encoder level of its size.

    Attributes:
        channels: channels of the levels that :meth:`forward` returns, small to large.
    """

    def __init__(
        self, expansion: int, cin: int, num_blocks: int, max_features: int, norm: NormFactory = InstanceNorm
    ) -> None:
        super().__init__()
        self.up_blocks = nn.ModuleList()
        self.channels: list[int] = []
        channels = _width(expansion, num_blocks, max_features)
        for level in reversed(range(num_blocks)):
            out = _width(expansion, level, max_features)
            self.up_blocks.append(UpBlock(channels, out, norm))
            channels = out + (cin if level == 0 else out)
            self.channels.append(channels)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Encoder levels, large to small -> every decoder level after its concatenation, small to large."""
        skips = list(levels)
        out = skips.pop()
        decoded = []
        for block in self.up_blocks:
            out = torch.cat([block(out), skips.pop()], dim=1)
            decoded.append(out)
        return decoded


class Hourglass(nn.Module):
    """Encoder and decoder.

    Attributes:
        channels: channels of the returned levels, small to large; the last one is ``expansion + cin``.
    """

    def __init__(
        self, expansion: int, cin: int, num_blocks: int, max_features: int, norm: NormFactory = InstanceNorm
    ) -> None:
        super().__init__()
        self.encoder = Encoder(expansion, cin, num_blocks, max_features, norm)
        self.decoder = Decoder(expansion, cin, num_blocks, max_features, norm)
        self.channels = self.decoder.channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, cin, H, W) with sides divisible by 2^num_blocks -> decoder levels, small to large."""
        return self.decoder(self.encoder(x))
