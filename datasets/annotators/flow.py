"""Flow annotators: RAFT of torchvision, and DIS of OpenCV, which needs no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import cv2
import numpy as np

from datasets.annotators.base import Annotator, AnnotatorCard
from datasets.base import Array
from datasets.footage import Measured

#: Forward and backward flow disagree (Sundaram et al., ECCV 2010): |f + b|^2 > RELATIVE (|f|^2 + |b|^2) + ABSOLUTE.
RELATIVE, ABSOLUTE = 0.01, 0.5


class Flow(Annotator):
    """Displacement to the next frame, and where what is seen here is not seen there.

    Args:
        between: two (H, W, 3) uint8 RGB frames -> (H, W, 2) float32 displacement from the first to the second.
    """

    def __init__(self, card: AnnotatorCard, between: Callable[[Array, Array], Array], weights: str = "") -> None:
        self.card, self._between, self.weights = card, between, weights
        self.settings = {"consistency": [RELATIVE, ABSOLUTE]}

    def annotate(self, clip: Measured, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        """``flow`` and ``occlusion``; the last frame has no successor: flow 0, all of it occluded."""
        before: Array | None = None
        for frame in clip.frames():
            if before is not None:
                forward, backward = self._between(before, frame), self._between(frame, before)
                yield {"flow": forward, "occlusion": inconsistent(forward, backward).astype(np.uint8)}
            before = frame
        yield {"flow": np.zeros((*clip.size, 2), np.float32), "occlusion": np.ones(clip.size, np.uint8)}


def inconsistent(forward: Array, backward: Array) -> Array:
    """(H, W) bool: pixels whose forward flow is not undone by the backward flow where it leads, or leads outside.

    Args:
        forward, backward: (H, W, 2) float32 x, y in pixels.
    """
    height, width = forward.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    there_x, there_y = x + forward[..., 0], y + forward[..., 1]
    back = cv2.remap(backward, there_x, there_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gap = ((forward + back) ** 2).sum(-1)
    limit = RELATIVE * ((forward**2).sum(-1) + (back**2).sum(-1)) + ABSOLUTE
    outside = (there_x < -0.5) | (there_x > width - 0.5) | (there_y < -0.5) | (there_y > height - 0.5)
    return np.asarray((gap > limit) | outside)


def raft(card: AnnotatorCard, device: str = "cpu") -> Flow:
    """RAFT-large or RAFT-small, as the card's weights say. Raises MissingInputError."""
    from datasets.annotators.raft import load

    network = load(card.weights[0], device)
    return Flow(card, network.flow, network.fingerprint)


def dis(card: AnnotatorCard, device: str = "cpu") -> Flow:
    """Dense Inverse Search (Kroeger et al., ECCV 2016), preset medium, on grey frames of full size."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def between(first: Array, second: Array) -> Array:
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
        return np.asarray(search.calc(grey[0], grey[1], np.zeros((*first.shape[:2], 2), np.float32)), np.float32)

    return Flow(card, between)
