"""Cards of the metrics that ask a pretrained network: data only, cheap to import."""

from __future__ import annotations

from dataclasses import replace

from bench.evaluation.base import MetricSpec

_CROSS = ("cross-animation", "cross-animation-relative", "cross-place", "cross-shape", "synthetic-lite")
_FRECHET = (
    "|m1 - m2|^2 + Tr(S1 + S2 - 2 sqrt(S1 S2)) of means and covariances, the root's trace as a nuclear norm (exact, "
    "float64)"
)
_REAL_PHOTO = (
    "the frames of a still photo are real ones: it beats a video that moves rightly and is blurred or compressed"
)
_SECOND = "as the default, by the judge of seed b: where the two order methods differently, it is a tie"

# -- sets of features ------------------------------------------------------------------------------------------------
FRECHET = MetricSpec(
    name="frechet",
    profile="synth",
    title="Frechet distance, world features",
    implementation="bench.evaluation.metrics.frechet:Frechet",
    direction="lower",
    family="set",
    formula=f"{_FRECHET}; covariance over n - 1; features of a network of the synthetic world; frames of all clips",
    judge="features",
    scope="set",
    flagged=_REAL_PHOTO,
    still_can_win=True,
    headline=True,
    claims=("blur",),
)
FRECHET_B = replace(FRECHET, profile="judge-b", seed="b", ranking_only=True, headline=False, formula=_SECOND)

KERNEL_DISTANCE = MetricSpec(
    name="kernel-distance",
    profile="synth",
    title="Kernel distance, world features",
    implementation="bench.evaluation.metrics.kid:KernelDistance",
    direction="lower",
    family="set",
    formula=(
        "unbiased squared MMD, kernel (x.y / D + 1)^3, all samples (no subsets); features of a network of the "
        "synthetic world; frames of all clips"
    ),
    range=(-float("inf"), float("inf")),
    flagged=_REAL_PHOTO,
    still_can_win=True,
    judge="features",
    scope="set",
)

FID = MetricSpec(
    name="fid",
    title="FID",
    implementation="bench.evaluation.metrics.frechet:Frechet",
    direction="lower",
    family="set",
    formula=(
        f"{_FRECHET}; covariance over n - 1; Inception 2015-12-05 pool3 (2048), frames resized to 299 x 299 bilinear "
        "without antialiasing, [-1, 1] (pytorch-fid); frames of all clips; compare only values of equal n"
    ),
    flagged=_REAL_PHOTO,
    still_can_win=True,
    judge="inception",
    scope="set",
)
FID_CLIP_MEAN = replace(
    FID,
    profile="clip-mean",
    title="FID within clips",
    implementation="bench.evaluation.metrics.frechet:FrechetClipMean",
    formula=f"{FID.formula.partition('; frames of all')[0]}; of each clip by itself, mean over clips",
    default=False,
)
FID_CLEAN = replace(
    FID,
    profile="clean",
    title="FID, antialiased resize",
    formula=(
        f"{_FRECHET}; covariance over n - 1; Inception 2015-12-05 pool3 (2048), each channel resized to 299 x 299 in "
        "float by PIL's antialiased bicubic, clipped to 0..255, (x - 128) / 128 (clean-fid); frames of all clips"
    ),
    judge="inception-clean",
    default=False,
)

KID = replace(
    KERNEL_DISTANCE,
    name="kid",
    profile="default",
    title="KID",
    formula=(
        "unbiased squared MMD, kernel (x.y / 2048 + 1)^3 (Binkowski et al. 2018), all samples (no subsets); features "
        "as for fid; frames of all clips"
    ),
    judge="inception",
)

_FVD = (
    f"{_FRECHET}; covariance over n - 1; I3D (Kinetics-400) logits of windows of 16 frames, stride 16, a shorter rest "
    "left out; shorter side to 224 bilinear, centre crop, [-1, 1] (StyleGAN-V); n_frames counts windows"
)

