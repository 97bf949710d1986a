"""Hyper-parameters of Region-to-Whole. Defaults are the ``paper`` preset.

Where the paper is silent, values come from the public code it builds on: "vid2vid", and "C2F-FWN" (its reference [50],
vid2vid with other inputs); "ours" is nobody's but ours.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, le=1)]


def _six_classes(table: tuple[int, ...]) -> tuple[int, ...]:
    if any(not 0 <= label <= 5 for label in table):
        raise ValueError("holds classes 0 to 5 (background, head, top, bottom, shoes, limbs)")
    return table


Table = Annotated[tuple[int, ...], AfterValidator(_six_classes)]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LabelsConfig(_Config):
    """Which parsing is read, and its six-class table: entry i is the class of label i.

    The paper names the six classes only; C2F-FWN's merging of LIP is the nearest public table.
    """

    kind: Literal["six", "cihp", "lip", "atr"] = Field(
        default="six",
        description="six: the annotation parsing6; else parsing20 with labels of that set, merged by its table (ours)",
    )
    cihp: Table = Field(
        default=(0, 1, 1, 5, 1, 2, 2, 2, 3, 3, 5, 2, 3, 1, 5, 5, 5, 5, 4, 4),
        min_length=20,
        max_length=20,
        description="CIHP-20; torso skin and gloves count as limbs, socks as bottom (ours)",
    )
    lip: Table = Field(
        default=(0, 1, 1, 5, 1, 2, 2, 2, 3, 3, 2, 2, 3, 1, 5, 5, 5, 5, 4, 4),
        min_length=20,
        max_length=20,
        description="LIP-20; as CIHP, but label 10 is a jumpsuit and counts as top (C2F-FWN merges alike)",
    )
    atr: Table = Field(
        default=(0, 1, 1, 1, 2, 3, 3, 2, 3, 4, 4, 1, 5, 5, 5, 5, 0, 2),
        min_length=18,
        max_length=18,
        description="ATR-18, perhaps the paper's 18 channels; belt counts as bottom, bag as background (ours)",
    )
    sapiens: Table = Field(
        default=(0, 2, 1, 1, 5, 5, 5, 5, 4, 3, 5, 5, 3, 5, 5, 5, 5, 4, 3, 5, 5, 5, 2, 1, 1, 1, 1, 1),
        min_length=28,
        max_length=28,
        description="Sapiens-28, to convert maps beforehand (parsing20 cannot hold them); apparel counts as top (ours)",
    )


class PoseConfig(_Config):
    """The pose connection map drawn from BODY_25."""

    thickness: float = Field(default=3.0, gt=0, description="of limbs in pixels (vid2vid)")
    threshold: Fraction = Field(default=0.01, description="least confidence of a drawn limb's ends (vid2vid)")
    face_threshold: Fraction = Field(default=0.1, description="the same for nose, eyes and ears (vid2vid)")
    weighted: bool = Field(default=False, description="limbs are as bright as their confidence (ours)")


class NetworkConfig(_Config):
    """Encoders and decoders of one generator (vid2vid; C2F-FWN's scripts)."""

    width: Count = Field(default=64, description="channels at full resolution")
    max_width: Count = Field(default=512, description="most channels of a level (ours; 512 is vid2vid's widest)")
    downs: int = Field(default=3, ge=1, le=5, description="halvings of the resolution")
    blocks: int = Field(default=9, ge=2, description="residual blocks: the larger half in each encoder, the rest after")
    kernel: Literal[3, 5, 7] = Field(default=7, description="side of the first and the last convolution")
    norm: Literal["batch", "instance", "group", "none"] = Field(
        default="batch", description="normalisation (vid2vid: batch; group: 8 channels a group, ours)"
    )
    padding: Literal["reflect", "zeros"] = Field(default="reflect", description="of all convolutions but strided ones")
    skips: bool = Field(
        default=False,
        description="decoders also get the finer levels of the encoders whose input is in the driving pose (ours)",
    )


class JudgeConfig(_Config):
    """Discriminators: multi-scale patches (pix2pixHD), conditional."""

    width: Count = Field(default=32, description="channels of the first layer (C2F-FWN's scripts)")
    layers: Count = Field(default=3, description="strided layers (pix2pixHD)")
    scales: Count = Field(default=2, description="image pyramid (pix2pixHD)")
    norm: Literal["none", "batch", "instance", "spectral"] = Field(default="batch", description="(vid2vid)")
    kind: Literal["lsgan", "hinge", "original"] = Field(
        default="lsgan", description="adversarial loss (vid2vid; original: the paper's eq. 8 and 10 as printed)"
    )
    face_size: Count = Field(default=32, description="side of the head's crop in pixels (vid2vid)")
    temporal_scales: int = Field(
        default=0,
        ge=0,
        le=3,
        description="temporal discriminators on three frames 1, 3, 9 apart (vid2vid: 3; the paper has none: 0)",
    )


class TrainConfig(_Config):
    """What the three stages share."""

    frames: Count = Field(default=12, description="of a training sequence (vid2vid: n_frames_total)")
    backprop: Count = Field(default=4, description="frames in one update, the last may be fewer (vid2vid: max_t_step)")
    stride: Count = Field(default=1, description="frames between two of a sequence (vid2vid: 1)")
    batch: Count = Field(default=1, description="sequences in a step (vid2vid)")
    lr: Rate = Field(default=2e-4, description="Adam's learning rate (paper 4.1)")
    judge_lr: Rate = Field(default=2e-4, description="the discriminators' learning rate (paper 4.1)")
    decay_from: Fraction = Field(
        default=0.5,
        description="share of a stage after which the rates fall linearly, in ten equal parts (vid2vid: 5 of 10)",
    )
    network: Literal["vgg19", "random-features"] = Field(
        default="vgg19", description="of the perceptual loss: the paper's, or a substitute that needs no file (ours)"
    )
    flow: Literal["annotation", "none"] = Field(
        default="annotation",
        description="teacher of the flow branches: the data's optical flow (the paper: FlowNet2), or none",
    )


class LayoutConfig(_Config):
    """Layout GAN (paper 3.1, eq. 2)."""

    network: NetworkConfig = NetworkConfig()
    steps: int = Field(default=1530, ge=0, description="10 epochs of SoloDance's 153 videos (paper 3.3, 4.1)")
    batch: int = Field(default=0, ge=0, description="sequences in a step; 0: train.batch")
    flow_scale: float = Field(default=20.0, gt=0, description="pixels of a flow output of 1 (vid2vid)")
    likelihood: Weight = Field(default=10, description="negative log-likelihood (C2F-FWN: lambda_P)")
    adversarial: Weight = Field(default=1, description="weight of the generator's adversarial loss (vid2vid)")
    matching: Weight = Field(default=10, description="feature matching (vid2vid: lambda_feat)")
    flow: Weight = Field(
        default=5, description="L1 to the teacher's flow, in outputs of flow_scale (C2F-FWN: lambda_F)"
    )
    gate: Weight = Field(default=1, description="weight towards the warped frame where the flow is sure (vid2vid)")
    warp: Weight = Field(default=10, description="L1 of the true previous layout, warped by the flow (vid2vid)")


class RegionConfig(_Config):
    """Region GAN and Global Alignment Module (paper 3.1, eq. 3-10)."""

    network: NetworkConfig = NetworkConfig()
    steps: int = Field(default=1530, ge=0, description="10 epochs of SoloDance's 153 videos (paper 3.3, 4.1)")
    batch: int = Field(default=0, ge=0, description="sequences in a step; 0: train.batch")
    gam: bool = Field(
        default=True, description="global alignment of the source (eq. 4); False: as it lies in the photo"
    )
    gam_limits: tuple[float, float] = Field(default=(0.2, 5.0), description="least and largest scale R (ours)")
    gam_pixels: Count = Field(
        default=1, description="of a row or column that it counts for the person's box (ours; 1: as printed)"
    )
    residual: bool = Field(default=False, description="make the change of the source region's mean colour (ours)")
    reconstruction: Weight = Field(default=10, description="L1 (paper 4.1)")
    perceptual: Weight = Field(default=10, description="content and style together (paper 4.1)")
    adversarial: Weight = Field(default=1, description="(eq. 9)")
    matching: Weight = Field(default=0, description="feature matching (vid2vid has 10; eq. 9 has none)")


class WholeConfig(_Config):
    """Whole Composition Network and Texture Alignment Module (paper 3.2, eq. 11-15)."""

    enabled: bool = Field(default=True, description="False: the regions' sum is the output, a foreground on black")
    network: NetworkConfig = NetworkConfig()
    steps: int = Field(default=1530, ge=0, description="10 epochs of SoloDance's 153 videos (paper 3.3, 4.1)")
    batch: int = Field(default=0, ge=0, description="sequences in a step; 0: train.batch")
    tam: bool = Field(
        default=True, description="texture alignment (eq. 12, 13); False: the features are added as they lie"
    )
    temperature: float = Field(default=1.0, gt=0, description="of the affinity's softmax (1: eq. 12 as printed)")
    residual: bool = Field(default=False, description="make the change of the sum of the regions (ours)")
    flow_scale: float = Field(default=20.0, gt=0, description="pixels of a flow output of 1 (vid2vid)")
    predicted_layout: Fraction = Field(
        default=0.0,
        description="share of training steps whose layouts are the Layout GAN's instead of the true ones (ours)",
    )
    reconstruction: Weight = Field(default=10, description="L1 of the raw and of the refined image (paper 4.1)")
    perceptual: Weight = Field(default=10, description="content and style together (paper 4.1)")
    adversarial: Weight = Field(default=1, description="(eq. 9)")
    matching: Weight = Field(default=0, description="feature matching (vid2vid has 10; eq. 9 has none)")
    face: Weight = Field(default=2, description="the face discriminator's adversarial loss (vid2vid: twice)")
    temporal: Weight = Field(
        default=1, description="the temporal discriminators' adversarial loss, where there are any"
    )
    flow: Weight = Field(
        default=5, description="L1 to the teacher's flow, in outputs of flow_scale (C2F-FWN: lambda_F)"
    )
    gate: Weight = Field(default=1, description="weight towards the warped frame where the flow is sure (vid2vid)")
    warp: Weight = Field(default=10, description="L1 of the true previous foreground, warped by the flow (vid2vid)")
    foreground: Weight = Field(default=0, description="L1 of the foreground alone (ours; not in the paper)")
    mask: Weight = Field(
        default=0, description="L1 of the soft background mask to the true one (ours; not in the paper)"
    )


class RegionToWholeConfig(_Config):
    """Region-to-Whole. Field defaults are the ``paper`` preset; it works on 256 x 192 frames, inside a square too."""

    frame: Literal["portrait", "square"] = Field(
        default="portrait",
        description="portrait: sides are cut to 3:4 around the middle before and replaced by the background after "
        "(paper 4.1: 256 x 192); square: whole frames",
    )
    labels: LabelsConfig = LabelsConfig()
    pose: PoseConfig = PoseConfig()
    judge: JudgeConfig = JudgeConfig()
    train: TrainConfig = TrainConfig()
    layout: LayoutConfig = LayoutConfig()
    region: RegionConfig = RegionConfig()
    whole: WholeConfig = WholeConfig()
    init: str = Field(
        default="",
        pattern=r"^[a-z0-9-]*$",
        description="shipped checkpoint that training begins from, or empty (ours)",
    )

    @model_validator(mode="after")
    def _sequence_fits(self) -> Self:
        span = 2 * 3 ** (self.judge.temporal_scales - 1) + 1 if self.judge.temporal_scales else 1
        if self.whole.enabled and self.train.frames < span:
            raise ValueError(
                f"judge.temporal_scales {self.judge.temporal_scales} needs train.frames of {span} or more, "
                f"got {self.train.frames}"
            )
        if self.train.flow == "annotation" and self.train.stride > 1:
            raise ValueError("train.flow 'annotation' leads to the next frame, so train.stride must be 1")
        low, high = self.region.gam_limits
        if not 0 < low <= 1 <= high:
            raise ValueError("region.gam_limits must be positive and hold 1 between them")
        return self

    @property
    def multiple(self) -> int:
        """Frame sides must be multiples of this many pixels."""
        return 2 ** max(part.network.downs for part in (self.layout, self.region, self.whole))
