"""Hyper-parameters of MRAA. Defaults are the ``paper`` preset: the official TaiChiHD ones."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from methods.layers.config import Count, Fraction, Group, Rate, Weight
from methods.layers.first_order.config import (
    DetectorConfig,
    FlowConfig,
    GeneratorConfig,
    LossConfig,
    TrainConfig,
    multiple_of,
)


class BackgroundConfig(Group):
    """Background motion predictor."""

    kind: Literal["affine", "zero"] = Field(
        default="affine", description="one affine transform a pair; zero: still (official MGif)"
    )
    block_expansion: Count = Field(default=32, description="encoder width in channels (official code)")
    num_blocks: Count = Field(default=5, description="encoder depth in blocks (official code)")
    max_features: Count = Field(default=1024, description="widest encoder level in channels (official code)")


class MRAATrainConfig(TrainConfig):
    """The reconstruction stage."""

    steps: Count = Field(
        default=270_000, description="100 epochs x 252 ids x 150 repeats / batch 14 (official TaiChiHD)"
    )
    batch: Count = Field(default=14, description="pairs in a step (official TaiChiHD)")


class AVDConfig(Group):
    """Stage 2: animation via disentanglement."""

    steps: Count = Field(default=4_430, description="30 epochs x 252 ids x 150 repeats / batch 256 (official code)")
    batch: int = Field(default=256, ge=2, description="pairs in a step (official code)")
    lr: Rate = Field(default=1e-3, description="Adam's learning rate (official code)")
    epochs: Count = Field(default=30, description="schedule units in the stage (official code)")
    milestones: tuple[int, ...] = Field(
        default=(20, 25), description="epochs at which lr falls to a tenth (official code)"
    )
    random_scale: Fraction = Field(
        default=0.25, description="driving regions are stretched by U(1 - s, 1 + s) (official code)"
    )
    shift: Weight = Field(default=1, description="weight of the positions' L1 (official code)")
    affine: Weight = Field(default=1, description="weight of the frames' L1 (official code)")
    width: Count = Field(default=256, description="first layer (official code)")
    bottleneck: Count = Field(default=64, description="size of the shape and of the pose code (official code)")
    residual: bool = Field(default=False, description="predict the change of the driving regions (ours)")


class MRAAConfig(Group):
    """Motion Representations for Articulated Animation. Field defaults are the ``paper`` preset."""

    num_regions: Count = Field(default=10, description="K, number of regions (official TaiChiHD; TED-YouTube: 20)")
    adapt_scale: bool = Field(
        default=True, description="relative mode: scale motion by the ratio of convex hulls (official code)"
    )
    sample_align_corners: bool = Field(
        default=False, description="grid_sample's convention: False under torch 1.4 (official code)"
    )
    resize_align_corners: bool = Field(
        default=False, description="bilinear resizing's convention: False under every torch (official code)"
    )
    regions: DetectorConfig = DetectorConfig()
    background: BackgroundConfig = BackgroundConfig()
    motion: FlowConfig = FlowConfig()
    generator: GeneratorConfig = GeneratorConfig()
    loss: LossConfig = LossConfig()
    train: MRAATrainConfig = MRAATrainConfig()
    avd: AVDConfig = AVDConfig()
    init: str = Field(
        default="", pattern=r"^[a-z0-9-]*$", description="shipped checkpoint that training begins from, or empty (ours)"
    )

    @property
    def multiple(self) -> int:
        """Frame sides must be multiples of this many pixels (128 for the official sizes)."""
        encoder = 2**self.background.num_blocks if self.background.kind == "affine" else 1
        return max(multiple_of(self.regions, self.motion, self.generator), encoder)
