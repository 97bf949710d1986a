"""Hyper-parameters of neural texture; defaults are the ``paper`` preset, and what no source gives is marked (ours)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from methods.layers.config import SCALES, Count, Fraction, Group, Rate, Scale, Weight

Kernel = Literal[1, 3, 5, 7]
Odd = Literal[3, 5, 7]
#: Flow levels: full, half and quarter resolution of the networks' input (section III-E).
LEVELS = 3


class BranchConfig(Group):
    """Which parts of the system there are (Table III)."""

    appearance: Literal["warping", "plain", "none"] = Field(
        default="warping", description="2D branch: feature warping (III-B), the 2D baseline of IV-B, or none"
    )
    texture: bool = Field(default=True, description="2.5D branch (III-C)")
    blender: bool = Field(default=True, description="BlenderNet (III-D)")


class MotionConfig(Group):
    """MotionNet (III-A)."""

    width: Count = Field(default=32, description="FlowNetS channels of the first layer (ours; FlowNetS: 64)")
    depth: int = Field(default=6, ge=LEVELS, le=6, description="strided convolutions (FlowNetS)")
    max_width: Count = Field(default=1024, description="most channels (FlowNetS)")
    kernels: tuple[Odd, Odd, Odd] = Field(default=(7, 5, 5), description="sides of the first three (FlowNetS)")
    extra: bool = Field(default=True, description="a second convolution from the third level on (FlowNetS)")
    atlas_signal: Count = Field(default=384, description="length of the texture translation signal (paper IV)")
    geometry_signal: Count = Field(default=256, description="length of the DensePose translation signal (paper IV)")
    occlusion: bool = Field(default=True, description="occlusion maps gate the fusion (eq. 3); False: Table III")
    multi_scale: bool = Field(default=True, description="warp features of all levels; False: the finest flow only")
    base: Literal["identity", "correspondence"] = Field(
        default="identity",
        description="what the predicted flow is added to: nothing, or where the photo shows the same surface point by "
        "the two IUV maps (ours)",
    )


class WarpingConfig(Group):
    """Feature warping network (III-B)."""

    block_expansion: Count = Field(default=64, description="channels at full resolution (FOMM)")
    max_features: Count = Field(default=256, description="most channels (FOMM)")
    blocks: Count = Field(default=6, description="residual blocks at quarter resolution (FOMM)")
    edge_kernel: Odd = Field(default=7, description="side of the first and last convolutions (FOMM)")
    image_level: bool = Field(
        default=False, description="eq. 3 also on the image: the warped photo where the occlusion map is 0 (ours)"
    )


class TextureConfig(Group):
    """Neural texture mapping (III-C)."""

    width: Count = Field(default=64, description="channels of the encoder's first layer (ours)")
    downs: int = Field(default=3, ge=1, le=5, description="halvings in the encoder (ours)")
    max_features: Count = Field(default=256, description="most channels (ours)")
    edge_kernel: Kernel = Field(default=7, description="side of the first convolution and of the heads (ours)")
    channels: int = Field(default=16, ge=4, description="of the neural texture (ours)")
    size: Count = Field(default=64, description="side of a part's texture in texels (ours)")
    atlas_ups: int = Field(default=2, ge=0, le=4, description="doublings in the texture translation network (ours)")
    atlas_blocks: Count = Field(default=4, description="residual blocks of the texture translation network (ours)")
    geometry_blocks: Count = Field(default=4, description="residual blocks of the DensePose translation network (ours)")
    parts_per_pixel: int = Field(
        default=24, ge=1, le=24, description="eq. 7 sums the most probable parts only (ours; the paper: all 24)"
    )
    atlas: Literal["translated", "extracted"] = Field(
        default="translated",
        description="the texture is translated from image features (eq. 5), or is the photo's own, extracted by its "
        "IUV map, plus a translated correction (ours)",
    )
    geometry: Literal["translated", "corrected"] = Field(
        default="translated",
        description="the driving IUV map is translated from the photo's by the signal (eq. 5), or is the given one "
        "plus a translated correction, the signal being a feature map (ours)",
    )
    prior: float = Field(default=8.0, gt=0, description="log-odds of a given part label where corrected (ours)")


class BlenderConfig(Group):
    """BlenderNet (III-D)."""

    width: Count = Field(default=64, description="channels (ours)")
    blocks: Count = Field(default=4, description="residual blocks (ours)")
    edge_kernel: Odd = Field(default=7, description="side of the heads (ours)")
    super_resolution: bool = Field(
        default=True, description="networks see frames of half the size and the blender doubles it (128 to 256)"
    )
    mix: bool = Field(
        default=False, description="the image is a learned mixture of the coarse images and the blender's own (ours)"
    )


class LossConfig(Group):
    """Loss weights (III-E); a weight of 0 leaves the term out."""

    network: Literal["vgg19", "random-features"] = Field(
        default="vgg19", description="of the perceptual losses: the paper's, or a substitute without a file (ours)"
    )
    scales: tuple[Scale, ...] = Field(default=SCALES, min_length=1, description="image pyramid (FOMM)")
    perceptual: Weight = Field(default=10.0, description="eq. 12, every tap and scale (paper)")
    l1: Weight = Field(default=1.0, description="eq. 12 (paper)")
    correctness: Weight = Field(default=5.0, description="perceptual correctness, eq. 10 (paper)")
    correctness_levels: int = Field(
        default=2, ge=1, le=LEVELS, description="coarsest flow levels with that term (ours: 32 and 64 of 128)"
    )
    affine: Weight = Field(default=0.01, description="affine regularisation, eq. 10 (paper)")
    consistency: Weight = Field(default=1.0, description="of flow levels, eq. 10 (paper)")
    smoothness: Weight = Field(default=5.0, description="total variation, eq. 10 (paper)")
    parts: Weight = Field(default=5.0, description="cross-entropy of parts, eq. 11 (paper)")
    coordinates: Weight = Field(default=1.0, description="L1 of U and V, eq. 11 (paper)")
    masked_l1: Weight = Field(default=1.0, description="masked L1 of the 2.5D image, eq. 11 (ours: no weight is given)")
    mask: Weight = Field(default=1.0, description="binary cross-entropy, eq. 13 (ours: no weight is given)")
    adversarial: Weight = Field(
        default=1.0, description="LSGAN, eq. 14 (ours: no weight is given); 0: no discriminator"
    )


class TrainConfig(Group):
    """The staged schedule (IV); a stage that a variant lacks gives its steps to the end-to-end stage."""

    staged: bool = Field(default=True, description="False: end to end only, the sum of all steps (256 to 256)")
    texture_steps: int = Field(default=100_000, ge=0, description="2.5D branch and MotionNet's encoder (paper)")
    warping_steps: int = Field(default=100_000, ge=0, description="MotionNet and the 2D branch (paper)")
    full_steps: Count = Field(default=200_000, description="end to end (paper)")
    blender_steps: int = Field(default=200_000, ge=0, description="blender with its super-resolution block (paper)")
    batch: Count = Field(default=8, description="pairs in a step (paper)")
    lr: Rate = Field(default=2e-4, description="Adam's learning rate (paper)")
    finetune_lr: Rate = Field(
        default=2e-4, description="learning rate where training begins from a shipped checkpoint (ours)"
    )
    beta1: Fraction = Field(default=0.5, lt=1, description="Adam's first momentum (FOMM)")
    decay: tuple[Fraction, ...] = Field(default=(), description="shares of a stage at which lr falls to 0.3 (ours)")
    clip: float = Field(default=0.0, ge=0, description="largest 2-norm of a network's gradient, 0: no limit (ours)")


class NeuralTextureConfig(Group):
    """One-shot human motion transfer by flow prediction and neural texturing. Defaults are the ``paper`` preset."""

    branches: BranchConfig = BranchConfig()
    motion: MotionConfig = MotionConfig()
    warping: WarpingConfig = WarpingConfig()
    texture: TextureConfig = TextureConfig()
    blender: BlenderConfig = BlenderConfig()
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()
    init: str = Field(
        default="",
        pattern=r"^[a-z0-9-]*$",
        description="shipped checkpoint that training begins from, then end to end at once; or empty (ours)",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.branches.appearance == "none" and not self.branches.texture:
            raise ValueError("branches: there must be a 2D or a 2.5D branch")
        if self.texture.size % 2**self.texture.atlas_ups:
            raise ValueError("texture.size must be divisible by 2^texture.atlas_ups")
        if self.uses_extraction and self.texture.size & (self.texture.size - 1):
            raise ValueError("texture.size must be a power of two where textures or positions are extracted")
        return self

    @property
    def has_motion(self) -> bool:
        """Whether there is a MotionNet encoder (the 2D baseline has none)."""
        return self.branches.appearance == "warping" or self.branches.texture

    @property
    def uses_extraction(self) -> bool:
        """Whether the photo's texture or positions are extracted by its IUV map."""
        extracted = self.branches.texture and self.texture.atlas == "extracted"
        return extracted or (self.has_motion and self.motion.base == "correspondence")

    @property
    def reduction(self) -> int:
        """Frame side over the side of what the networks see: 2 with super-resolution."""
        return 2 if self.blender.super_resolution else 1

    @property
    def multiple(self) -> int:
        """Frame sides must be multiples of this many pixels."""
        depth = max(2, self.motion.depth if self.has_motion else 0, self.texture.downs if self.branches.texture else 0)
        discriminator = 4 if self.loss.adversarial else 0
        return self.reduction * 2 ** max(depth, discriminator)
