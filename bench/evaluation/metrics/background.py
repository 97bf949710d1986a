"""Background: PSNR away from the person, and how much it varies over the video."""

from __future__ import annotations

import math
from typing import ClassVar

import cv2
import numpy as np

from bench.evaluation import cards_pixel
from bench.evaluation.base import Array, FramePair, MetricSpec, Outcome, shared, undefined
from bench.evaluation.frame_mean import FrameMean
from bench.evaluation.metrics.pixel import psnr

#: Radius of the dilation over the longer side of the frame; at least one pixel.
MARGIN = 0.03


def background_mask(person: Array) -> Array:
    """(H, W) uint8, 1 = farther than the margin from every person pixel ((H, W), nonzero = person)."""
    radius = max(1, round(MARGIN * max(person.shape)))
    across = np.arange(-radius, radius + 1) ** 2
    disc = (across[:, None] + across <= radius**2).astype(np.uint8)
    outside: Array = 1 - cv2.dilate((person != 0).astype(np.uint8), disc)
    return outside


class Background(FrameMean):
    """Mean over frames of the background's PSNR."""

    spec: ClassVar[MetricSpec] = cards_pixel.BACKGROUND
    nothing = "no pixels away from the person"

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """PSNR of one frame's background."""
        reference = frame.reference
        assert reference is not None

        def compute() -> float:
            return psnr(frame.generated, reference, background_mask(frame.annotations["mask"]))

        value: float = shared(frame, "background-psnr", compute)
        return value


class BackgroundStd(Background):
    """Standard deviation over frames of the background's PSNR: a background that pulsates."""

    spec: ClassVar[MetricSpec] = cards_pixel.BACKGROUND_STD

    def summary(self, values: list[float], nothing: str) -> Outcome:
        """Population standard deviation over the frames that have a value."""
        outcome = super().summary(values, nothing)
        if outcome.status != "ok":
            return outcome
        if outcome.n_frames < 2:
            return undefined("fewer than two frames with a background")
        spread = math.sqrt(math.fsum((v - outcome.value) ** 2 for v in values if not math.isnan(v)) / outcome.n_frames)
        return Outcome(spread, outcome.n_frames, "ok", outcome.reason, frames=outcome.frames)
