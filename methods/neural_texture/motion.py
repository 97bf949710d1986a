"""MotionNet (section III-A): flow, occlusion and the two translation signals, by a FlowNet encoder and decoder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.grids import coordinate_grid
from methods.neural_texture.blocks import SplitConv, enlarge, every_other, quiet_init
from methods.neural_texture.config import LEVELS, MotionConfig

#: Channels of FlowNetS over those of its first layer, level by level (Dosovitskiy et al., ICCV 2015).
FLOWNET_WIDTHS = (1, 2, 4, 8, 8, 16)
SLOPE = 0.1
#: Least channels of the decoder.
FINEST = 8
#: One-hot IUV channels (24 parts: mask, U, V).
IUV_CHANNELS = 72
#: Channels that a correspondence adds to the driving input: displacement, confidence, the photo seen through it.
GUIDE_CHANNELS = 6


@dataclass(frozen=True)
class Signals:
    """Translation signals (eq. 1).

    Attributes:
        atlas: (B, atlas_signal) for the texture.
        geometry: (B, geometry_signal) for the DensePose map; (B, geometry_signal, h, w) where it corrects a given map.
    """

    atlas: Tensor
    geometry: Tensor


@dataclass(frozen=True)
class Motion:
    """Flow and occlusion, coarse to fine: quarter, half and full resolution.

    Attributes:
        predicted: (B, 2, h, w) each, the predicted displacement in network units (x, y) from driving pixel to photo.
        base: (B, 2, h, w) each, what it is added to (zeros without a correspondence).
        occlusion: (B, 1, h, w) each, in the paper's own sense: **0 takes the warped source, 1 what was there before**
            (eq. 3; the inverse of FOMM's and TPS's). None without occlusion maps.
    """

    predicted: tuple[Tensor, ...]
    base: tuple[Tensor, ...]
    occlusion: tuple[Tensor, ...] | None

    def grid(self, level: int) -> Tensor:
        """(B, h, w, 2) sampling grid in network coordinates; level 0 is the coarsest, -1 the finest."""
        displacement = (self.predicted[level] + self.base[level]).permute(0, 2, 3, 1)
        return displacement + coordinate_grid(displacement.shape[1], displacement.shape[2], displacement)


def _widths(config: MotionConfig) -> list[int]:
    return [min(config.max_width, config.width * m) for m in FLOWNET_WIDTHS[: config.depth]]


class MotionEncoder(nn.Module):
    """FlowNetS encoder of photo, its IUV map and the driving one; signals from its pooled features.

    Args:
        config: sizes.
        spatial: the geometry signal is a map at quarter resolution.
    """

    def __init__(self, config: MotionConfig, spatial: bool) -> None:
        super().__init__()
        self.spatial = spatial
        widths = _widths(config)
        guide = GUIDE_CHANNELS if config.base == "correspondence" else 0
        self.first = SplitConv(3 + IUV_CHANNELS, IUV_CHANNELS + guide, widths[0], config.kernels[0], stride=2)
        self.downs = nn.ModuleList()
        for i, (cin, cout) in enumerate(pairwise(widths), start=1):
            kernel = config.kernels[i] if i < len(config.kernels) else 3
            layers: list[nn.Module] = [nn.Conv2d(cin, cout, kernel, 2, padding=kernel // 2), nn.LeakyReLU(SLOPE)]
            if config.extra and i >= 2:
                layers += [nn.Conv2d(cout, cout, 3, padding=1), nn.LeakyReLU(SLOPE)]
            self.downs.append(nn.Sequential(*layers))
        self.atlas = nn.Linear(widths[-1], config.atlas_signal)
        self.geometry: nn.Module = (
            nn.Conv2d(widths[1], config.geometry_signal, 1)
            if spatial
            else nn.Linear(widths[-1], config.geometry_signal)
        )

    def encode_source(self, image: Tensor, one_hot: Tensor) -> Tensor:
        """The first layer's response to (B, 3, H, W) and (B, 72, H, W), which no driving frame changes."""
        response: Tensor = self.first.source(torch.cat([image, one_hot], dim=1))
        return response

    def forward(self, response: Tensor, driving: Tensor) -> tuple[list[Tensor], Signals]:
        """Source response and driving channels (B, 72 [+ 6], H, W) -> features, half resolution first, and signals."""
        features = [F.leaky_relu(self.first(response, driving), SLOPE)]
        for down in self.downs:
            features.append(down(features[-1]))
        pooled = features[-1].mean((2, 3))
        geometry = self.geometry(features[1] if self.spatial else pooled)
        return features, Signals(self.atlas(pooled), geometry)


class MotionDecoder(nn.Module):
    """FlowNetS decoder, carried on to full resolution: each level refines the enlarged flow of the level below.

    It begins with almost no displacement; the first occlusion is that of ``OPEN`` (mostly the warped source).
    """

    OPEN = -2.0

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        self.occludes = config.occlusion
        widths = _widths(config)
        heads = 3 if config.occlusion else 2
        self.ups, self.heads = nn.ModuleList(), nn.ModuleList()
        cin = widths[-1]
        for level in reversed(range(config.depth)):  # makes resolution 1 / 2^level
            cout = max(FINEST, min(config.max_width, config.width * 2**level // 4))
            self.ups.append(nn.ConvTranspose2d(cin, cout, 4, stride=2, padding=1))
            cin = cout + (widths[level - 1] if level else 0) + (heads if level < LEVELS - 1 else 0)
            if level < LEVELS:
                head = quiet_init(nn.Conv2d(cin, heads, 3, padding=1))
                if config.occlusion:
                    nn.init.constant_(head.bias[2:], self.OPEN)  # type: ignore[index]
                self.heads.append(head)

    def forward(self, features: list[Tensor], base: Tensor | None) -> Motion:
        """Encoder features, and (B, 2, H, W) base displacement at full resolution (None: the identity)."""
        x, last = features[-1], None
        depth = len(self.ups)
        flows, logits = [], []
        for i, up in enumerate(self.ups):
            level = depth - 1 - i
            parts = [F.leaky_relu(up(x), SLOPE)]
            if level:
                parts.append(features[level - 1])
            if last is not None:
                last = enlarge(last)
                parts.append(last.to(parts[0].dtype))
            x = torch.cat(parts, dim=1)
            if level < LEVELS:
                change = self.heads[LEVELS - 1 - level](x).float()
                flow = change[:, :2] if last is None else change[:, :2] + last[:, :2]
                last = torch.cat([flow, change[:, 2:]], dim=1)
                flows.append(flow)
                logits.append(change[:, 2:])
        occlusion = tuple(torch.sigmoid(logit) for logit in logits) if self.occludes else None
        zero = [torch.zeros_like(flow) for flow in flows]
        bases = zero if base is None else [every_other(base, LEVELS - 1 - i) for i in range(LEVELS)]
        return Motion(tuple(flows), tuple(bases), occlusion)
