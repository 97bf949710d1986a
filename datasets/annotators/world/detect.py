"""The annotation class ``detected``: what a network of the world, which is never a judge, says of rendered frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import MissingInputError
from datasets.files import digest, sha256_file, source_digest

from .cards import CARDS

Array = np.ndarray[Any, np.dtype[Any]]
#: Annotation kinds that can be detected; the others (flow, occlusion, background, observability) stay the world's.
DETECTED = frozenset({"keypoints", "iuv", "parsing20", "parsing6", "mask", "face"})
NETWORK = "world"
#: Modules of this package that its answers depend on.
_CODE = ("network", "reader", "detect")


def detect(frames: Array, kinds: frozenset[str]) -> dict[str, Array]:
    """Annotations of frames (T, H, W, 3) uint8: those of ``kinds`` that are in :data:`DETECTED`.

    Raises:
        MissingInputError, UsageError: see ``WorldReader.load`` and ``WorldReader.read``.
    """
    from datasets.synthetic.keypoints import face_box

    from .reader import WorldReader

    wanted = kinds & DETECTED
    points = {"keypoints"} if "face" in wanted else set()
    found = WorldReader.load(NETWORK).read(frames, frozenset(wanted - {"face"} | points))
    if "face" in wanted:
        boxes = [face_box(p) for p in found["keypoints"]]
        found["face"] = np.stack(boxes) if boxes else np.zeros((0, 4), np.float32)
    return {kind: found[kind] for kind in wanted}


def fingerprint() -> str:
    """Hash of the annotator (weights and code), for the fingerprint of a data set that it annotates; without torch.

    Raises:
        MissingInputError: its weights are missing.
    """
    weights, here = CARDS[NETWORK].weights, Path(__file__).parent
    if not weights.is_file():
        raise MissingInputError(
            f"the weights of the annotator are not at {weights}",
            f"python -m datasets.annotators.world.train {NETWORK} trains them again",
        )
    return digest([sha256_file(weights), source_digest([here / f"{name}.py" for name in _CODE])])
