"""Hyper-parameters of dance reenactment. Defaults are the ``paper`` preset.

"App. C" and equations are the paper's. Where it is silent, "pix2pixHD" and "SPADE" name the public code it builds on;
"ours" is nobody's but ours.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from methods.layers.config import Count, Fraction, Group, Rate, Weight

Norm = Literal["batch", "instance", "none"]
EncoderName = Literal["facenet", "vgg19", "world-features", "world-identity", "random-features"]
#: Length of the vector that each fixed encoder gives (the paper's VGGFace2 network, which no package has, gives 2048).
ENCODER_WIDTHS: dict[str, int] = {
    "facenet": 512,
    "vgg19": 512,
    "world-features": 224,
    "world-identity": 128,
    "random-features": 224,
}
#: Labels of CIHP, hands, and labels drawn from face points (sections 3.1, 3.2).
CIHP, HANDS, FACE_LABELS = 20, 2, 5
#: Stick figure (RGB) and IUV map, the driving pose.
POSE_CHANNELS = 6


class FrameConfig(Group):
    """What the networks see of a frame."""

    size: int = Field(
        default=512,
        ge=0,
        description="side that frames are brought to and back from (paper: 512 high); 0: as they are (ours)",
    )
    portrait: bool = Field(default=True, description="a person is only in the middle 5/8 of the width (paper: 320)")


class PoseConfig(Group):
    """The stick figure (section 3.1) and the labels drawn from points."""

    thickness: float = Field(default=3.0, gt=0, description="of lines in pixels of the networks' frame (vid2vid)")
    threshold: Fraction = Field(default=0.01, description="least confidence of a drawn line's ends (vid2vid)")
    face_threshold: Fraction = Field(default=0.1, description="the same for nose, eyes, ears and face points (vid2vid)")
    hand_threshold: Fraction = Field(default=0.1, description="the same for points of a hand label (ours)")
    face: bool = Field(default=True, description="face landmarks in the stick figure (paper 3.1)")
    hands: bool = Field(default=True, description="fingers in the stick figure (paper 3.1)")
    hand_labels: bool = Field(default=True, description="labels 20 and 21 of the parsing (paper 3.1)")
    iuv: Literal["full", "coarse", "none"] = Field(
        default="full", description="DensePose input; coarse: at a quarter of the resolution (ours; Table 2)"
    )


class AugmentConfig(Group):
    """Augmentation of Pose2Body (section 3.1); no range is given, so that all are ours."""

    rotation: float = Field(default=10.0, ge=0, le=180, description="of inputs and output, at most so many degrees")
    scale: float = Field(default=1.1, ge=1, description="of inputs and output, at most by this factor either way")
    stretch: tuple[float, float] = Field(
        default=(0.8, 1.25),
        description="squeeze and stretch of the maps but not of the poses, each axis by itself; (1, 1): none",
    )


class BodyConfig(Group):
    """Pose2Body (section 3.1)."""

    width: Count = Field(default=64, description="channels at full resolution (pix2pixHD)")
    max_width: Count = Field(default=1024, description="most channels (pix2pixHD: 4 halvings of 64)")
    downs: int = Field(default=4, ge=1, le=6, description="halvings (pix2pixHD)")
    blocks: int = Field(default=9, ge=0, description="residual blocks n_r (pix2pixHD)")
    kernel: Literal[3, 5, 7] = Field(default=7, description="side of the first and last convolution (pix2pixHD)")
    skips: bool = Field(default=False, description="the decoder also gets the encoder's finer levels (ours)")
    residual: Weight = Field(
        default=0.0,
        description="log-odds that the parsing suggested by the driver's IUV map and the photo begins with (ours)",
    )
    output: Literal["sigmoid", "hard"] = Field(
        default="sigmoid", description="what goes on to Body2Frame: sigmoids (paper), or the likeliest label (ours)"
    )
    adversarial: Weight = Field(default=1.0, description="LSGAN (eq. 9, 10)")
    matching: Weight = Field(default=40.0, description="lambda_D, feature matching (eq. 9, 11)")
    entropy: Weight = Field(default=1.0, description="lambda_CE, cross-entropy (eq. 9, 12), of the logits' softmax")
    lr: Rate = Field(default=2e-4, description="Adam (App. C)")
    batch: Count = Field(default=128, description="pairs in a step (App. C)")
    steps: int = Field(default=135_600, ge=0, description="280 epochs of 62,000 crops (App. C, section 4)")
    max_gap: Count = Field(default=250, description="frames between the two (section 3.1)")


class EncoderConfig(Group):
    """Fixed networks that embed the appearance (section 3.2)."""

    face: EncoderName = Field(
        default="facenet", description="of face and hair (paper: VGGFace2 ResNet-50; facenet-pytorch's is 512 wide)"
    )
    parts: EncoderName = Field(default="vgg19", description="of the four other crops (paper: ImageNet)")
    size: int = Field(default=224, ge=16, description="side of a crop (paper)")


class SpadeConfig(Group):
    """Body2Frame (section 3.2)."""

    width: Count = Field(default=32, description="channels at full resolution; doubled by each halving (SPADE)")
    max_width: Count = Field(default=1024, description="channels of the 4 x 4 tensor (paper)")
    ups: int = Field(default=7, ge=1, le=8, description="doublings (paper)")
    hidden: Count = Field(default=128, description="channels inside a SPADE layer (SPADE)")
    kernel: Literal[1, 3] = Field(default=3, description="side of the convolution that makes gamma and beta (SPADE)")
    norm: Norm = Field(default="batch", description="normalisation under SPADE (SPADE)")
    spectral: bool = Field(default=True, description="spectral norm of the generator (SPADE)")
    base: Literal["none", "colours", "surface"] = Field(
        default="none",
        description="what image and mask are made a change of: nothing (paper); the mean colours of the photo's labels "
        "and the map's outline; or the colours of the photo where it shows the same surface, too (ours)",
    )
    hands: bool = Field(default=True, description="hand labels are told apart from arms (Table 2)")
    mask: bool = Field(default=True, description="a learned blending mask; False: where the map is not background")
    reduction: Literal[1, 2] = Field(
        default=1, description="2: frames of half the size are made and enlarged (Table 2)"
    )
    adversarial: Weight = Field(default=1.0, description="hinge (eq. 13, 14); no weight is given")
    matching: Weight = Field(default=10.0, description="feature matching (eq. 15; SPADE: 10)")
    perceptual: Weight = Field(default=10.0, description="VGG (eq. 16; SPADE: 10)")
    reconstruction: Weight = Field(default=0.0, description="L1 on the person (ours; the paper has none)")
    face: Weight = Field(default=10.0, description="perceptual loss at the face (ours: no weight is given)")
    blend: Weight = Field(default=5.0, description="lambda_m (eq. 17)")
    network: Literal["vgg19", "random-features"] = Field(
        default="vgg19", description="of eq. 16: the paper's, or a substitute without a file (ours)"
    )
    lr: Rate = Field(default=2e-4, description="Adam (App. C)")
    batch: Count = Field(default=32, description="photos in a step (App. C)")
    frames: Count = Field(default=1, description="frames made of each photo in a step (paper: 1)")
    stride: Count = Field(default=1, description="frames between them")
    steps: int = Field(default=35_625, ge=0, description="60 epochs of 19,000 pairs (App. C, section 4)")


class RefinementConfig(Group):
    """Face Refinement (section 3.3). Its auto-encoder is that of a paper (Gafni et al., ICCV 2019) whose sizes we have
    not: they are ours."""

    enabled: bool = Field(default=True, description="False: the frame as Body2Frame gives it (Table 2)")
    align: Literal["points", "mtcnn"] = Field(
        default="points",
        description="where faces are: the label map's face and the data's face points, or facenet-pytorch's MTCNN",
    )
    size: int = Field(default=256, ge=8, description="side of the aligned crop (ours)")
    context: float = Field(default=1.4, ge=1, description="side of the crop over that of the face's box (ours)")
    least: float = Field(default=4.0, gt=0, description="smaller faces are left alone, pixels of the box (ours)")
    width: Count = Field(default=64, description="channels at full resolution (ours)")
    max_width: Count = Field(default=512, description="most channels (ours)")
    downs: int = Field(default=5, ge=1, le=6, description="halvings (ours)")
    reconstruction: Weight = Field(default=1.0, description="L1 of the blended crop (ours: no weight is given)")
    perceptual: Weight = Field(default=1.0, description="eq. 18 (ours: no weight is given)")
    mask: Weight = Field(default=1e-3, description="size of the mask (ours: no weight is given)")
    variation: Weight = Field(default=1e-4, description="total variation of the mask (ours: no weight is given)")
    adversarial: Weight = Field(default=0.5, description="LSGAN (ours: no weight is given)")
    lr: Rate = Field(default=1e-4, description="Adam (App. C)")
    batch: Count = Field(default=256, description="photos in a step (App. C)")
    frames: Count = Field(default=1, description="faces made of each photo in a step (paper: 1)")
    steps: int = Field(default=2_960, ge=0, description="40 epochs of 19,000 pairs (App. C)")


class JudgeConfig(Group):
    """Discriminators: multi-scale patches (pix2pixHD), conditional."""

    width: Count = Field(default=64, description="channels of the first layer (pix2pixHD)")
    layers: Count = Field(default=3, description="strided layers (pix2pixHD)")
    scales: Count = Field(default=2, description="of Pose2Body and Body2Frame (paper); of the face 1")
    norm: Literal["none", "batch", "instance", "spectral"] = Field(default="instance", description="(pix2pixHD)")
    lr: Rate = Field(default=2e-4, description="Adam (App. C)")


class TrainConfig(Group):
    """What the stages share."""

    beta1: Fraction = Field(default=0.5, lt=1, description="Adam's first momentum (App. C)")
    decay: tuple[Fraction, ...] = Field(default=(), description="shares of a stage at which rates fall to 0.3 (ours)")
    clip: float = Field(default=0.0, ge=0, description="largest 2-norm of a network's gradient, 0: no limit (ours)")
    finetune: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="factor on all rates where training begins from a shipped checkpoint (ours)",
    )


class DanceConfig(Group):
    """Single-shot freestyle dance reenactment. Defaults are the ``paper`` preset."""

    frame: FrameConfig = FrameConfig()
    pose: PoseConfig = PoseConfig()
    augment: AugmentConfig = AugmentConfig()
    pose2body: BodyConfig = BodyConfig()
    encoders: EncoderConfig = EncoderConfig()
    body2frame: SpadeConfig = SpadeConfig()
    refinement: RefinementConfig = RefinementConfig()
    judge: JudgeConfig = JudgeConfig()
    train: TrainConfig = TrainConfig()
    init: str = Field(
        default="",
        pattern=r"^[a-z0-9-]*$",
        description="shipped checkpoint that training begins from, or empty (ours)",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        low, high = self.augment.stretch
        if not 0 < low <= 1 <= high:
            raise ValueError("augment.stretch must be positive and hold 1 between them")
        if self.frame.size % self.multiple:
            raise ValueError(f"frame.size must be divisible by {self.multiple}, got {self.frame.size}")
        if self.refinement.size % 2**self.refinement.downs:
            raise ValueError("refinement.size must be divisible by 2^refinement.downs")
        return self

    @property
    def classes(self) -> int:
        """Labels of Pose2Body's maps: 22, or 20 without hands."""
        return CIHP + (HANDS if self.pose.hand_labels else 0)

    @property
    def appearance_width(self) -> int:
        """Length of e_z (paper: 2048 + 4 x 512)."""
        return ENCODER_WIDTHS[self.encoders.face] + 4 * ENCODER_WIDTHS[self.encoders.parts]

    @property
    def multiple(self) -> int:
        """Sides of the networks' frame are multiples of this many pixels."""
        return int(max(2**self.pose2body.downs, self.body2frame.reduction * 2**self.body2frame.ups))
