"""The 2.5D branch: neural texture mapping (section III-C)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.blocks import DownBlock, ResBlock, SameBlock, UpBlock
from methods.neural_texture.blocks import SteeredResBlock, like, quiet_init
from methods.neural_texture.config import TextureConfig
from methods.neural_texture.correspondence import PARTS, Surface, sample_textures
from methods.neural_texture.motion import IUV_CHANNELS, Signals

#: Channels of an extracted texture: colour and confidence.
EXTRACTED = 4


@dataclass(frozen=True)
class Geometry:
    """A DensePose map as scores (eq. 5).

    Attributes:
        logits: (B, 25, H, W) of background and the 24 parts.
        uv: (B, 24, 2, H, W), U and V of each part as regressed; clamped to [0, 1] where they are read.
    """

    logits: Tensor
    uv: Tensor


@dataclass(frozen=True)
class TextureOutput:
    """What the 2.5D branch gives.

    Attributes:
        features: (B, C, H, W) unified neural texture feature (eq. 7).
        image: (B, 3, H, W) coarse image. mask: (B, 1, H, W) logits of the person's mask (eq. 8).
        geometry: the translated DensePose map.
    """

    features: Tensor
    image: Tensor
    mask: Tensor
    geometry: Geometry


def map_texture(atlas: Tensor, geometry: Geometry, parts_per_pixel: int = PARTS) -> Tensor:
    """Differentiable texture mapping (eq. 6 and 7): sum over parts of probability times sampled texture.

    Args:
        atlas: (B, 24, C, S, S). geometry: part scores and coordinates; the background's probability adds nothing.
        parts_per_pixel: sum only the most probable parts of each pixel (24: all of them).

    Returns:
        (B, C, H, W) float32.
    """
    probability = geometry.logits.float().softmax(dim=1)[:, 1:]
    weight, parts = probability.topk(parts_per_pixel, dim=1)
    index = parts[:, :, None].expand(-1, -1, 2, -1, -1)
    uv = geometry.uv.gather(1, index).clamp(0, 1).movedim(2, -1)
    return (sample_textures(atlas, parts, uv) * weight[:, None]).sum(dim=2)


def given_geometry(one_hot_iuv: Tensor, prior: float) -> Geometry:
    """A given one-hot IUV map (B, 72, H, W) as scores: ``prior`` for its label; U and V less 0.5 there, 0 elsewhere."""
    by_part = one_hot_iuv.unflatten(1, (PARTS, 3))
    parts = by_part[:, :, 0]
    logits = prior * torch.cat([1 - parts.sum(1, keepdim=True), parts], dim=1)
    return Geometry(logits, by_part[:, :, 1:] - 0.5 * by_part[:, :, :1])


def _reduce(x: Tensor, side: int) -> Tensor:
    """(B, C, h, w) -> (B, C, side, side) by means over areas."""
    return x if tuple(x.shape[2:]) == (side, side) else F.adaptive_avg_pool2d(x, side)


class TextureBranch(nn.Module):
    """Texture and DensePose translation, texture mapping, and the heads of the coarse image and mask."""

    def __init__(self, config: TextureConfig, atlas_signal: int, geometry_signal: int) -> None:
        super().__init__()
        self.config = config
        c = config
        widths = [min(c.max_features, c.width * 2**i) for i in range(c.downs + 1)]
        top = widths[-1]
        self.first = SameBlock(3 + IUV_CHANNELS, widths[0], c.edge_kernel)
        self.downs = nn.ModuleList(DownBlock(widths[i], widths[i + 1]) for i in range(c.downs))
        self.appearance = SameBlock(top, top)  # E_a and E_g share the layers above
        self.geometry = SameBlock(top, top)
        self._build_atlas(top, atlas_signal)
        self._build_geometry(widths, geometry_signal)
        self.heads = nn.Conv2d(c.channels, 4, c.edge_kernel, padding=c.edge_kernel // 2)
        if c.atlas == "extracted":
            quiet_init(self.heads)

    def _build_atlas(self, top: int, signal: int) -> None:
        """T_a: residual blocks steered by the signal, doublings, and one convolution to 24 textures."""
        c = self.config
        extracted = c.atlas == "extracted"
        # no normalisation: it would take away the colours
        self.join = nn.Conv2d(top + PARTS * EXTRACTED, top, 3, padding=1) if extracted else None
        self.atlas_blocks = nn.ModuleList(SteeredResBlock(top, signal) for _ in range(c.atlas_blocks))
        widths = [max(top >> i, min(top, 32)) for i in range(c.atlas_ups + 1)]
        self.atlas_ups = nn.ModuleList(UpBlock(widths[i], widths[i + 1]) for i in range(c.atlas_ups))
        self.atlas_head = nn.Conv2d(widths[-1], PARTS * c.channels, 3, padding=1)

    def _build_geometry(self, widths: list[int], signal: int) -> None:
        """T_g: residual blocks, and one decoder each for part scores and for coordinates (as FewShotMotionTransfer)."""
        c, top = self.config, widths[-1]
        self.corrects = c.geometry == "corrected"
        self.geometry_join = SameBlock(top + signal, top) if self.corrects else None
        self.geometry_blocks = nn.ModuleList(
            ResBlock(top) if self.corrects else SteeredResBlock(top, signal) for _ in range(c.geometry_blocks)
        )
        steps = [max(top >> i, min(top, 8)) for i in range(c.downs + 1)]
        self.scores = nn.Sequential(*(UpBlock(steps[i], steps[i + 1]) for i in range(c.downs)))
        self.coordinates = nn.Sequential(*(UpBlock(steps[i], steps[i + 1]) for i in range(c.downs)))
        self.score_head = nn.Conv2d(steps[-1], PARTS + 1, c.edge_kernel, padding=c.edge_kernel // 2)
        self.coordinate_head = nn.Conv2d(steps[-1], 2 * PARTS, c.edge_kernel, padding=c.edge_kernel // 2)
        if self.corrects:
            quiet_init(self.score_head)
            quiet_init(self.coordinate_head)
        nn.init.constant_(self.coordinate_head.bias, 0.5)  # type: ignore[arg-type]

    def encode_source(self, image: Tensor, one_hot_iuv: Tensor) -> tuple[Tensor, Tensor]:
        """E_a and E_g of (B, 3, H, W) and (B, 72, H, W): appearance and geometry features, which no driving changes."""
        x = self.first(torch.cat([image, one_hot_iuv], dim=1))
        for down in self.downs:
            x = down(x)
        return self.appearance(x), self.geometry(x)

    def translate_atlas(self, appearance: Tensor, surface: Surface | None, signals: Signals) -> Tensor:
        """T_a (eq. 5): appearance features and signal -> neural texture atlas (B, 24, C, S, S), float32."""
        c, batch = self.config, len(signals.atlas)
        side = c.size >> c.atlas_ups
        x = _reduce(appearance, side)
        extracted = None
        if self.join is not None:
            assert surface is not None
            extracted = torch.cat([surface.colours, surface.confidence], dim=2)
            reduced = _reduce(extracted.flatten(1, 2), side)
            x = F.leaky_relu(self.join(torch.cat([x, reduced.to(x.dtype)], dim=1)), 0.1)
        x = like(x, batch)
        for block in self.atlas_blocks:
            x = block(x, signals.atlas)
        for up in self.atlas_ups:
            x = up(x)
        atlas = self.atlas_head(x).float().unflatten(1, (PARTS, c.channels))
        if extracted is None:
            return atlas
        learned, rest = atlas[:, :, :EXTRACTED], atlas[:, :, EXTRACTED:]
        seen = extracted[:, :, EXTRACTED - 1 :]
        return torch.cat([like(extracted, batch) + learned * (1 - seen), rest], dim=2)

    def translate_geometry(self, features: Tensor, signals: Signals, driving: Tensor) -> Geometry:
        """T_g (eq. 5): geometry features and signal -> DensePose map of the driving pose.

        ``driving``, the one-hot driving map (B, 72, H, W), is read only where the given map is corrected.
        """
        x = like(features, len(driving))
        if self.geometry_join is not None:
            x = self.geometry_join(torch.cat([x, signals.geometry.to(x.dtype)], dim=1))
            for block in self.geometry_blocks:
                x = block(x)
        else:
            for block in self.geometry_blocks:
                x = block(x, signals.geometry)
        logits = self.score_head(self.scores(x)).float()
        uv = self.coordinate_head(self.coordinates(x)).float().unflatten(1, (PARTS, 2))
        if self.corrects:
            given = given_geometry(driving, self.config.prior)
            logits, uv = logits + given.logits, uv + given.uv
        return Geometry(logits, uv)

    def forward(
        self, features: tuple[Tensor, Tensor], surface: Surface | None, signals: Signals, driving: Tensor
    ) -> TextureOutput:
        """Source features of :meth:`encode_source`, the photo's surface and the signals -> texture, image and mask."""
        geometry = self.translate_geometry(features[1], signals, driving)
        atlas = self.translate_atlas(features[0], surface, signals)
        texture = map_texture(atlas, geometry, self.config.parts_per_pixel)
        made = self.heads(texture).float()
        image = texture[:, :3] + made[:, :3] if self.config.atlas == "extracted" else torch.sigmoid(made[:, :3])
        return TextureOutput(texture, image, made[:, 3:], geometry)
