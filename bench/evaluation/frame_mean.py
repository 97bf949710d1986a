"""Metrics that are a mean over frames of one number a frame; frames without a number are counted."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from bench.evaluation.base import Array, ClipContext, FramePair, Metric, Outcome, shared, undefined
from datasets.base import OBSERVABILITY

_SEEN = (OBSERVABILITY["person-seen"], OBSERVABILITY["background-seen"])


def region_mask(frame: FramePair, region: str) -> Array | None:
    """(H, W) uint8 mask of a region, 1 = inside; None for the whole frame.

    ``seen`` is what the source photo shows of this target frame (person and background); ``unseen`` is the rest.
    """
    if region == "whole":
        return None
    seen: Array = shared(frame, "seen", lambda: np.isin(frame.annotations["observability"], _SEEN).astype(np.uint8))
    return seen if region == "seen" else 1 - seen


def mean(values: Array) -> float:
    """Mean of (N,) float64, N at least 1; their order does not change a bit."""
    return math.fsum(values) / len(values)


def mean_outcome(
    values: Sequence[float], nothing: str, judge: str = "", reduce: Callable[[Array], float] = mean
) -> Outcome:
    """The mean of a clip's numbers; those that are NaN do not count, and the outcome says how many they are.

    Args:
        values: one number for each scored frame.
        nothing: what a frame without a number has (``an empty mask``); stands in the reason.
        judge: what measured.
        reduce: another middle than the mean, of (N,) float64 without NaN, N at least 1.
    """
    frames = np.array(values, np.float64)
    good = frames[~np.isnan(frames)]
    if not len(good):
        reason = f"every frame has {nothing}" if len(frames) else "no frames"
        return Outcome(math.nan, 0, "undefined", reason, judge, frames)
    middle = reduce(good)
    if math.isinf(middle):
        return undefined(f"{int(np.isinf(good).sum())} of {len(good)} frames have an infinite value")
    missing = len(frames) - len(good)
    reason = f"{missing} of {len(frames)} frames have {nothing}" if missing else ""
    return Outcome(middle, len(good), "ok", reason, judge, frames)


class FrameMean(Metric):
    """Mean over the frames of a clip of :meth:`value`; frames in which a region is empty do not count."""

    #: What a frame without a value has, for the reason; "" = no pixels of the region.
    nothing = ""

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._reason = self.impossible(clip)
        self._values: dict[str, list[float]] = {region: [] for region in self.regions}

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        if self._reason:
            return
        for region, values in self._values.items():
            values.append(self.value(frame, region_mask(frame, region)))

    def finish(self) -> dict[str, Outcome]:
        """End the clip: region -> mean over frames, with the value of each frame."""
        return {region: self._outcome(region, values) for region, values in self._values.items()}

    def _outcome(self, region: str, values: list[float]) -> Outcome:
        if self._reason:
            return undefined(self._reason)
        return self.summary(values, self.nothing or f"no {region} pixels")

    def summary(self, values: list[float], nothing: str) -> Outcome:
        """The outcome of a clip from the numbers of its frames (NaN where a frame has none)."""
        return mean_outcome(values, nothing)

    def impossible(self, clip: ClipContext) -> str:
        """Why this clip has no value, "" where it has."""
        return ""

    @abstractmethod
    def value(self, frame: FramePair, mask: Array | None) -> float:
        """The number of one frame inside ``mask`` ((H, W) uint8, None: everywhere); NaN where the mask is empty."""


class JudgedMean(Metric):
    """Mean over the frames of a clip of :meth:`value`, read from what a judge says of the whole frame."""

    #: What a frame without a value has, for the reason.
    nothing: ClassVar[str] = "no value"

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
        return mean(values)

    def finish(self) -> dict[str, Outcome]:
        """End the clip: its outcome, with the value of every frame."""
        judge = "" if self.judge is None else self.judge.card.name
        return dict.fromkeys(self.regions, mean_outcome(self._values, self.nothing, judge, self.reduce))
