"""Metrics that are one number a frame, read from what a judge says; frames without a number are counted."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np

from bench.evaluation.base import Array, ClipContext, FramePair, Metric, Outcome


class JudgedMean(Metric):
    """Mean over the frames of a clip of :meth:`value`; frames in which it is NaN do not count, and are named.

    Attributes:
        lacking: what a frame without a value lacks ("a joint present in both").
    """

    lacking: ClassVar[str] = "a value"

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._values: list[float] = []

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        self._values.append(self.value(frame))

    @abstractmethod
    def value(self, frame: FramePair) -> float:
        """The number of one frame, NaN where it has none. Raises InvalidInputError."""

    def reduce(self, values: Array) -> float:
        """One number of a clip from the (N,) float64 values of its frames, none NaN; N at least 1."""
        return math.fsum(values) / len(values)

    def finish(self) -> dict[str, Outcome]:
        """End the clip: its outcome, with the value of every frame."""
        frames = np.array(self._values, np.float64)
        good = frames[~np.isnan(frames)]
        judge = "" if self.judge is None else self.judge.card.name
        if not len(frames):
            outcome = Outcome(math.nan, 0, "undefined", "no frames", judge, frames)
        elif not len(good):
            outcome = Outcome(math.nan, 0, "undefined", f"no frame has {self.lacking}", judge, frames)
        else:
            bad = len(frames) - len(good)
            reason = f"{bad} of {len(frames)} frames do not have {self.lacking}" if bad else ""
            outcome = Outcome(self.reduce(good), len(good), reason=reason, judge=judge, frames=frames)
        return dict.fromkeys(self.regions, outcome)
