"""The 2D branch: multi-scale feature warping (section III-B), and the baseline without warping (section IV-B)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.blocks import DownBlock, InstanceNorm, ResBlock, SameBlock, UpBlock
from methods.layers.grids import warp
from methods.neural_texture.blocks import SplitConv, like
from methods.neural_texture.config import LEVELS, WarpingConfig
from methods.neural_texture.motion import IUV_CHANNELS, Motion


@dataclass(frozen=True)
class Appearance:
    """What the 2D branch gives (eq. 4).

    Attributes:
        features: (B, C, H, W) fused appearance features for the blender.
        image: (B, 3, H, W) coarse image in [0, 1]. mask: (B, 1, H, W) logits of the person's mask.
    """

    features: Tensor
    image: Tensor
    mask: Tensor


def fuse(warped: Tensor, previous: Tensor | None, occlusion: Tensor | None) -> Tensor:
    """Eq. 3: f = warped (1 - O) + previous O; where the occlusion map is 0, the warped source passes.

    Without a previous feature the second term is 0; without occlusion maps the two are added (ours).
    """
    if occlusion is None:
        return warped if previous is None else warped + previous
    occlusion = occlusion.to(warped.dtype)
    kept = warped * (1 - occlusion)
    return kept if previous is None else kept + previous * occlusion


class _Heads(nn.Module):
    """Image (sigmoid) and mask (logits) from features at full resolution."""

    def __init__(self, cin: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, 4, kernel, padding=kernel // 2)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        made = self.conv(features).float()
        return torch.sigmoid(made[:, :3]), made[:, 3:]


class _Body(nn.Module):
    """Generator of FOMM without its first convolution: two halvings, residual blocks, two doublings."""

    def __init__(self, config: WarpingConfig) -> None:
        super().__init__()
        self.widths = [min(config.max_features, config.block_expansion * 2**i) for i in range(LEVELS)]
        w = self.widths
        self.downs = nn.ModuleList(DownBlock(w[i], w[i + 1]) for i in range(LEVELS - 1))
        self.blocks = nn.ModuleList(ResBlock(w[-1]) for _ in range(config.blocks))
        self.ups = nn.ModuleList(UpBlock(w[i + 1], w[i]) for i in reversed(range(LEVELS - 1)))
        self.heads = _Heads(w[0], config.edge_kernel)

    def encode(self, finest: Tensor) -> list[Tensor]:
        """Features at full resolution -> all levels, fine to coarse."""
        levels = [finest]
        for down in self.downs:
            levels.append(down(levels[-1]))
        return levels

    def refine(self, x: Tensor) -> Tensor:
        """Residual blocks at quarter resolution."""
        for block in self.blocks:
            x = block(x)
        return x


class WarpingBranch(_Body):
    """Feature warping network.

    Args:
        config: sizes.
        multi_scale: warp the features of every level; False: those of full resolution by the finest flow, from which
            the other levels are then made (Table III, SSFW).
    """

    def __init__(self, config: WarpingConfig, multi_scale: bool) -> None:
        super().__init__(config)
        self.multi_scale, self.image_level = multi_scale, config.image_level
        self.first = SameBlock(3, self.widths[0], config.edge_kernel)

    def encode_source(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> source features, fine to coarse (eq. 2); only the finest where one scale is warped."""
        finest = self.first(image)
        return self.encode(finest) if self.multi_scale else [finest]

    def warp_features(self, levels: list[Tensor], motion: Motion) -> list[Tensor]:
        """Source features sampled where the flow of their resolution points; fine to coarse, as they came."""
        batch = len(motion.predicted[0])
        return [warp(like(f, batch), motion.grid(-1 - i), "border").to(f.dtype) for i, f in enumerate(levels)]

    def forward(self, levels: list[Tensor], image: Tensor, motion: Motion) -> Appearance:
        """Source features, the photo (1 or B, 3, H, W) and motion -> fused features, coarse image and mask."""
        warped = self.warp_features(levels, motion)
        occlusion: Sequence[Tensor | None] = motion.occlusion or [None] * LEVELS
        if self.multi_scale:
            fused = self.refine(fuse(warped[-1], None, occlusion[0]))
            for i, up in enumerate(self.ups, start=1):
                fused = fuse(warped[-1 - i], up(fused), occlusion[i])
        else:
            fused = self.refine(self.encode(warped[0])[-1])
            for up in self.ups:
                fused = up(fused)
            fused = fuse(warped[0], fused, occlusion[-1])
        made, mask = self.heads(fused)
        if self.image_level and occlusion[-1] is not None:
            made = fuse(warp(like(image, len(made)), motion.grid(-1), "border"), made, occlusion[-1])
        return Appearance(fused, made, mask)


class PlainBranch(_Body):
    """2D baseline: photo and both one-hot IUV maps concatenated, no flow."""

    def __init__(self, config: WarpingConfig) -> None:
        super().__init__(config)
        self.first = SplitConv(3 + IUV_CHANNELS, IUV_CHANNELS, self.widths[0], config.edge_kernel)
        self.norm = InstanceNorm(self.widths[0])

    def encode_source(self, image: Tensor, one_hot: Tensor) -> Tensor:
        """The first layer's response to (B, 3, H, W) and (B, 72, H, W), which no driving frame changes."""
        response: Tensor = self.first.source(torch.cat([image, one_hot], dim=1))
        return response

    def forward(self, response: Tensor, driving: Tensor) -> Appearance:
        """Source response and one-hot driving IUV (B, 72, H, W) -> features, image and mask."""
        fused = self.refine(self.encode(F.relu(self.norm(self.first(response, driving))))[-1])
        for up in self.ups:
            fused = up(fused)
        return Appearance(fused, *self.heads(fused))
