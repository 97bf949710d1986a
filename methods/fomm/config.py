"""Hyper-parameters of FOMM. Defaults are the ``paper`` preset: the official TaiChiHD ones."""

from __future__ import annotations

from pydantic import Field

from methods.layers.first_order.config import (
    Count,
    DetectorConfig,
    FlowConfig,
    GeneratorConfig,
    Group,
    LossConfig,
    TrainConfig,
    multiple_of,
)


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
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()

    @property
    def multiple(self) -> int:
        """Frame sides must be multiples of this many pixels (128 for the official sizes)."""
        return multiple_of(self.keypoints, self.motion, self.generator)
