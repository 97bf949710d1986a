"""Data-only card of FOMM; imports no torch."""

from __future__ import annotations

from methods.base import MethodSpec

#: Sizes for a processor with few cores (ours). Everything not named keeps the official value.
QUICK = {
    "keypoints.scale": 0.5,
    "keypoints.block_expansion": 16,
    "keypoints.num_blocks": 4,
    "keypoints.max_features": 128,
    "keypoints.head_kernel": 5,
    "motion.scale": 0.5,
    "motion.block_expansion": 16,
    "motion.num_blocks": 4,
    "motion.max_features": 128,
    "motion.head_kernel": 3,
    "generator.num_down_blocks": 1,  # without skips, 16 x 16 features cannot carry a 64 px frame's texture
    "generator.block_expansion": 24,
    "generator.max_features": 48,
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
}
TINY = QUICK | {
    "num_keypoints": 5,
    "keypoints.block_expansion": 8,
    "keypoints.num_blocks": 3,
    "keypoints.max_features": 32,
    "motion.block_expansion": 8,
    "motion.num_blocks": 3,
    "motion.max_features": 32,
    "generator.block_expansion": 8,
    "generator.max_features": 16,
    "generator.num_bottleneck_blocks": 1,
    "train.steps": 20,
    "train.batch": 2,
}
STANDARD = {
    "keypoints.max_features": 256,
    "motion.block_expansion": 32,
    "motion.max_features": 256,
    "generator.block_expansion": 32,
    "generator.max_features": 256,
    "loss.network": "random-features",
    "train.steps": 30_000,
    "train.batch": 16,
    "train.clip": 10.0,
    "train.jitter": 0.05,
}

SPEC = MethodSpec(
    name="fomm",
    title="First Order Motion Model",
    implementation="methods.fomm.method:FOMM",
    config="methods.fomm.config:FOMMConfig",
    paper="First Order Motion Model for Image Animation",
    venue="NeurIPS",
    year=2019,
    licence="MIT (own implementation; official code MIT)",
    fidelity="official keys, shapes and parameter counts; official checkpoints load; every mode agrees with a "
    "second, plain computation of the official networks; the official code was not run here",
    modes={"standard": "abs/drv", "relative": "rel/src"},
    presets={"paper": {}, "standard": STANDARD, "quick": QUICK, "tiny": TINY},
    scratch={"init": ""},
    official_checkpoints=True,
)
