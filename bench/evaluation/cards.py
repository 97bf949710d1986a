"""Cards of the metrics that come with the suite: data only, cheap to import."""

from __future__ import annotations

from dataclasses import replace

from bench.evaluation.base import REGIONS, MetricSpec

#: Why pixel metrics are compared with both still rows.
FADED = "the photo with its person faded beats the photo itself without any motion: compare with both"
BACKGROUND_RIGHT = (
    "most of a frame is background, which a still photo has right: it beats a video that moves rightly and flickers in "
    f"brightness; {FADED}"
)
#: How flow is measured without weights.
DIS = "OpenCV DIS flow, preset MEDIUM, one thread, grey frames resized to 256 pixels on the longer side"

L1 = MetricSpec(
    name="l1",
    title="L1 distance",
    implementation="bench.evaluation.metrics.pixel:L1",
    direction="lower",
    family="pixel",
    formula="mean over pixels and RGB channels of |generated - real| / 255 on uint8 frames; mean over frames",
    range=(0.0, 1.0),
    regions=REGIONS,
    headline=True,
    flagged=BACKGROUND_RIGHT,
    still_can_win=True,
    claims=("blur", "shift"),
)

PSNR = MetricSpec(
    name="psnr",
    title="PSNR",
    implementation="bench.evaluation.metrics.pixel:Psnr",
    direction="higher",
    family="pixel",
    formula="10 log10(255^2 / MSE) of each frame over pixels and RGB channels, at most 100 dB; mean over frames",
    unit="dB",
    range=(0.0, 100.0),
    regions=REGIONS,
    flagged=BACKGROUND_RIGHT,
    still_can_win=True,
)

SSIM = MetricSpec(
    name="ssim",
    title="SSIM",
    implementation="bench.evaluation.metrics.ssim:Ssim",
    direction="higher",
    family="pixel",
    formula=(
        "Wang et al. 2004: Gaussian window 11x11, sigma 1.5, K1 .01, K2 .03, population covariance, range 255, each "
        "RGB channel, 5 border pixels cropped; map averaged in the region; mean over frames"
    ),
    range=(-1.0, 1.0),
    regions=REGIONS,
    headline=True,
    flagged=FADED,
    claims=("blur", "shift"),
)

SSIM_WANG = replace(SSIM, profile="wang", default=False, headline=False)

MOTION_AGREEMENT = MetricSpec(
    name="motion-agreement",
    title="Motion agreement",
    implementation="bench.evaluation.metrics.motion:MotionAgreement",
    direction="higher",
    family="motion",
    formula=(
        f"cosine, inside the true person mask and over the whole clip, of the generated video's flow ({DIS}; "
        "brought back to the frame's size; background median removed) and the true flow (background median removed); "
        "0 for a still video"
    ),
    range=(-1.0, 1.0),
    needs=frozenset({"reference", "mask", "flow"}),
    headline=True,
    claims=("lag", "freeze"),
)

MOTION_AGREEMENT_DIS = MetricSpec(
    name="motion-agreement",
    profile="dis",
    title="Motion agreement (measured flow)",
    implementation="bench.evaluation.metrics.motion:MotionAgreementDis",
    direction="higher",
    family="motion",
    formula=(
        f"cosine over the whole clip of the generated and the real video's flow ({DIS}; background median removed), "
        "inside the person mask where there is one, else over the whole frame"
    ),
    range=(-1.0, 1.0),
    uses=frozenset({"mask"}),
    stands_in_for=frozenset({"mask", "flow"}),
)

MOTION_RATIO = MetricSpec(
    name="motion-ratio",
    title="Motion ratio",
    implementation="bench.evaluation.metrics.motion:MotionRatio",
    direction="none",
    family="motion",
    formula=f"mean flow magnitude of the generated video over that of the real video ({DIS}); 1 = as much motion",
)

MOTION_RATIO_DRIVING = MetricSpec(
    name="motion-ratio",
    profile="driving",
    title="Motion ratio to the driving video",
    implementation="bench.evaluation.metrics.motion:MotionRatioDriving",
    direction="none",
    family="motion",
    formula=f"mean flow magnitude of the generated video over that of the driving video ({DIS})",
    needs=frozenset({"driving"}),
    stands_in_for=frozenset({"reference"}),
)

FLICKER = MetricSpec(
    name="flicker",
    title="Flicker, distance from real",
    implementation="bench.evaluation.metrics.temporal:Flicker",
    direction="lower",
    family="temporal",
    formula=(
        "|f(generated) - f(real)|, f = mean over pixels, RGB channels and consecutive frames of "
        "|frame(t+1) - frame(t)| / 255"
    ),
    range=(0.0, 1.0),
    flagged="a frozen video is close to a slow real one, and a video that moves wrongly can be closer than a right one",
    still_can_win=True,
)

FLICKER_RAW = MetricSpec(
    name="flicker",
    profile="raw",
    title="Frame difference",
    implementation="bench.evaluation.metrics.temporal:FlickerRaw",
    direction="none",
    family="temporal",
    formula="mean over pixels, RGB channels and consecutive frames of |frame(t+1) - frame(t)| / 255",
    range=(0.0, 1.0),
    needs=frozenset(),
    stands_in_for=frozenset({"reference"}),
    flagged="a frozen video scores 0",
)

WARPING_ERROR = MetricSpec(
    name="warping-error",
    title="Warping error, distance from real",
    implementation="bench.evaluation.metrics.temporal:WarpingError",
    direction="lower",
    family="temporal",
    formula=(
        "|E(generated) - E(real)|, E = mean over consecutive frames of the mean over visible pixels and RGB channels "
        "of (frame(t) - frame(t+1) sampled at x + flow)^2 in [0, 1] (Lai et al. 2018); flow and occlusion of the real "
        f"video: the true ones (judge true-flow), else {DIS}, with a forward-backward check (judge dis-flow)"
    ),
    range=(0.0, 1.0),
    uses=frozenset({"flow", "occlusion"}),
    flagged="a frozen video is close to a slow real one",
    still_can_win=True,
)
