"""Hyper-parameters of TPS. Defaults are the ``paper`` preset: the paper's values, or the official TaiChiHD ones."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from methods.layers.config import SCALES, Count, Fraction, Group, Rate, Scale, Weight


class KeypointConfig(Group):
    """Key point detector."""

    encoder: Literal["resnet18", "heatmap"] = Field(
        default="resnet18", description="the paper's (official code); heatmap: a small soft-argmax network (ours)"
    )
    width: Count = Field(
        default=24, description="channels of the heatmap encoder's first layer (ours; unused by resnet18)"
    )
    temperature: float = Field(
        default=0.1, gt=0, description="soft-argmax temperature of the heatmap encoder (FOMM's value)"
    )


class BackgroundConfig(Group):
    """Background motion predictor."""

    encoder: Literal["resnet18", "small", "none"] = Field(
        default="resnet18",
        description="the paper's; small: three convolutions (ours); none: still (official MGif)",
    )
    width: Count = Field(default=16, description="channels of the small encoder's first layer (ours)")
    start_epoch: int = Field(
        default=0, ge=0, description="epoch from which it is used (official TaiChiHD: 0, VoxCeleb: 10)"
    )


class MotionConfig(Group):
    """Dense motion network."""

    scale: Scale = Field(default=0.25, description="flow resolution over image resolution (official code)")
    block_expansion: Count = Field(default=64, description="hourglass width in channels (official code)")
    num_blocks: Count = Field(default=5, description="hourglass depth in blocks (official code)")
    max_features: Count = Field(default=1024, description="widest hourglass level in channels (official code)")
    multi_mask: bool = Field(
        default=True, description="occlusion masks at every resolution (paper 3.2); False: one mask"
    )
    head_kernel: Literal[3, 5, 7] = Field(
        default=7, description="side of the contribution and mask convolutions (official code)"
    )
    mask_features: Count = Field(
        default=1024,
        description="most channels of the blocks that raise masks above flow resolution (ours; official: no limit)",
    )
    regularisation: float = Field(
        default=0.01, ge=0, description="added to the diagonal of the spline system (official code)"
    )
    heatmap_variance: float = Field(
        default=0.01, gt=0, description="of key point Gaussians, square units (official code)"
    )


class InpaintingConfig(Group):
    """Inpainting network."""

    block_expansion: Count = Field(default=64, description="width at full resolution in channels (official code)")
    num_down_blocks: Count = Field(default=3, description="resolutions below the full one (paper Fig. 3)")
    max_features: Count = Field(default=512, description="widest level in channels (official code)")
    edge_kernel: Literal[3, 5, 7] = Field(
        default=7, description="side of the first and last convolution (official code)"
    )
    blocks_per_level: Count = Field(default=2, description="residual blocks before each up-sampling (paper 3.2)")


class LossConfig(Group):
    """Loss weights; a weight of 0 leaves the term out."""

    network: Literal["vgg19", "random-features"] = Field(
        default="vgg19",
        description="of the perceptual loss: the paper's, or a substitute that needs no file (ours)",
    )
    perceptual: Weight = Field(default=10, description="weight of every tap and scale (official code)")
    scales: tuple[Scale, ...] = Field(
        default=(1.0, 0.5, 0.25, 0.125), min_length=1, description="image pyramid (official code)"
    )
    equivariance: Weight = Field(default=10, description="weight of eq. 10 (official code)")
    warp: Weight = Field(default=10, description="weight of eq. 13 (official code)")
    background: Weight = Field(default=10, description="weight of eq. 12 (official code)")
    l1: Weight = Field(default=0, description="weight of a plain L1 on the image (ours; not in the paper)")


class TrainConfig(Group):
    """Stage 1: all networks but AVD. Step s of the stage is in epoch s * epochs // steps."""

    steps: Count = Field(
        default=135_000, description="100 epochs x 252 ids x 150 repeats / batch 28 (official TaiChiHD)"
    )
    batch: Count = Field(default=28, description="pairs in a step (official TaiChiHD)")
    epochs: Count = Field(default=100, description="schedule units in the stage (paper 4.2)")
    milestones: tuple[int, ...] = Field(
        default=(70, 90), description="epochs at which lr falls to a tenth (official code)"
    )
    lr: Rate = Field(default=2e-4, description="Adam's learning rate (official code)")
    weight_decay: Weight = Field(default=1e-4, description="Adam's L2 term (official code)")
    clip: float = Field(
        default=10, gt=0, description="largest gradient entry, inpainting network excepted (official code)"
    )
    dropout_start: Fraction = Field(
        default=0.0, description="spline dropout probability at the start (official TaiChiHD)"
    )
    dropout_max: Fraction = Field(
        default=0.7, lt=1, description="largest spline dropout probability (official TaiChiHD)"
    )
    dropout_ramp_epochs: Count = Field(default=10, description="epochs from start to max (official code)")
    dropout_epochs: int = Field(default=35, ge=0, description="epoch from which there is no dropout (official code)")
    hflip: Fraction = Field(default=0.25, description="probability of mirroring (official: 0.5 if not time_flip)")
    time_flip: Fraction = Field(default=0.5, description="probability of swapping source and driving (official code)")
    jitter: Fraction = Field(
        default=0.1, description="brightness, contrast, saturation and hue jitter (official TaiChiHD)"
    )


