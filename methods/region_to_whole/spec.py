"""Data-only card of Region-to-Whole; imports no torch."""

from __future__ import annotations

from methods.base import MethodSpec, Variant


def _networks(**values: object) -> dict[str, object]:
    """The same value for the three generators."""
    return {f"{part}.network.{key}": value for part in ("layout", "region", "whole") for key, value in values.items()}


#: Sizes for a processor with few cores (ours). Everything not named keeps the paper's value.
QUICK: dict[str, object] = {
    "frame": "square",
    "pose.thickness": 1.5,
    "pose.face_threshold": 0.6,
    "pose.weighted": True,
    **_networks(width=16, max_width=64, downs=2, blocks=2, kernel=3, norm="none", padding="zeros", skips=True),
    "layout.network.downs": 3,
    "layout.network.max_width": 96,
    "region.network.width": 12,
    "region.network.downs": 3,
    "region.network.max_width": 96,
    "judge.width": 16,
    "judge.layers": 2,
    "judge.scales": 1,
    "judge.norm": "instance",
    "judge.face_size": 16,
    "train.frames": 3,
    "train.backprop": 3,
    "train.batch": 2,
    "train.lr": 5e-4,
    "train.network": "random-features",
    "train.flow": "none",
    "layout.flow_scale": 5.0,
    "layout.matching": 0.0,
    "layout.adversarial": 0.1,
    "layout.warp": 1.0,
    "layout.steps": 200,
    "region.batch": 1,
    "region.adversarial": 0.1,
    "region.residual": True,
    "whole.residual": True,
    "region.gam_pixels": 2,
    "region.steps": 200,
    "whole.flow_scale": 5.0,
    "whole.temperature": 0.1,
    "whole.adversarial": 0.1,
    "whole.face": 0.1,
    "whole.warp": 1.0,
    "whole.foreground": 10.0,
    "whole.mask": 1.0,
    "whole.predicted_layout": 0.5,
    "whole.steps": 300,
}
TINY = QUICK | {
    **_networks(width=8, max_width=16),
    "layout.network.downs": 2,
    "region.network.downs": 2,
    "judge.width": 8,
    "train.frames": 2,
    "train.backprop": 2,
    "train.batch": 2,
    "train.flow": "annotation",
    "layout.steps": 10,
    "region.steps": 10,
    "whole.steps": 10,
}
STANDARD: dict[str, object] = {
    "frame": "square",
    "pose.thickness": 2.0,
    **_networks(width=32, max_width=256, blocks=5, norm="none", skips=True),
    "judge.norm": "instance",
    "train.network": "random-features",
    "train.frames": 6,
    "train.backprop": 3,
    "train.batch": 2,
    "layout.steps": 8_000,
    "layout.flow_scale": 10.0,
    "region.steps": 8_000,
    "whole.steps": 12_000,
    "whole.flow_scale": 10.0,
    "whole.temperature": 0.1,
    "judge.face_size": 24,
}
_NO_GAM = {"region.gam": False}
_NO_WCN = {"whole.enabled": False}

SPEC = MethodSpec(
    name="region-to-whole",
    title="Region-to-Whole (REMOT)",
    implementation="methods.region_to_whole.method:RegionToWhole",
    config="methods.region_to_whole.config:RegionToWholeConfig",
    paper="REMOT: A Region-to-Whole Framework for Realistic Human Motion Transfer",
    venue="ACM MM",
    year=2022,
    licence="MIT (own implementation; no official code)",
    fidelity="reimplementation from the paper; its holes filled from vid2vid and C2F-FWN, listed on the method's page",
    modes={"standard": "abs/drv"},
    needs=frozenset({"keypoints"}),
    uses=frozenset({"parsing6", "parsing20", "background"}),
    presets={"paper": {}, "standard": STANDARD, "quick": QUICK, "tiny": TINY},
    variants={
        # The paper's first two rows make a foreground only; no-gam is no-wcn without GAM, its partner in claim rtw-1
        "no-gam": Variant("RGN w/o GAM (foreground only)", _NO_GAM | _NO_WCN, "no-wcn"),
        "no-wcn": Variant("REMOT w/o WCN (foreground only)", _NO_WCN),
        "no-tam": Variant("REMOT w/o TAM", {"whole.tam": False}),
        "full-no-gam": Variant("REMOT w/o GAM (ours)", _NO_GAM),
    },
    scratch={"init": ""},
)
