"""Cards of the masked, temporal and published forms of the metrics that need no network: data only."""

from __future__ import annotations

from dataclasses import replace

from bench.evaluation.base import MetricSpec
from bench.evaluation.cards import BACKGROUND_RIGHT, DIS, FADED, FLICKER_RAW, L1, PSNR, SSIM, WARPING_ERROR

_OVER_FRAMES = "mean over all frames of all videos"

MS_SSIM = MetricSpec(
    name="ms-ssim",
    title="MS-SSIM",
    implementation="bench.evaluation.metrics.ms_ssim:MsSsim",
    direction="higher",
    family="pixel",
    formula=(
        "Wang et al. 2003 as pytorch_msssim has it: 5 scales, weights .0448 .2856 .3001 .2363 .1333, Gaussian window "
        "11x11, sigma 1.5, range 255, 2x2 means between scales (an odd side is padded with zeros in front); each RGB "
        "channel's terms averaged over the map, negative ones set to 0, then powers and product; mean over channels, "
        "mean over frames; undefined where the shorter side is 160 pixels or less"
    ),
    range=(0.0, 1.0),
    flagged=FADED,
)

MASK_SSIM = MetricSpec(
    name="mask-ssim",
    title="Mask-SSIM",
    implementation="bench.evaluation.metrics.masked:MaskSsim",
    direction="higher",
    family="pixel",
    formula=(
        "the SSIM map of ssim@default averaged over the windows centred inside the person mask of the real frame; mean "
        "over frames; frames with an empty mask do not count and are named in the reason"
    ),
    range=(-1.0, 1.0),
    needs=frozenset({"reference", "mask"}),
    flagged=FADED,
    missing="a frame with an empty mask leaves the mean",
)

MASK_SSIM_MULT = replace(
    MASK_SSIM,
    profile="mult",
    title="Mask-SSIM of cut-outs",
    implementation="bench.evaluation.metrics.masked:MaskSsimMult",
    formula=(
        "both images times the person mask of the real frame, then ssim@default over the whole frame (Siarohin et al. "
        "2018, pose-gan; REMOT): the background counts as perfect; mean over frames, empty masks left out"
    ),
    default=False,
)

MASK_PSNR = replace(
    MASK_SSIM,
    name="mask-psnr",
    title="Mask-PSNR",
    implementation="bench.evaluation.metrics.masked:MaskPsnr",
    formula=(
        "10 log10(255^2 / MSE), MSE over RGB channels and the pixels inside the person mask of the real frame, at most "
        "100 dB; mean over frames; frames with an empty mask do not count and are named in the reason"
    ),
    unit="dB",
    flagged=f"a sharp still photo beats a soft video that moves rightly; {FADED}",
    still_can_win=True,
    range=(0.0, 100.0),
)

MASK_PSNR_MULT = replace(
    MASK_PSNR,
    profile="mult",
    title="Mask-PSNR of cut-outs",
    implementation="bench.evaluation.metrics.masked:MaskPsnrMult",
    formula=(
        "both images times the person mask of the real frame, then PSNR over the whole frame, at most 100 dB: the "
        "region's PSNR minus 10 log10 of the mask's share of the frame (Siarohin et al. 2018, pose-gan; REMOT); mean "
        "over frames, empty masks left out"
    ),
    default=False,
)

BACKGROUND = MetricSpec(
    name="background",
    title="Background PSNR",
    implementation="bench.evaluation.metrics.background:Background",
    direction="higher",
    family="pixel",
    formula=(
        "PSNR over the pixels outside the real frame's person mask dilated by a disc of 3 % of the longer side (1 "
        "pixel or more), at most 100 dB; mean over frames; frames that the dilated mask fills do not count"
    ),
    unit="dB",
    range=(0.0, 100.0),
    needs=frozenset({"reference", "mask"}),
    flagged="the source photo wins it where camera and background stand still",
    still_can_win=True,
)

BACKGROUND_STD = replace(
    BACKGROUND,
    profile="std",
    title="Background instability",
    implementation="bench.evaluation.metrics.background:BackgroundStd",
    direction="lower",
    family="temporal",
    formula=(
        "standard deviation (divided by n) over a video's frames of background@default; mean over videos; undefined "
        "below two frames"
    ),
    range=(0.0, 50.0),
    flagged="a background that is wrong in every frame alike scores 0, and so does a frozen one where nothing moves",
)

