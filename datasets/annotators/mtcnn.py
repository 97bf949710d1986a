"""Faces by MTCNN (Zhang et al. 2016) of package facenet-pytorch, whose weights are inside the package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.annotators.base import Annotator, AnnotatorCard
from datasets.annotators.packages import package
from datasets.base import Array
from datasets.letterbox import resize

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from datasets.footage import Measured

EXTRA = "metrics"
#: Longer side in pixels that is searched (larger frames are reduced), smallest face there, and least probability.
SIDE, SMALLEST, SURE = 480, 20, 0.95


class Mtcnn(Annotator):
    """The face of the person shown: the largest that is found."""

    def __init__(self, card: AnnotatorCard, device: str = "cpu") -> None:
        """Open the detector. Raises MissingInputError without package facenet-pytorch."""
        from datasets.annotators.states import state_digest

        self.card = card
        network = package("facenet_pytorch", EXTRA).MTCNN(keep_all=True, min_face_size=SMALLEST, device=device)
        self._network = network.eval()
        self.weights = state_digest(network.state_dict())
        package_version = version("facenet-pytorch")
        self.settings = {"side": SIDE, "smallest": SMALLEST, "sure": SURE, "facenet-pytorch": package_version}

    def annotate(self, clip: Measured, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        """``face``: (4,) float32 x0, y0, x1, y1 of the largest face in pixels, NaN where there is none.

        ``facts["frames by faces"]``: in how many frames none, one and more are found.
        """
        counts = facts["frames by faces"] = {"0": 0, "1": 0, "more": 0}
        for frame in clip.frames():
            found = self.faces(frame)
            counts[str(len(found)) if len(found) < 2 else "more"] += 1
            yield {"face": found[0, :4] if len(found) else np.full(4, np.nan, np.float32)}

    def faces(self, frame: Array) -> Array:
        """(N, 5) float32 x0, y0, x1, y1, probability of all faces of an (H, W, 3) uint8 RGB frame, largest first.

        Positions are in pixels of the frame with integer pixel centres, clipped to it.
        """
        from PIL import Image

        height, width = frame.shape[:2]
        scale = min(1.0, SIDE / max(height, width))
        small = resize(frame, (max(1, round(height * scale)), max(1, round(width * scale)))) if scale < 1 else frame
        if min(small.shape[:2]) < SMALLEST:  # the package fails on them
            return np.zeros((0, 5), np.float32)
        boxes, sure = self._detect(Image.fromarray(small))
        if boxes is None:
            return np.zeros((0, 5), np.float32)
        kept = np.column_stack([in_frame(boxes, small.shape[:2], (height, width)), sure])[sure > SURE]
        area = (kept[:, 2] - kept[:, 0]) * (kept[:, 3] - kept[:, 1])
        return kept[np.argsort(-area, kind="stable")].astype(np.float32)

    def _detect(self, picture: Picture) -> tuple[Array | None, Array]:
        """The package's own answer; it fails where all that its first stage proposes lies outside the picture."""
        try:
            boxes, sure = self._network.detect(picture)
        except RuntimeError as error:
            if "non-empty list" not in str(error):
                raise
            return None, np.zeros(0)
        return (None if boxes is None else np.asarray(boxes)), np.asarray(sure)


def in_frame(boxes: Array, small: tuple[int, int], size: tuple[int, int]) -> Array:
    """Boxes of a resized frame in pixels of the frame, with integer pixel centres.

    MTCNN counts pixels from 1: its crops take the columns x - 1 to x', so that pixel x has its centre at x - 1.

    Args:
        boxes: (N, 4) x0, y0, x1, y1. small, size: (H, W) of the resized frame and of the frame.
    """
    ratio = np.array([size[1] / small[1], size[0] / small[0]] * 2)
    upper = np.array([size[1], size[0]] * 2) - 0.5
    return np.clip((boxes - 0.5) * ratio - 0.5, -0.5, upper)
