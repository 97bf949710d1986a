"""The evaluator: one pass over the uint8 frames, every metric, every region.

Names only: the cards lie in ``bench.evaluation.cards``, the accumulators in ``bench.evaluation.metrics``.
"""

#: name (default profile) or name@profile -> ``module:attribute`` of the card.
BUILTIN: dict[str, str] = {
    "l1": "bench.evaluation.cards:L1",
    "psnr": "bench.evaluation.cards:PSNR",
    "ssim": "bench.evaluation.cards:SSIM",
    "ssim@wang": "bench.evaluation.cards:SSIM_WANG",
    "motion-agreement": "bench.evaluation.cards:MOTION_AGREEMENT",
    "motion-agreement@dis": "bench.evaluation.cards:MOTION_AGREEMENT_DIS",
    "motion-ratio": "bench.evaluation.cards:MOTION_RATIO",
    "motion-ratio@driving": "bench.evaluation.cards:MOTION_RATIO_DRIVING",
    "flicker": "bench.evaluation.cards:FLICKER",
    "flicker@raw": "bench.evaluation.cards:FLICKER_RAW",
    "warping-error": "bench.evaluation.cards:WARPING_ERROR",
}

#: Metric names that are part of the contract but not in this version.
PLANNED: tuple[str, ...] = (
    "ms-ssim", "lpips-vgg", "lpips-alex", "lpips-squeeze", "fid", "kid", "fvd", "aed", "akd", "akd-penalised", "mkr",
    "pck", "tcm", "mask-ssim", "mask-psnr", "ssbs", "ssis", "dpbs", "dpis", "interp-psnr", "act-recog-l1", "csim",
    "background", "shape-leak",
)  # fmt: skip