TCM = MetricSpec(
    name="tcm",
    title="TCM",
    implementation="bench.evaluation.metrics.tcm:Tcm",
    direction="higher",
    family="temporal",
    formula=(
        "mean over steps of exp(-|E(generated) / (E(real) + 1e-9) - 1|), E = sum over visible pixels and RGB channels "
        "of (frame(t) sampled at x + flow - frame(t-1))^2 in [0, 1]; flow t-1 -> t and occlusion of the real video: "
        f"the true ones (judge true-flow), else {DIS}, with the check |f+b|^2 <= .01(|f|^2+|b|^2)+.5 (judge dis-flow). "
        "Read it with warping-error@raw and warping-error@real"
    ),
    range=(0.0, 1.0),
    uses=frozenset({"flow", "occlusion"}),
    flagged=(
        "two still videos score exp(-1) = .368; a video that is too smooth never falls below .368 while a noisy one "
        "tends to 0; one step with a tiny real error decides"
    ),
    still_can_win=True,
)

TCM_RAFT = replace(
    TCM,
    profile="raft",
    title="TCM (RAFT)",
    implementation="bench.evaluation.metrics.tcm:TcmRaft",
    formula=(
        "tcm@default with the flow judge's flow of the real video and the check |f+b|^2 <= .01(|f|^2+|b|^2)+.5 on it "
        "(the papers used FlowNet2)"
    ),
    uses=frozenset(),
    default=False,
    judge="flow",
)

WARPING_ERROR_RAW = replace(
    WARPING_ERROR,
    profile="raw",
    title="Warping error",
    implementation="bench.evaluation.metrics.temporal:WarpingErrorRaw",
    formula="E(generated) of warping-error@default, with the real video's flow: what TCM divides",
    direction="none",
    flagged="a faded or blurred video scores low",
    still_can_win=False,
)

WARPING_ERROR_REAL = replace(
    WARPING_ERROR_RAW,
    profile="real",
    title="Warping error of the real video",
    implementation="bench.evaluation.metrics.temporal:WarpingErrorReal",
    formula="E(real) of warping-error@default, the same for every method: what TCM divides by",
    flagged="",
)

INTERP_PSNR_DIS = MetricSpec(
    name="interp-psnr",
    profile="dis",
    title="Interp-PSNR (DIS)",
    implementation="bench.evaluation.metrics.interpolation:InterpPsnrDis",
    direction="higher",
    family="temporal",
    formula=(
        "PSNR (at most 100 dB) of the real frame t and the frame between the generated frames t-1 and t+1: both "
        f"sampled half of their flow away ({DIS}; brought back to the frame's size), averaged and rounded; mean over "
        "the inner frames. One DIS flow a frame, so it is left out of smoke runs"
    ),
    unit="dB",
    range=(0.0, 100.0),
    flagged=BACKGROUND_RIGHT,
    still_can_win=True,
    ranking_only=True,
)

INTERP_PSNR = replace(
    INTERP_PSNR_DIS,
    profile="default",
    title="Interp-PSNR",
    implementation="bench.evaluation.metrics.interpolation:InterpPsnr",
    formula=(
        "PSNR (at most 100 dB) of the real frame t and the frame that the judge (Super-SloMo at t = 0.5) puts between "
        "the generated frames t-1 and t+1; mean over the inner frames"
    ),
    default=False,
    judge="interpolation",
)

INTERP_PSNR_SELF = replace(
    INTERP_PSNR,
    profile="self",
    title="Interp-PSNR, to itself",
    implementation="bench.evaluation.metrics.interpolation:InterpPsnrSelf",
    formula=(
        "PSNR (at most 100 dB) of the generated frame t and the frame that the judge (Super-SloMo at t = 0.5) puts "
        "between the generated frames t-1 and t+1; mean over the inner frames"
    ),
    needs=frozenset(),
    flagged="a frozen video is perfect",
)

_PUBLISHED_L1 = replace(L1, regions=("whole",), default=False, headline=False, average="frames")
_PUBLISHED_PSNR = replace(PSNR, regions=("whole",), default=False, range=(0.0, float("inf")))
_PUBLISHED_SSIM = replace(SSIM, regions=("whole",), default=False, headline=False)

L1_SIAROHIN = replace(
    _PUBLISHED_L1,
    profile="siarohin-2020",
    title="L1 (FOMM, MRAA, TPSMM)",
    implementation="bench.evaluation.metrics.compat:L1Siarohin",
    formula=(
        f"mean |generated - real| / 255 over pixels and RGB channels of self-reconstructions; {_OVER_FRAMES}. The "
        "scripts compare float predictions before they are stored; from 8-bit frames the value is at most .5/255 off, "
        "and at most 1/255 from their own PNG files, which are cut off (int(255 x)) and not rounded. Score the folder "
        "of those files for the truncated form. They score frame 0, too"
    ),
)

L1_DISCO = replace(
    _PUBLISHED_L1,
    profile="disco-2023",
    title="L1 (DisCo)",
    implementation="bench.evaluation.metrics.compat:L1Disco",
    formula=(
        "mean over pixels and RGB channels of |generated - real| / (H W), on 0..255: depends on the resolution; times "
        f"H W gives grey levels; {_OVER_FRAMES}"
    ),
    range=(0.0, 255.0),
)

