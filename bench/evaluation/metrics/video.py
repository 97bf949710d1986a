"""Metrics on windows of 16 frames, read by a video network: FVD, and the distance of action recognition features."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_network as cards
from bench.evaluation.base import (
    Array,
    ClipContext,
    FramePair,
    Metric,
    MetricSpec,
    Outcome,
    undefined,
)
from bench.evaluation.metrics.frechet import FeatureSet, frechet_distance
from bench.evaluation.metrics.pixel import check_frames
from bench.evaluation.observe import observe

#: Frames of a window, and from one window's start to the next: windows do not overlap, and a shorter rest is left out.
WINDOW = STRIDE = 16


class Windows:
    """Collects both sides' frames; a full window is handed out once, then the frames are forgotten."""

    def __init__(self) -> None:
        self._frames: list[tuple[Array, Array]] = []

    def push(self, frame: FramePair) -> FramePair | None:
        """Take a frame; where it completes a window, that window: both sides are (16, H, W, 3) uint8."""
        assert frame.reference is not None
        check_frames(frame.generated, frame.reference)
        self._frames.append((frame.generated, frame.reference))
        if len(self._frames) < WINDOW:
            return None
        made, real = (np.stack(side) for side in zip(*self._frames, strict=True))
        del self._frames[:STRIDE]
        return FramePair(made, real)


class Fvd(FeatureSet):
    """Frechet distance of a video network's features of windows, over all clips; a clip shorter than one has none."""

    spec: ClassVar[MetricSpec] = cards.FVD
    ddof: ClassVar[int] = 1

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        super().start(clip)
        self._windows = Windows()

    def update(self, frame: FramePair) -> None:
        """Take the next frame; ask the judge for every full window."""
        window = self._windows.push(frame)
        if window is not None:
            super().update(window)

    @classmethod
    def distance(cls, generated: Array, reference: Array) -> float:
        """See :func:`bench.evaluation.metrics.frechet.frechet_distance`."""
        return frechet_distance(generated, reference, cls.ddof)


class FvdBiased(Fvd):
    """With covariances over n instead of n - 1."""

    spec: ClassVar[MetricSpec] = cards.FVD_CDFVD
    ddof: ClassVar[int] = 0


class ActionDistance(Metric):
    """Mean over a clip's windows of the L1 distance of pooled features."""

    spec: ClassVar[MetricSpec] = cards.ACT_RECOG_L1
    per_dimension: ClassVar[bool] = False

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._windows = Windows()
        self._values: list[float] = []

    def update(self, frame: FramePair) -> None:
        """Take the next frame; ask the judge for every full window."""
        window = self._windows.push(frame)
        if window is not None:
            made, real = (observe(window, side, self.judge) for side in ("generated", "reference"))
            self._values.append(self.distance(made, real))

    @classmethod
    def distance(cls, generated: Array, reference: Array) -> float:
        """Sum (or mean) over dimensions of |difference| of two features (D,), in float64."""
        difference = np.abs(np.asarray(generated, np.float64) - np.asarray(reference, np.float64))
        return float(difference.mean() if cls.per_dimension else difference.sum())

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        if not self._values:
            return {"whole": undefined(f"the clip is shorter than a window of {WINDOW} frames")}
        mean = math.fsum(self._values) / len(self._values)
        return {"whole": Outcome(mean, WINDOW * len(self._values))}


class ActionDistanceMean(ActionDistance):
    """Per dimension."""

    spec: ClassVar[MetricSpec] = cards.ACT_RECOG_L1_MEAN
    per_dimension: ClassVar[bool] = True
