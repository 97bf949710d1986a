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
    InvalidInputError,
    Metric,
    MetricSpec,
    Outcome,
    undefined,
)
from bench.evaluation.judges.base import FrameJudge
from bench.evaluation.metrics.frechet import FeatureSet, as_features, frechet_distance
from bench.evaluation.metrics.pixel import check_frames

#: Frames of a window, and from one window's start to the next: windows do not overlap, and a shorter rest is left out.
WINDOW = STRIDE = 16


class Windows:
    """Collects both sides' frames; a full window is handed out once, then the frames are forgotten."""

    def __init__(self) -> None:
        self._frames: list[tuple[Array, Array]] = []

    def push(self, frame: FramePair) -> tuple[Array, Array] | None:
        """Take a frame; (generated, reference), each (16, H, W, 3) uint8, where it completes a window."""
        assert frame.reference is not None
        check_frames(frame.generated, frame.reference)
        self._frames.append((frame.generated, frame.reference))
        if len(self._frames) < WINDOW:
            return None
        made, real = (np.stack(side) for side in zip(*self._frames, strict=True))
        del self._frames[:STRIDE]
        return made, real


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
        assert isinstance(self.judge, FrameJudge)
        window = self._windows.push(frame)
        if window is not None:
            for side, frames in zip(("generated", "reference"), window, strict=True):
                self._rows[side].append(self.judge.read(frames))

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
        assert isinstance(self.judge, FrameJudge)
        window = self._windows.push(frame)
        if window is not None:
            made, real = (self.judge.read(frames)[None] for frames in window)
            self._values += self.distances(made, real).tolist()

    @classmethod
    def distances(cls, generated: Array, reference: Array) -> Array:
        """(n,) sum (or mean) over dimensions of |difference| of the rows of (n, D) and (n, D)."""
        difference = np.abs(as_features(generated) - as_features(reference))
        values: Array = difference.mean(axis=1) if cls.per_dimension else difference.sum(axis=1)
        return values

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        if not self._values:
            return {"whole": undefined(f"the clip is shorter than a window of {WINDOW} frames")}
        judge = self.judge.card.name if self.judge else ""
        mean = math.fsum(self._values) / len(self._values)
        return {"whole": Outcome(mean, WINDOW * len(self._values), judge=judge)}

    @classmethod
    def from_features(cls, generated: Array, reference: Array) -> Outcome:
        """The value from given pooled features (windows, D), row against row.

        Raises:
            InvalidInputError: other shapes, or values that are not finite.
        """
        if np.shape(generated) != np.shape(reference):
            raise InvalidInputError(f"the features are {np.shape(generated)} and {np.shape(reference)}")
        values = cls.distances(generated, reference)
        if not len(values):
            return undefined("there are no features")
        return Outcome(math.fsum(values) / len(values), len(values), judge="given-features")


class ActionDistanceMean(ActionDistance):
    """Per dimension."""

    spec: ClassVar[MetricSpec] = cards.ACT_RECOG_L1_MEAN
    per_dimension: ClassVar[bool] = True
