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
    "akd": "bench.evaluation.cards_pose:AKD",
    "akd@target": "bench.evaluation.cards_pose:AKD_TARGET",
    "akd@driving": "bench.evaluation.cards_pose:AKD_DRIVING",
    "akd@truth": "bench.evaluation.cards_pose:AKD_TRUTH",
    "akd@box-height": "bench.evaluation.cards_pose:AKD_BOX_HEIGHT",
    "akd@siarohin-2020": "bench.evaluation.cards_pose:AKD_SIAROHIN",
    "akd@judge-b": "bench.evaluation.cards_pose:AKD_JUDGE_B",
    "akd-penalised": "bench.evaluation.cards_pose:AKD_PENALISED",
    "akd-penalised@judge-b": "bench.evaluation.cards_pose:AKD_PENALISED_JUDGE_B",
    "mkr": "bench.evaluation.cards_pose:MKR",
    "mkr@siarohin-2020": "bench.evaluation.cards_pose:MKR_SIAROHIN",
    "mkr@judge-b": "bench.evaluation.cards_pose:MKR_JUDGE_B",
    "pck": "bench.evaluation.cards_pose:PCK",
    "pck@0.05": "bench.evaluation.cards_pose:PCK_005",
    "pck@0.2": "bench.evaluation.cards_pose:PCK_02",
    "pck@hands": "bench.evaluation.cards_pose:PCK_HANDS",
    "pck@face": "bench.evaluation.cards_pose:PCK_FACE",
    "pck@judge-b": "bench.evaluation.cards_pose:PCK_JUDGE_B",
    "ssbs": "bench.evaluation.cards_pose:SSBS",
    "ssis": "bench.evaluation.cards_pose:SSIS",
    "ssis@present-in-union": "bench.evaluation.cards_pose:SSIS_PRESENT",
    "ssis@absent-is-zero": "bench.evaluation.cards_pose:SSIS_ZERO",
    "ssis@judge-b": "bench.evaluation.cards_pose:SSIS_JUDGE_B",
    "dpbs": "bench.evaluation.cards_pose:DPBS",
    "dpis": "bench.evaluation.cards_pose:DPIS",
    "dpis@present-in-union": "bench.evaluation.cards_pose:DPIS_PRESENT",
    "dpis@absent-is-zero": "bench.evaluation.cards_pose:DPIS_ZERO",
    "dpis@judge-b": "bench.evaluation.cards_pose:DPIS_JUDGE_B",
    "shape-leak": "bench.evaluation.cards_pose:SHAPE_LEAK",
    "shape-leak@truth": "bench.evaluation.cards_pose:SHAPE_LEAK_TRUTH",
}

#: Metric names that are part of the contract but not in this version.
PLANNED: tuple[str, ...] = (
    "ms-ssim", "lpips-vgg", "lpips-alex", "lpips-squeeze", "fid", "kid", "fvd", "aed",
    "tcm", "mask-ssim", "mask-psnr", "interp-psnr", "act-recog-l1", "csim",
    "background",
)  # fmt: skip