class AVDConfig(Group):
    """Stage 2: animation via disentanglement."""

    steps: Count = Field(default=14_700, description="100 epochs x 147 batches (official TaiChiHD)")
    batch: int = Field(default=256, ge=2, description="pairs in a step (official code)")
    lr: Rate = Field(default=1e-3, description="Adam's learning rate (official code)")
    milestones: tuple[int, ...] = Field(
        default=(70, 90), description="hundredths of the stage at which lr falls to a tenth"
    )
    random_scale: Fraction = Field(
        default=0.25, description="driving points are stretched by U(1 - s, 1 + s) (official code)"
    )
    jitter: Fraction = Field(
        default=0,
        description="largest standard deviation of noise on each driving point, network units, drawn for each pair "
        "(ours): the output leans on the source's shape, where points do not mean the same on two people",
    )
    width: Count = Field(default=256, description="first layer (official code)")
    bottleneck: Count = Field(default=128, description="size of the shape and of the pose code (official code)")
    residual: bool = Field(default=False, description="predict the change of the driving points (ours)")
    detector_train_mode: bool = Field(
        default=True,
        description="key point detector's batch statistics drift in this stage (official quirk)",
    )


class TPSConfig(Group):
    """Thin-Plate Spline Motion Model. Field defaults are the ``paper`` preset."""

    num_tps: Count = Field(default=10, description="K, number of splines of 5 points each (paper 4.2)")
    keypoints: KeypointConfig = KeypointConfig()
    background: BackgroundConfig = BackgroundConfig()
    motion: MotionConfig = MotionConfig()
    inpainting: InpaintingConfig = InpaintingConfig()
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()
    avd: AVDConfig = AVDConfig()
    init: str = Field(
        default="",
        pattern=r"^[a-z0-9-]*$",
        description="shipped checkpoint that training begins from, then without spline dropout, which is for the early "
        "stage (paper 3.1); or empty (ours)",
    )

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        ups = SCALES.index(self.motion.scale)
        low = self.inpainting.num_down_blocks + 1 - ups
        if self.motion.multi_mask and not 1 <= low <= self.motion.num_blocks:
            raise ValueError(
                "motion.scale, motion.num_blocks and inpainting.num_down_blocks do not fit: "
                f"the hourglass would have to give {low} of the occlusion masks"
            )
        return self

    @property
    def multiple(self) -> int:
        """Frame sides must be multiples of this many pixels (128 for the official sizes)."""
        return max(round(2**self.motion.num_blocks / self.motion.scale), 2**self.inpainting.num_down_blocks, 8)
