"""Data-only card of MRAA; imports no torch."""

from __future__ import annotations

from methods.base import MethodSpec, Variant

#: Sizes for a processor with few cores (ours). Everything not named keeps the official value.
QUICK = {
    "regions.scale": 0.5,
    "regions.block_expansion": 16,
    "regions.num_blocks": 4,
    "regions.max_features": 128,
    "regions.head_kernel": 5,
    "background.block_expansion": 8,
    "background.num_blocks": 4,
    "background.max_features": 64,
    "motion.scale": 0.5,
    "motion.block_expansion": 16,
    "motion.num_blocks": 4,
    "motion.max_features": 128,
    "motion.head_kernel": 3,
    "generator.block_expansion": 16,
    "generator.max_features": 64,
    "generator.num_bottleneck_blocks": 3,
    "generator.edge_kernel": 3,
    "loss.network": "random-features",
    "loss.scales": [1.0, 0.5, 0.25],
    "loss.l1": 20.0,
    "train.steps": 1_400,
    "train.batch": 8,
    "train.lr": 1e-3,
    "train.clip": 10.0,
    "train.jitter": 0.0,
    "avd.steps": 600,
    "avd.batch": 32,
    "avd.width": 64,
    "avd.bottleneck": 32,
    "avd.residual": True,
}
TINY = QUICK | {
    "num_regions": 4,
    "regions.block_expansion": 8,
    "regions.num_blocks": 3,
    "regions.max_features": 32,
    "background.num_blocks": 3,
    "background.max_features": 32,
    "motion.block_expansion": 8,
    "motion.num_blocks": 3,
    "motion.max_features": 32,
    "generator.block_expansion": 8,
    "generator.max_features": 24,
    "generator.num_bottleneck_blocks": 1,
    "train.steps": 20,
    "train.batch": 2,
    "avd.steps": 4,
    "avd.batch": 4,
    "avd.width": 16,
    "avd.bottleneck": 8,
}
STANDARD = {
    "regions.max_features": 256,
    "background.max_features": 256,
    "motion.block_expansion": 32,
    "motion.max_features": 256,
    "generator.block_expansion": 32,
    "generator.max_features": 256,
    "loss.network": "random-features",
    "train.steps": 30_000,
    "train.batch": 16,
    "train.clip": 10.0,
    "train.jitter": 0.05,
    "avd.steps": 3_000,
    "avd.batch": 128,
}

SPEC = MethodSpec(
    name="mraa",
    title="Motion Representations for Articulated Animation",
    implementation="methods.mraa.method:MRAA",
    config="methods.mraa.config:MRAAConfig",
    paper="Motion Representations for Articulated Animation",
    venue="CVPR",
    year=2021,
    licence="own implementation from the paper; the official code grants no licence",
    fidelity="official keys, shapes and parameter counts; official checkpoints load; every mode agrees with a "
    "second, plain computation of the official networks; the official code was not run here",
    modes={"avd": "abs/drv", "standard": "abs/drv", "relative": "rel/src"},
    presets={"paper": {}, "standard": STANDARD, "quick": QUICK, "tiny": TINY},
    variants={
        # the counts that Table 3 of the TPS paper sets against TPS with K = 2 and 8
        "k5": Variant("K = 5", {"num_regions": 5}),
        "k20": Variant("K = 20", {"num_regions": 20}),
    },
    scratch={"init": ""},
    official_checkpoints=True,
)