# -- windows of video ------------------------------------------------------------------------------------------------
FVD = MetricSpec(
    name="fvd",
    title="FVD",
    implementation="bench.evaluation.metrics.video:FvdGuarded",
    direction="lower",
    family="set",
    formula=f"{_FVD}; undefined below 20 clips, since windows of one clip are not independent",
    flagged="I3D's features weigh look more than motion (Ge et al. 2024, content bias), so a still photo can do well",
    still_can_win=True,
    judge="video",
    scope="set",
    ranking_only=True,
)
FVD_STYLEGANV = replace(
    FVD,
    profile="styleganv-fvd",
    title="FVD, StyleGAN-V's arithmetic",
    implementation="bench.evaluation.metrics.video:Fvd",
    formula=f"{_FVD}; has a value for few clips, too, and says so",
    default=False,
)
FVD_DISCO = replace(
    FVD_STYLEGANV,
    profile="disco-2024",
    title="FVD (DisCo, frames read as they are)",
    implementation="bench.evaluation.metrics.video:FvdEveryStart",
    formula=(
        f"{_FRECHET}; covariance over n - 1; I3D (Kinetics-400) logits of windows of 16 frames, one from every frame "
        "on, so that they overlap; shorter side to 224 bicubic, centre crop (whether the scripts crop is not known "
        "here), [-1, 1]; n_frames counts windows"
    ),
    judge="video-bicubic",
)
KVD = replace(
    FVD,
    name="kvd",
    title="KVD",
    implementation="bench.evaluation.metrics.video:Kvd",
    formula=(
        "unbiased squared MMD, kernel (x.y / 400 + 1)^3, all windows (no subsets); features and windows as for fvd: "
        "read it where clips are too few for fvd; n_frames counts windows"
    ),
    range=(-float("inf"), float("inf")),
)
FID_VID = replace(
    FVD_STYLEGANV,
    name="fid-vid",
    profile="default",
    title="FID-VID",
    implementation="bench.evaluation.metrics.video:FidVid",
    formula=(
        f"{_FRECHET}; covariance over n - 1; 3D-ResNet-50 (Kinetics, 112 px, means subtracted from 0..255) features of "
        "windows of 16 frames, stride 16, a shorter rest filled with its last frame (DisCo); n_frames counts windows"
    ),
    judge="video-resnet",
)
FVD_CDFVD = replace(
    FVD_STYLEGANV,
    profile="cdfvd",
    title="FVD, cd-fvd's arithmetic",
    implementation="bench.evaluation.metrics.video:FvdBiased",
    formula=(
        f"{_FRECHET}; covariance over n; I3D (Kinetics-400) logits of windows of 16 frames, stride 16; frames "
        "stretched to 224 x 224 bilinear, [-1, 1] (cd-fvd); n_frames counts windows"
    ),
    judge="video-stretch",
    default=False,
)

ACT_RECOG_L1 = MetricSpec(
    name="act-recog-l1",
    title="Action recognition distance",
    implementation="bench.evaluation.metrics.video:ActionDistance",
    direction="lower",
    family="temporal",
    formula=(
        "sum over the 1024 dimensions of I3D's pooled features (average over Mixed_5c) of |generated - real|; windows "
        "and preprocessing as for fvd; mean over windows. The paper does not state its layer: not comparable with it"
    ),
    flagged="I3D's features weigh look more than motion (Ge et al. 2024, content bias), so a still photo can do well",
    still_can_win=True,
    judge="video-pool",
    ranking_only=True,
)
ACT_RECOG_L1_MEAN = replace(
    ACT_RECOG_L1,
    profile="mean",
    title="Action recognition distance, a dimension",
    implementation="bench.evaluation.metrics.video:ActionDistanceMean",
    formula="as the default, divided by the 1024 dimensions",
    default=False,
)

# -- perceptual ------------------------------------------------------------------------------------------------------
PERCEPTUAL = MetricSpec(
    name="perceptual",
    profile="synth",
    title="Perceptual distance, world features",
    implementation="bench.evaluation.metrics.perceptual:PerceptualDistance",
    direction="lower",
    family="perceptual",
    formula=("distance of unit-normalised maps of a network of the synthetic world; mean over frames"),
    judge="perceptual",
    headline=True,
    claims=("blur", "shift"),
)
PERCEPTUAL_REGIONS = replace(
    PERCEPTUAL,
    profile="regions",
    title="Perceptual distance on regions, world features",
    formula=(f"{PERCEPTUAL.formula}; of the real frame with the region's pixels replaced by the generated ones"),
    regions=("seen", "unseen"),
    headline=False,
    ranking_only=True,
)
PERCEPTUAL_B = replace(PERCEPTUAL, profile="judge-b", seed="b", ranking_only=True, headline=False, formula=_SECOND)

