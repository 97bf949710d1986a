"""Hyper-parameters of FOMM. Defaults are the ``paper`` preset: the official TaiChiHD ones."""

from __future__ import annotations

from pydantic import Field

from methods.layers.config import Count, Group, Weight
from methods.layers.first_order.config import (
    DetectorConfig,
    FlowConfig,
    GeneratorConfig,
    LossConfig,
    TrainConfig,
    multiple_of,
)


class FOMMLossConfig(LossConfig):
    """Loss weights; the official adversarial configurations have ``adversarial`` 1."""

    adversarial: Weight = Field(
        default=0, description="weight of the least-squares adversarial loss (official code; adversarial configs: 1)"
    )
    feature_matching: Weight = Field(
        default=10, description="weight of every feature map of the discriminator, if there is one (official code)"
    )


class DiscriminatorConfig(Group):
    """Discriminator; there is one where ``loss.adversarial`` is above 0."""

    block_expansion: Count = Field(default=32, description="half the width of the first block (official code)")
    num_blocks: Count = Field(default=4, description="blocks (official code)")
    max_features: Count = Field(default=512, description="widest block in channels (official code)")


class FOMMConfig(Group):
    """First Order Motion Model. Field defaults are the ``paper`` preset."""

    num_keypoints: Count = Field(default=10, description="K, number of key points (paper section 4)")
    single_jacobian: bool = Field(default=False, description="one Jacobian map for all key points (official MGif)")
    adapt_scale: bool = Field(
        default=True, description="relative mode: scale motion by the ratio of convex hulls (official --adapt_scale)"
    )
    sample_align_corners: bool = Field(
        default=True, description="grid_sample's convention: True under torch 1.0, which trained the released models"
    )
    resize_align_corners: bool = Field(
        default=False, description="bilinear resizing's convention: False under every torch (official code)"
    )
    keypoints: DetectorConfig = DetectorConfig()
    motion: FlowConfig = FlowConfig()
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: FOMMLossConfig = FOMMLossConfig()
    train: TrainConfig = TrainConfig()
    init: str = Field(
        default="", pattern=r"^[a-z0-9-]*$", description="shipped checkpoint that training begins from, or empty (ours)"
    )

    @property
    def multiple(self) -> int:
        """Frame sides must be multiples of this many pixels (128 for the official sizes)."""
        return multiple_of(self.keypoints, self.motion, self.generator)
