"""Config groups that FOMM and MRAA share. Defaults are the official TaiChiHD values."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from methods.layers.config import Count, Fraction, Group, Rate, Scale, Weight


class DetectorConfig(Group):
    """Hourglass that finds key points or regions."""

    scale: Scale = Field(default=0.25, description="detector resolution over image resolution (official code)")
    block_expansion: Count = Field(default=32, description="hourglass width in channels (official code)")
    num_blocks: Count = Field(default=5, description="hourglass depth in blocks (official code)")
    max_features: Count = Field(default=1024, description="widest hourglass level in channels (official code)")
    head_kernel: Literal[1, 3, 5, 7] = Field(
        default=7, description="side of the heat-map convolution, without padding (official code)"
    )
    temperature: float = Field(default=0.1, gt=0, description="soft-argmax temperature (official code)")


class FlowConfig(Group):
    """Flow network."""

    scale: Scale = Field(default=0.25, description="flow resolution over image resolution (official code)")
    block_expansion: Count = Field(default=64, description="hourglass width in channels (official code)")
    num_blocks: Count = Field(default=5, description="hourglass depth in blocks (official code)")
    max_features: Count = Field(default=1024, description="widest hourglass level in channels (official code)")
    head_kernel: Literal[3, 5, 7] = Field(
        default=7, description="side of the mask and occlusion convolutions (official code)"
    )
    heatmap_variance: float = Field(
        default=0.01, gt=0, description="of Gaussians about points without a covariance, square units (official code)"
    )


class GeneratorConfig(Group):
    """Image generator."""

    block_expansion: Count = Field(default=64, description="width at full resolution in channels (official code)")
    num_down_blocks: Count = Field(default=2, description="resolutions below the full one (official code)")
    num_bottleneck_blocks: Count = Field(default=6, description="residual blocks (official code)")
    max_features: Count = Field(default=512, description="widest level in channels (official code)")
    edge_kernel: Literal[3, 5, 7] = Field(
        default=7, description="side of the first and last convolution (official code)"
    )


class LossConfig(Group):
    """Loss weights; a weight of 0 leaves the term out."""

    network: Literal["vgg19", "random-features"] = Field(
        default="vgg19", description="of the perceptual loss: the paper's, or a substitute that needs no file (ours)"
    )
    perceptual: Weight = Field(default=10, description="weight of every tap and scale (official code)")
    scales: tuple[Scale, ...] = Field(
        default=(1.0, 0.5, 0.25, 0.125), min_length=1, description="image pyramid (official code)"
    )
    equivariance_value: Weight = Field(default=10, description="weight of equivariance of positions (official code)")
    equivariance_matrix: Weight = Field(
        default=10, description="weight of equivariance of the local frames (official code)"
    )
    l1: Weight = Field(default=0, description="weight of a plain L1 on the image (ours; not in the paper)")


class TrainConfig(Group):
    """The reconstruction stage."""

    steps: Count = Field(
        default=126_000, description="100 epochs x 252 ids x 150 repeats / batch 30 (official TaiChiHD)"
    )
    batch: Count = Field(default=30, description="pairs in a step (official TaiChiHD)")
    epochs: Count = Field(default=100, description="schedule units in the stage (official code)")
    milestones: tuple[int, ...] = Field(
        default=(60, 90), description="epochs at which lr falls to a tenth (official code)"
    )
    lr: Rate = Field(default=2e-4, description="Adam's learning rate (official code)")
    clip: Weight = Field(default=0, description="largest gradient entry of each network; 0 = no clipping (ours)")
    hflip: Fraction = Field(default=0.25, description="probability of mirroring (official: 0.5 if not time_flip)")
    time_flip: Fraction = Field(default=0.5, description="probability of swapping source and driving (official code)")
    jitter: Fraction = Field(
        default=0.1, description="brightness, contrast, saturation and hue jitter (official TaiChiHD)"
    )


def multiple_of(detector: DetectorConfig, flow: FlowConfig, generator: GeneratorConfig) -> int:
    """Frame sides must be multiples of this many pixels (128 for the official sizes)."""
    networks = [round(2**c.num_blocks / c.scale) for c in (detector, flow)]
    return max(*networks, 2**generator.num_down_blocks, 8)