_LPIPS = (
    "LPIPS v0.1 ({net}): RGB in {range}, unit-normalised channels, squared difference, learned weights, mean over "
    "places, sum over layers (Zhang et al. 2018); mean over frames; never compare across networks"
)
LPIPS_ALEX = MetricSpec(
    name="lpips-alex",
    title="LPIPS (AlexNet)",
    implementation="bench.evaluation.metrics.perceptual:PerceptualDistance",
    direction="lower",
    family="perceptual",
    formula=_LPIPS.format(net="AlexNet", range="[-1, 1]"),
    judge="lpips-alex",
)
LPIPS_SQUEEZE = replace(
    LPIPS_ALEX,
    name="lpips-squeeze",
    title="LPIPS (SqueezeNet)",
    formula=_LPIPS.format(net="SqueezeNet 1.1", range="[-1, 1]"),
    judge="lpips-squeeze",
)
LPIPS_VGG = replace(
    LPIPS_ALEX,
    name="lpips-vgg",
    title="LPIPS (VGG-16)",
    formula=_LPIPS.format(net="VGG-16", range="[-1, 1]"),
    judge="lpips-vgg",
    ranking_only=True,
)
LPIPS_VGG_DISCO = replace(
    LPIPS_VGG,
    profile="disco-2023",
    title="LPIPS (VGG-16), fed [0, 1]",
    formula=_LPIPS.format(net="VGG-16", range="[0, 1] where the network expects [-1, 1]: the bug of DisCo's scripts"),
    judge="lpips-vgg-unscaled",
    default=False,
)

# -- identity --------------------------------------------------------------------------------------------------------
AED = MetricSpec(
    name="aed",
    title="AED",
    implementation="bench.evaluation.metrics.identity:Aed",
    direction="lower",
    family="identity",
    formula="Euclidean distance of the embeddings of the generated and the real frame; mean over frames",
    flagged="a still photo shows the right person: it beats a video that moves rightly and is blurred or compressed",
    still_can_win=True,
    judge="identity",
    headline=True,
    claims=("identity",),
)
AED_B = replace(AED, profile="judge-b", seed="b", ranking_only=True, headline=False, formula=_SECOND)
AED_SOURCE = replace(
    AED,
    profile="source",
    title="AED to the source",
    implementation="bench.evaluation.metrics.identity:AedSource",
    formula="Euclidean distance of the embeddings of each generated frame and the source photo; mean over frames",
    needs=frozenset(),
    protocols=_CROSS,
    headline=False,
    flagged="a video that does not move the source photo wins it",
    claims=(),
)
AED_SIAROHIN = replace(
    AED,
    profile="siarohin-2020",
    title="AED, squared",
    implementation="bench.evaluation.metrics.identity:AedSquared",
    formula=(
        "squared Euclidean distance of the embeddings of the generated and the real frame (pose-evaluation's cmp.py); "
        "mean over all frames of all videos. Published values also need its network in training mode: compare "
        "arithmetic, not scale"
    ),
    average="frames",
    default=False,
    headline=False,
)

CSIM = MetricSpec(
    name="csim",
    title="Face similarity to the source",
    implementation="bench.evaluation.metrics.identity:FaceSimilarity",
    direction="higher",
    family="identity",
    formula=(
        "cosine of the face embeddings of the generated frame and the source photo (where there is no photo: the real "
        "frame, and the reason says so); mean over the frames in which a face is found, the others are counted"
    ),
    range=(-1.0, 1.0),
    needs=frozenset(),
    judge="face",
    flagged="a video that does not move the source photo wins it",
    still_can_win=True,
    missing="a frame without a face leaves the mean, and face-detection counts it",
)
CSIM_DRIFT = replace(
    CSIM,
    profile="drift",
    title="Face similarity, change per second",
    implementation="bench.evaluation.metrics.identity:FaceDrift",
    direction="none",
    formula="least-squares slope over time of csim's cosines; 0 = the face stays, negative = it is lost",
    unit="1/s",
    range=(-float("inf"), float("inf")),
    default=False,
    flagged="a frozen video has none",
    still_can_win=False,
)
FACE_DETECTION = MetricSpec(
    name="face-detection",
    title="Faces found",
    implementation="bench.evaluation.metrics.identity:FaceDetection",
    direction="higher",
    family="identity",
    formula="share of the frames whose real frame shows a face in which the generated frame shows one",
    range=(0.0, 1.0),
    judge="face",
    flagged="a frozen photo with a face wins it",
    still_can_win=True,
    missing="a missing face is what it counts; frames whose real frame shows none leave",
)
FACE_DETECTION_RAW = replace(
    FACE_DETECTION,
    profile="raw",
    title="Faces found in all frames",
    implementation="bench.evaluation.metrics.identity:FaceDetectionRaw",
    formula="share of all generated frames in which a face is found",
    needs=frozenset(),
    default=False,
)
