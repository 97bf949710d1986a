"""Data-only card of neural texture; imports no torch."""

from __future__ import annotations

from methods.base import MethodSpec, Variant

#: Sizes for a processor with few cores, and the substitutes that learn in minutes (ours; see docs/methods).
QUICK = {
    "motion.width": 16,
    "motion.depth": 4,
    "motion.max_width": 64,
    "motion.kernels": [3, 3, 3],
    "motion.extra": False,
    "motion.atlas_signal": 48,
    "motion.geometry_signal": 8,
    "motion.base": "correspondence",
    "warping.block_expansion": 16,
    "warping.max_features": 32,
    "warping.blocks": 3,
    "warping.edge_kernel": 3,
    "warping.image_level": True,
    "texture.width": 8,
    "texture.downs": 2,
    "texture.max_features": 32,
    "texture.edge_kernel": 1,
    "texture.channels": 8,
    "texture.size": 16,
    "texture.atlas_ups": 0,
    "texture.atlas_blocks": 2,
    "texture.geometry_blocks": 1,
    "texture.parts_per_pixel": 1,
    "texture.atlas": "extracted",
    "texture.geometry": "corrected",
    "blender.width": 16,
    "blender.blocks": 1,
    "blender.edge_kernel": 3,
    "blender.super_resolution": False,
    "blender.mix": True,
    "loss.network": "random-features",
    "loss.scales": [1.0, 0.5],
    "loss.perceptual": 5.0,
    "loss.l1": 20.0,
    "loss.correctness_levels": 1,
    "loss.affine": 0.0,  # the correspondence is no smooth map, and what is added to it is small
    "loss.smoothness": 0.5,
    "loss.adversarial": 0.0,  # a few hundred steps are too few for a discriminator to help
    "train.texture_steps": 60,
    "train.warping_steps": 140,
    "train.full_steps": 300,
    "train.blender_steps": 0,
    "train.lr": 2e-3,
    "train.decay": [0.7, 0.9],
    "train.clip": 10.0,
    "init": "quick",
}
TINY = QUICK | {
    "motion.width": 8,
    "motion.max_width": 32,
    "warping.block_expansion": 8,
    "warping.max_features": 16,
    "warping.blocks": 1,
    "texture.max_features": 16,
    "texture.channels": 4,
    "blender.width": 8,
    "loss.affine": 0.01,
    "loss.adversarial": 1.0,
    "train.texture_steps": 6,
    "train.warping_steps": 8,
    "train.full_steps": 12,
    "train.batch": 2,
    "init": "",
}
STANDARD = {
    "motion.width": 24,
    "motion.depth": 5,
    "warping.block_expansion": 32,
    "warping.max_features": 128,
    "texture.width": 32,
    "texture.max_features": 128,
    "texture.size": 32,
    "texture.atlas_ups": 1,
    "blender.width": 32,
    "loss.network": "random-features",
    "loss.scales": [1.0, 0.5, 0.25],
    "train.texture_steps": 5_000,
    "train.warping_steps": 5_000,
    "train.full_steps": 10_000,
    "train.blender_steps": 10_000,
}
_NO_25D = {"branches.texture": False}
_ONLY_25D = {"branches.appearance": "none"}
_PLAIN = {"branches.appearance": "plain"} | _NO_25D
_NO_BLENDER = {"branches.blender": False}

SPEC = MethodSpec(
    name="neural-texture",
    title="Occlusion-Robust Flow Prediction and Neural Texturing",
    implementation="methods.neural_texture.method:NeuralTexture",
    config="methods.neural_texture.config:NeuralTextureConfig",
    paper="One-shot Human Motion Transfer via Occlusion-Robust Flow Prediction and Neural Texturing",
    venue="arXiv",
    year=2024,
    licence="own implementation from the paper; no official code was found",
    fidelity="reimplemented from the paper; its layer tables are in a supplement we have not, so that sizes are ours "
    "within the paper's parameter count. quick and tiny replace parts by what learns in minutes (docs/methods)",
    modes={"standard": "abs/drv"},
    needs=frozenset({"iuv"}),
    presets={"paper": {}, "standard": STANDARD, "quick": QUICK, "tiny": TINY},
    variants={
        "2d": Variant("2D baseline", _PLAIN | _NO_BLENDER),
        "2d-blender": Variant("2D baseline+BlenderNet", _PLAIN, "2d"),
        "2d-motion": Variant("2D baseline+MotionNet", _NO_25D | _NO_BLENDER, "2d"),
        "2d-motion-blender": Variant("2D baseline+MotionNet+BlenderNet", _NO_25D),
        "no-occlusion": Variant(
            "2D baseline+MotionNet+BlenderNet (w/o occl.map)",
            _NO_25D | {"motion.occlusion": False},
            "2d-motion-blender",
        ),
        "single-scale": Variant(
            "2D baseline+MotionNet+BlenderNet (w SSFW)", _NO_25D | {"motion.multi_scale": False}, "2d-motion-blender"
        ),
        "25d": Variant("2.5D baseline", _ONLY_25D | _NO_BLENDER),
        "25d-blender": Variant("2.5D baseline+BlenderNet", _ONLY_25D, "25d"),
        "256": Variant(
            "Ours(256→256)",
            {
                "blender.super_resolution": False,
                "loss.correctness": 0.0,
                "loss.affine": 0.0,
                "train.staged": False,
            },
        ),
    },
    scratch={"init": ""},
)
