"""Data-only card of TPS; imports no torch."""

from __future__ import annotations

from methods.base import MethodSpec, Variant

#: Sizes for a processor with few cores (ours). Everything not named keeps the paper's value.
QUICK = {
    "num_tps": 5,
    "keypoints.encoder": "heatmap",
    "keypoints.width": 16,
    "background.encoder": "small",
    "background.width": 12,
    "motion.scale": 0.5,
    "motion.block_expansion": 16,
    "motion.num_blocks": 4,
    "motion.max_features": 128,
    "motion.head_kernel": 3,
    "motion.mask_features": 16,
    "inpainting.block_expansion": 16,
    "inpainting.num_down_blocks": 2,
    "inpainting.max_features": 32,
    "inpainting.edge_kernel": 3,
    "inpainting.blocks_per_level": 1,
    "loss.network": "random-features",
    "loss.scales": [1.0, 0.5, 0.25],
    "loss.l1": 20.0,
    "train.steps": 200,
    "train.batch": 8,
    "train.lr": 1e-4,
    "train.dropout_max": 0.3,
    "train.jitter": 0.0,
    "avd.steps": 100,
    "avd.batch": 32,
    "avd.lr": 1e-4,
    "avd.width": 64,
    "avd.bottleneck": 32,
    "avd.jitter": 0.05,
    "init": "quick",
}
TINY = QUICK | {
    "num_tps": 3,
    "keypoints.width": 8,
    "background.width": 8,
    "motion.block_expansion": 8,
    "motion.num_blocks": 3,
    "motion.max_features": 32,
    "inpainting.block_expansion": 8,
    "inpainting.max_features": 24,
    "train.steps": 20,
    "train.batch": 2,
    "avd.steps": 4,
    "avd.batch": 4,
    "avd.lr": 1e-3,
    "avd.width": 16,
    "avd.bottleneck": 8,
    "init": "",
}
STANDARD = {
    "motion.block_expansion": 32,
    "motion.max_features": 256,
    "inpainting.block_expansion": 32,
    "inpainting.max_features": 256,
    "loss.network": "random-features",
    "train.steps": 30_000,
    "train.batch": 16,
    "train.jitter": 0.05,
    "avd.steps": 3_000,
    "avd.batch": 128,
    "avd.detector_train_mode": False,
}
_NO_DROPOUT = {"train.dropout_start": 0.0, "train.dropout_max": 0.0}
_MASKS_ONLY = {"loss.background": 0.0, "loss.warp": 0.0}

SPEC = MethodSpec(
    name="tps",
    title="Thin-Plate Spline Motion Model",
    implementation="methods.tps.method:TPS",
    config="methods.tps.config:TPSConfig",
    paper="Thin-Plate Spline Motion Model for Image Animation",
    venue="CVPR",
    year=2022,
    licence="MIT (own implementation; official code MIT)",
    fidelity="official parity: module outputs, parameter counts and checkpoints of the official code",
    modes={"avd": "abs/drv", "standard": "abs/drv", "relative": "rel/src"},
    presets={"paper": {}, "standard": STANDARD, "quick": QUICK, "tiny": TINY},
    variants={
        # Table 4 is cumulative; the full method is compared with bg-loss (it adds the warp loss)
        "tps-only": Variant("TPS", _MASKS_ONLY | _NO_DROPOUT | {"motion.multi_mask": False}),
        "dropout": Variant("++ Dropout", _MASKS_ONLY | {"motion.multi_mask": False}, "tps-only"),
        "multi-masks": Variant("++ Multi-Masks", _MASKS_ONLY, "dropout"),
        "bg-loss": Variant("+ L_bg", {"loss.warp": 0.0}, "multi-masks"),
        "k2": Variant("K = 2", {"num_tps": 2}),
        "k4": Variant("K = 4", {"num_tps": 4}),
        "k8": Variant("K = 8", {"num_tps": 8}),
    },
    scratch={"init": ""},
    official_checkpoints=True,
)