PSNR_DISCO_2023 = replace(
    _PUBLISHED_PSNR,
    profile="disco-2023",
    title="PSNR (DisCo, 8-bit overflow)",
    implementation="bench.evaluation.metrics.compat:PsnrDisco2023",
    formula=(
        "20 log10(255 / sqrt(MSE)) with difference and square in 8-bit arithmetic, modulo 256 (repaired in DisCo's "
        f"code of 2024): tends to 27.9 dB for whatever is far off; 100 where that MSE is 0; {_OVER_FRAMES}"
    ),
    average="frames",
    flagged="large errors wrap around and count as small ones",
)

PSNR_DISCO_2024 = replace(
    _PUBLISHED_PSNR,
    profile="disco-2024",
    title="PSNR (DisCo, repaired)",
    implementation="bench.evaluation.metrics.compat:PsnrDisco2024",
    formula=f"20 log10(255 / sqrt(MSE)) in float64, 100 for equal frames, not capped otherwise; {_OVER_FRAMES}",
    average="frames",
)

PSNR_SKIMAGE = replace(
    _PUBLISHED_PSNR,
    profile="skimage",
    title="PSNR (scikit-image)",
    implementation="bench.evaluation.metrics.compat:PsnrSkimage",
    formula=(
        "10 log10(255^2 / MSE), without a cap: a video with a frame that equals the truth has no value; mean over "
        "frames, mean over videos"
    ),
)

PSNR_POOLED = replace(
    _PUBLISHED_PSNR,
    profile="pooled",
    title="PSNR (torchmetrics)",
    implementation="bench.evaluation.metrics.compat:PsnrPooled",
    formula=(
        "10 log10(255^2 / MSE) with the MSE over all frames of a video: never above the mean over frames; undefined "
        "for a video that equals the truth; mean over videos"
    ),
)

SSIM_SKIMAGE = replace(
    _PUBLISHED_SSIM,
    profile="skimage",
    title="SSIM (scikit-image's defaults)",
    implementation="bench.evaluation.metrics.compat:SsimSkimage",
    formula=(
        "flat window 7x7, sample covariance, range 255, each RGB channel, 3 border pixels cropped; mean over frames, "
        "mean over videos"
    ),
)

SSIM_TORCHMETRICS = replace(
    _PUBLISHED_SSIM,
    profile="torchmetrics",
    title="SSIM (torchmetrics)",
    implementation="bench.evaluation.metrics.compat:SsimTorchmetrics",
    formula=(
        "Gaussian window 11x11, sigma 1.5, population covariance, range 255, each RGB channel, borders mirrored and "
        "counted; mean over frames, mean over videos"
    ),
)

SSIM_DISCO = replace(
    _PUBLISHED_SSIM,
    profile="disco",
    title="SSIM (DisCo)",
    implementation="bench.evaluation.metrics.compat:SsimDisco",
    formula=(
        "8-bit grey images (OpenCV), flat window 7x7, sample covariance, range 255, 3 border pixels cropped; "
        f"{_OVER_FRAMES}"
    ),
    average="frames",
)

SSIM_GFLA = replace(
    _PUBLISHED_SSIM,
    profile="gfla",
    title="SSIM (GFLA)",
    implementation="bench.evaluation.metrics.compat:SsimGfla",
    formula=(
        "flat window 51x51, sample covariance, RGB in [0, 1] with range 1 (the same as 255 on 0..255), 25 border "
        f"pixels cropped; {_OVER_FRAMES}"
    ),
    average="frames",
)

SSIM_GFLA_256 = replace(
    _PUBLISHED_SSIM,
    profile="gfla-256",
    title="SSIM_256 (GFLA)",
    implementation="bench.evaluation.metrics.compat:SsimGfla256",
    formula=(
        "Gaussian window 11x11, sigma 1.5, population covariance, each RGB channel, 5 border pixels cropped, range = "
        f"max - min of the generated frame; a constant generated frame has no value; {_OVER_FRAMES}"
    ),
    average="frames",
    flagged="the generated frame sets its own scale",
)

SSIM_HIS = replace(
    _PUBLISHED_SSIM,
    profile="iper-his",
    title="SSIM (iPER, his_evaluators)",
    implementation="bench.evaluation.metrics.compat:SsimHis",
    formula=(
        "images in [-1, 1], range 2 (what scikit-image took for floats then; it refuses now), flat window 7x7, sample "
        f"covariance, each RGB channel, 3 border pixels cropped; {_OVER_FRAMES}"
    ),
    average="frames",
)

FLICKER_VBENCH = replace(
    FLICKER_RAW,
    profile="vbench",
    title="Temporal flickering (VBench)",
    implementation="bench.evaluation.metrics.compat:FlickerVbench",
    direction="higher",
    formula="1 - flicker@raw, of every video; mean over videos",
    default=False,
    stands_in_for=frozenset(),
    flagged="a frozen video scores 1",
    still_can_win=True,
)
