"""Data-only card of INTERnet; imports no torch."""

from __future__ import annotations

from methods.base import MethodSpec, Variant

#: Sizes for a processor with few cores (ours). Everything not named keeps the paper's value.
QUICK = {
    "keypoints.scale": 0.5,
    "keypoints.block_expansion": 16,
    "keypoints.num_blocks": 4,
    "keypoints.max_features": 128,
    "keypoints.head_kernel": 5,
    "motion.scale": 0.5,  # a quarter of 64 px would be 16, too coarse for a limb
    "motion.block_expansion": 16,
    "motion.num_blocks": 4,
    "motion.max_features": 128,
    "motion.head_kernel": 3,
    "generator.block_expansion": 16,
    "generator.max_features": 64,
    "generator.num_bottleneck_blocks": 3,
    "generator.stage_blocks": 1,
    "generator.edge_kernel": 3,
    "discriminator.scales": 2,
    "discriminator.layers": 2,
    "discriminator.block_expansion": 16,
    "sampling.gap": 8,
    "sampling.per_clip": 12,
    "sampling.source": "any",
    "loss.network": "random-features",
    "loss.scales": [1.0, 0.5, 0.25],
    "loss.l1": 20.0,
    "loss.style": 25.0,
    "loss.adversarial": 0.2,
    "train.steps": 1_400,
    "train.beta2": 0.99,  # a warm-up of 200 steps instead of 2,000
    "train.batch": 6,
    "train.lr": 1e-3,
    "train.clip": 10.0,
}
TINY = QUICK | {
    "num_anchors": 5,
    "keypoints.block_expansion": 8,
    "keypoints.num_blocks": 3,
    "keypoints.max_features": 32,
    "motion.block_expansion": 8,
    "motion.num_blocks": 3,
    "motion.max_features": 32,
    "generator.block_expansion": 8,
    "generator.max_features": 24,
    "generator.num_bottleneck_blocks": 1,
    "discriminator.block_expansion": 8,
    "sampling.per_clip": 4,
    "train.steps": 20,
    "train.batch": 2,
}
STANDARD = {
    "keypoints.max_features": 256,
    "motion.block_expansion": 32,
    "motion.max_features": 256,
    "generator.block_expansion": 32,
    "generator.max_features": 256,
    "generator.num_bottleneck_blocks": 6,
    "generator.stage_blocks": 1,
    "discriminator.scales": 2,
    "discriminator.block_expansion": 32,
    "sampling.gap": 30,
    "loss.network": "random-features",
    "loss.scales": [1.0, 0.5, 0.25, 0.125],
    "loss.style": 25.0,
    "train.steps": 30_000,
    "train.clip": 10.0,
}
_SINGLE = {"generator.multi_scale": False}


def _scheme(name: str) -> dict[str, str]:
    return {"temporal.scheme": name}


SPEC = MethodSpec(
    name="intrinsic",
    title="INTERnet (intrinsic temporal regularization)",
    implementation="methods.intrinsic.method:Intrinsic",
    config="methods.intrinsic.config:IntrinsicConfig",
    paper="Intrinsic Temporal Regularization for High-resolution Human Video Synthesis",
    venue="arXiv",
    year=2020,
    licence="own implementation from the paper; no official code is known",
    fidelity="reimplemented from the paper; what it leaves open is listed in docs/methods/intrinsic.md",
    modes={"standard": "abs/drv", "relative": "rel/src"},
    presets={"paper": {}, "standard": STANDARD, "quick": QUICK, "tiny": TINY},
    variants={
        # Table 2 of the paper: single scale with each scheme, multi-scale with b; the full method is multi-scale with c
        "ss4x-plain": Variant("SS4x a)", _SINGLE | _scheme("plain")),
        "ss4x-extrinsic": Variant("SS4x b)", _SINGLE | _scheme("extrinsic"), "ss4x-plain"),
        "ss4x-intrinsic": Variant("SS4x c)", _SINGLE, "ss4x-extrinsic"),
        "ms-extrinsic": Variant("MS b)", _scheme("extrinsic")),
        # ours
        "ms-plain": Variant("MS a) (ours)", _scheme("plain")),
        "ms-none": Variant("MS without L_reg (ours)", _scheme("none")),
    },
    scratch={"init": ""},
)
