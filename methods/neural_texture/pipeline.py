"""The whole generator: networks of a config, what is computed once for a photo, and a frame from it (Fig. 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.layers.labels import iuv_one_hot
from methods.neural_texture.blender import BlenderNet, enlarge_image
from methods.neural_texture.blocks import like
from methods.neural_texture.config import NeuralTextureConfig
from methods.neural_texture.correspondence import Surface, extract_surface, find_correspondence
from methods.neural_texture.motion import Motion, MotionDecoder, MotionEncoder
from methods.neural_texture.texture import TextureBranch, TextureOutput
from methods.neural_texture.warping import Appearance, PlainBranch, WarpingBranch


@dataclass(frozen=True)
class Source:
    """Everything of a photo that no driving frame changes; None where the config has no such part.

    Attributes:
        image: (B, 3, H, W) in [0, 1]. iuv: (B, H, W, 3) uint8.
        motion: MotionNet's first response to it. levels: features to warp, or the 2D baseline's response.
        texture: appearance and geometry features. surface: its extracted textures and positions.
    """

    image: Tensor
    iuv: Tensor
    motion: Tensor | None = None
    levels: Any = None
    texture: tuple[Tensor, Tensor] | None = None
    surface: Surface | None = None


@dataclass(frozen=True)
class Generated:
    """A generated frame and all that losses look at.

    Attributes:
        image: (B, 3, H, W) in [0, 1], twice the size with super-resolution. mask: logits, None without a blender.
        motion, appearance, texture: of MotionNet, the 2D and the 2.5D branch; None where there is none.
    """

    image: Tensor
    mask: Tensor | None = None
    motion: Motion | None = None
    appearance: Appearance | None = None
    texture: TextureOutput | None = None


def build_networks(config: NeuralTextureConfig) -> dict[str, nn.Module]:
    """The generator's networks by name: only those that the config's branches use."""
    b, nets = config.branches, dict[str, nn.Module]()
    if config.has_motion:
        nets["motion_encoder"] = MotionEncoder(config.motion, b.texture and config.texture.geometry == "corrected")
    channels = coarse = 0
    if b.appearance == "warping":
        nets["motion_decoder"] = MotionDecoder(config.motion)
        nets["appearance"] = WarpingBranch(config.warping, config.motion.multi_scale)
    elif b.appearance == "plain":
        nets["appearance"] = PlainBranch(config.warping)
    if b.texture:
        nets["texture"] = TextureBranch(config.texture, config.motion.atlas_signal, config.motion.geometry_signal)
        channels, coarse = channels + config.texture.channels, coarse + 1
    channels += config.warping.block_expansion if b.appearance != "none" else 3  # without a 2D branch, the photo
    if b.blender:
        nets["blender"] = BlenderNet(config.blender, channels, coarse + 1)
    return nets


class Pipeline:
    """The generator's data flow over a mapping of networks (those in training, or copies for inference)."""

    def __init__(self, config: NeuralTextureConfig, nets: Any) -> None:
        self.config = config
        self.nets = nets

    def encode(self, image: Tensor, iuv: Tensor) -> Source:
        """Photo (B, 3, H, W) in [0, 1] and its IUV map (B, H, W, 3) uint8, sides as :attr:`Letterbox` gives them."""
        one_hot, nets = iuv_one_hot(iuv), self.nets
        motion = nets["motion_encoder"].encode_source(image, one_hot) if "motion_encoder" in nets else None
        levels = None
        if self.config.branches.appearance == "warping":
            levels = nets["appearance"].encode_source(image)
        elif self.config.branches.appearance == "plain":
            levels = nets["appearance"].encode_source(image, one_hot)
        texture = nets["texture"].encode_source(image, one_hot) if "texture" in nets else None
        surface = extract_surface(image, iuv, self.config.texture.size) if self.config.uses_extraction else None
        return Source(image, iuv, motion, levels, texture, surface)

    def _motion(self, source: Source, driving: Tensor, one_hot: Tensor, flow: bool) -> tuple[Any, Motion | None]:
        """Signals, and flow where asked."""
        base, given = None, one_hot
        if self.config.motion.base == "correspondence":
            assert source.surface is not None
            n = len(driving)
            photo, photo_iuv = like(source.image, n), like(source.iuv, n)
            guide = find_correspondence(source.surface.expand(n), photo, photo_iuv, driving)
            base, given = guide[:, :2], torch.cat([one_hot, guide], dim=1)
        features, signals = self.nets["motion_encoder"](source.motion, given)
        return signals, self.nets["motion_decoder"](features, base) if flow else None

    def texture(self, source: Source, driving: Tensor) -> TextureOutput:
        """The 2.5D branch alone, for driving IUV (B, H, W, 3) uint8 (first stage)."""
        one_hot = iuv_one_hot(driving)
        signals, _ = self._motion(source, driving, one_hot, flow=False)
        made: TextureOutput = self.nets["texture"](source.texture, source.surface, signals, one_hot)
        return made

    def __call__(self, source: Source, driving: Tensor, texture: bool = True, enlarge: bool = True) -> Generated:
        """Generate.

        Args:
            source: of :meth:`encode`, batch 1 or that of ``driving``. driving: (B, H, W, 3) uint8 IUV.
            texture: run the 2.5D branch and the blender, too (False: the 2D branch alone, second stage).
            enlarge: with super-resolution (False in the stages before its own).
        """
        kind, nets, signals, motion = self.config.branches.appearance, self.nets, None, None
        one_hot = iuv_one_hot(driving)
        if self.config.has_motion:
            signals, motion = self._motion(source, driving, one_hot, flow=kind == "warping")
        appearance = None
        if kind == "warping":
            appearance = nets["appearance"](source.levels, source.image, motion)
        elif kind == "plain":
            appearance = nets["appearance"](source.levels, one_hot)
        neural = None
        if texture and "texture" in nets:
            neural = nets["texture"](source.texture, source.surface, signals, one_hot)
        image, mask = self._blend(source, appearance, neural, len(driving), texture, enlarge)
        return Generated(image, mask, motion, appearance, neural)

    def _blend(
        self,
        source: Source,
        appearance: Appearance | None,
        neural: TextureOutput | None,
        batch: int,
        blend: bool,
        enlarge: bool,
    ) -> tuple[Tensor, Tensor | None]:
        photo = like(source.image, batch)
        if blend and "blender" in self.nets:
            features = [appearance.features if appearance else photo] + ([neural.features] if neural else [])
            coarse = [appearance.image if appearance else photo] + ([neural.image] if neural else [])
            made: tuple[Tensor, Tensor] = self.nets["blender"](features, coarse, enlarge)
            return made
        if appearance is not None:
            image = appearance.image
        else:  # the texture shows the person only; the photo is what lies around (ours)
            assert neural is not None
            person = torch.sigmoid(neural.mask)
            image = neural.image * person + photo * (1 - person)
        return enlarge_image(image) if enlarge and self.config.reduction == 2 else image, None
