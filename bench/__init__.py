"""Motion-transfer benchmark suite. Plugins and notebooks import public names from here only.

Everything is loaded on first use, so ``import bench`` costs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: public name -> module that defines it
_PUBLIC = {
    **dict.fromkeys(
        (
            "AnimateOptions",
            "Augment",
            "CropItem",
            "Driving",
            "Method",
            "MethodSpec",
            "PairItem",
            "Player",
            "SequenceItem",
            "Stage",
            "StepInfo",
            "Update",
            "Variant",
        ),
        "methods.base",
    ),
    **dict.fromkeys(
        ("Clip", "Dataset", "DatasetSpec", "FrameStack", "Pair", "PairList", "Trial", "KINDS", "KEYPOINT_GROUPS"),
        "datasets.base",
    ),
    **dict.fromkeys(("ArrayClip", "SubClip"), "datasets.clips"),
    **dict.fromkeys(
        ("SuiteError", "UsageError", "MissingInputError", "TrainingError", "GenerationError", "StorageError"),
        "datasets.errors",
    ),
    **dict.fromkeys(("Metric", "MetricSpec", "ClipContext", "FramePair", "Outcome"), "bench.evaluation.base"),
    **dict.fromkeys(("load_method",), "bench.api"),
    "CommandConfig": "bench.command.config",
    "CommandMethod": "bench.command.method",
    **dict.fromkeys(("check_method",), "bench.check"),
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
