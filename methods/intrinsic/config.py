"""Hyper-parameters of INTERnet. Defaults are the ``paper`` preset; what the paper leaves open is marked as ours."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from methods.layers.config import Count, Fraction, Group, Rate, Scale, Weight
from methods.layers.first_order.config import DetectorConfig, FlowConfig, GeneratorConfig, LossConfig, multiple_of


class FusionConfig(GeneratorConfig):
    """Image generator with skips at every scale."""

    num_bottleneck_blocks: Count = Field(default=9, description="residual blocks at the base scale (pix2pixHD)")
    stage_blocks: Count = Field(default=3, description="residual blocks at each finer scale (pix2pixHD's enhancers)")
    norm: Literal["batch", "instance"] = Field(
        default="batch",
        description="FOMM's; pix2pixHD's instance normalisation takes the photo's mean colours away, and nothing "
        "else carries them to the frame",
    )
    multi_scale: bool = Field(
        default=True, description="warped features at every scale (paper MS); False: at the base scale only (SS4x)"
    )


class DiscriminatorConfig(Group):
    """Multi-scale patch discriminator."""

    scales: Count = Field(default=3, description="N_D of eq. 8 (pix2pixHD; the paper gives no number)")
    layers: Count = Field(default=3, description="strided convolutions of each (pix2pixHD)")
    block_expansion: Count = Field(default=64, description="width of the first layer in channels (pix2pixHD)")


class SamplingConfig(Group):
    """Which frames of a clip are learned from (paper section 3.3, Training and Inference)."""

    gap: int = Field(
        default=60,
        ge=0,
        description="the driving frame lies more than this many frames behind the clip's first (paper: t > 60); in a "
        "clip too short for that, in its second half (ours)",
    )
    per_clip: Count = Field(
        default=16, description="driving frames taken of each clip, evenly spread: bounds the cache on disk (ours)"
    )
    source: Literal["first", "any"] = Field(
        default="first", description="the clip's first frame (paper); any: another one for each element (ours)"
    )


class TemporalConfig(Group):
    """Temporal regularization (paper sections 3.1 and 3.2)."""

    scheme: Literal["none", "plain", "extrinsic", "intrinsic"] = Field(
        default="intrinsic", description="a = plain (eq. 2), b = extrinsic (eq. 3), c = intrinsic (eq. 4)"
    )
    weight: Weight = Field(default=10, description="lambda_reg of eq. 1 (vid2vid's; the paper gives none)")
    flow: Literal["dis", "dataset"] = Field(
        default="dis",
        description="flow between neighbouring true frames: estimated (OpenCV's DIS), or the dataset's annotation",
    )
    detach_frame: bool = Field(
        default=False, description="no gradient through O_t, so that only the confidence's shortcut is left (ours)"
    )
    confidence: Weight = Field(
        default=1, description="weight of the guard against a vanishing confidence: log floor - log mean M (ours)"
    )
    confidence_floor: Fraction = Field(
        default=0.05, gt=0, description="mean confidence below which the guard acts; 1: always (ours)"
    )


class IntrinsicLossConfig(LossConfig):
    """Weights of the framewise loss (eq. 7) and of equivariance; a weight of 0 leaves the term out."""

    scales: tuple[Scale, ...] = Field(
        default=(1.0,), min_length=1, description="image pyramid of the perceptual loss (eq. 9: one scale)"
    )
    perceptual: Weight = Field(default=10, description="lambda_per of eq. 7 (FOMM's; the paper gives none)")
    style: Weight = Field(default=250, description="lambda_sty of eq. 7 (GFLA's order; the paper gives none)")
    adversarial: Weight = Field(default=1, description="weight of L_adv (eq. 7)")
    adversarial_kind: Literal["lsgan", "hinge", "original"] = Field(
        default="lsgan", description="least squares as in pix2pixHD; original: the logarithms printed in eq. 8"
    )


class IntrinsicTrainConfig(Group):
    """The one stage."""

    steps: Count = Field(
        default=156_250, description="100 epochs x 500 videos x 50 repeats (FOMM's Fashion) / batch 16 (paper 4.1)"
    )
    batch: Count = Field(default=16, description="elements in a step (paper 4.1)")
    epochs: Count = Field(default=100, description="schedule units in the stage (paper 4.1)")
    milestones: tuple[int, ...] = Field(default=(60, 90), description="epochs at which lr falls to a tenth (paper 4.1)")
    lr: Rate = Field(default=2e-4, description="RAdam's learning rate (paper 4.1)")
    discriminator_lr: Rate = Field(default=2e-4, description="the discriminator's (paper 4.1 names one rate)")
    beta1: Fraction = Field(
        default=0.5, lt=1, description="RAdam's decay of the mean (FOMM's and pix2pixHD's; the paper gives none)"
    )
    beta2: Fraction = Field(
        default=0.999,
        lt=1,
        description="RAdam's decay of the variance (torch's default); its warm-up lasts about 2 / (1 - beta2) steps",
    )
    clip: Weight = Field(default=0, description="largest gradient entry of each network; 0 = no clipping (ours)")


class IntrinsicConfig(Group):
    """INTERnet. Field defaults are the ``paper`` preset."""

    num_anchors: Count = Field(default=10, description="motion anchors (paper 4.1)")
    adapt_scale: bool = Field(
        default=True, description="relative mode: scale motion by the ratio of convex hulls (FOMM's --adapt_scale)"
    )
    keypoints: DetectorConfig = DetectorConfig()
    motion: FlowConfig = FlowConfig()
    generator: FusionConfig = FusionConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    sampling: SamplingConfig = SamplingConfig()
    temporal: TemporalConfig = TemporalConfig()
    loss: IntrinsicLossConfig = IntrinsicLossConfig()
    train: IntrinsicTrainConfig = IntrinsicTrainConfig()
    init: str = Field(
        default="", pattern=r"^[a-z0-9-]*$", description="shipped checkpoint that training begins from, or empty (ours)"
    )

    @model_validator(mode="after")
    def _base_scale_fits(self) -> Self:
        base = 0.5**self.generator.num_down_blocks
        if self.motion.scale < base:
            raise ValueError(f"motion.scale is below the generator's base scale of {base}")
        return self

    @property
    def multiple(self) -> int:
        """Frame sides must be multiples of this many pixels (128 for the paper's sizes)."""
        return multiple_of(self.keypoints, self.motion, self.generator)
