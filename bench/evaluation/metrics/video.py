"""Metrics on windows of 16 frames, read by a video network: FVD, and the distance of action recognition features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from bench.evaluation.metrics.kid import kernel_distance
from bench.evaluation.metrics.pixel import check_frames
from bench.evaluation.observe import observe

#: Frames of a window, and from one window's start to the next: windows do not overlap, and a shorter rest is left out.
WINDOW = STRIDE = 16


#: Fewer independent clips than this and a covariance says more of the clips than of the method; ours.
LEAST_CLIPS = 20


class Windows:
    """Collects both sides' frames; a full window is handed out once, then what no later one has is forgotten.

    Args:
        stride: frames from one window's start to the next.
    """

    def __init__(self, stride: int = STRIDE) -> None:
        self._stride = stride
        self._frames: list[tuple[Array, Array]] = []

    def push(self, frame: FramePair) -> FramePair | None:
        """Take a frame; where it completes a window, that window: both sides are (16, H, W, 3) uint8."""
        assert frame.reference is not None
        check_frames(frame.generated, frame.reference)
        self._frames.append((frame.generated, frame.reference))
        if len(self._frames) < WINDOW:
            return None
        return self._hand_out()

    def rest(self) -> FramePair | None:
        """What is left at a clip's end as a window in which its last frame is repeated; None where nothing is."""
        if not self._frames:
            return None
        self._frames += [self._frames[-1]] * (WINDOW - len(self._frames))
        return self._hand_out()

    def _hand_out(self) -> FramePair:
        made, real = (np.stack(side) for side in zip(*self._frames, strict=True))
        del self._frames[: self._stride]
        return FramePair(made, real)


class WindowSet(FeatureSet):
    """Keeps a video network's features of windows; a clip shorter than one has none."""

    stride: ClassVar[int] = STRIDE

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        super().start(clip)
        self._windows = Windows(self.stride)

    def update(self, frame: FramePair) -> None:
        """Take the next frame; ask the judge for every full window."""
        window = self._windows.push(frame)
        if window is not None:
            super().update(window)


class Fvd(WindowSet):
    """Frechet distance over the windows of all clips. With few clips it has a value, since published ones were made
    with few, and says so."""

    spec: ClassVar[MetricSpec] = cards.FVD_STYLEGANV
    ddof: ClassVar[int] = 1

    @classmethod
    def distance(cls, generated: Array, reference: Array) -> float:
        """See :func:`bench.evaluation.metrics.frechet.frechet_distance`."""
        return frechet_distance(generated, reference, cls.ddof)

    @classmethod
    def combine(cls, parts: Sequence[Mapping[str, Array]]) -> Outcome:
        """The distance, with a reason where there are fewer than :data:`LEAST_CLIPS` independent clips."""
        found = super().combine(parts)
        return replace(found, reason=few(parts)) if found.status == "ok" and few(parts) else found


def few(parts: Sequence[Mapping[str, Array]]) -> str:
    """Why clips are too few for a covariance; "" where they are enough. Windows of one clip are not independent."""
    clips = sum(len(part["generated"]) > 0 for part in parts)
    windows = sum(len(part["generated"]) for part in parts)
    if clips >= LEAST_CLIPS:
        return ""
    return f"n too small: {windows} windows of {clips} independent clips, at least {LEAST_CLIPS} are needed; read kvd"


class FvdGuarded(Fvd):
    """The same, without a value where clips are too few."""

    spec: ClassVar[MetricSpec] = cards.FVD

    @classmethod
    def combine(cls, parts: Sequence[Mapping[str, Array]]) -> Outcome:
        """The distance, or ``n too small``."""
        found = super().combine(parts)
        return undefined(few(parts)) if found.status == "ok" and few(parts) else found


class FvdEveryStart(Fvd):
    """With a window from every frame on: windows overlap, so n looks 16 times as large as it is."""

    spec: ClassVar[MetricSpec] = cards.FVD_DISCO
    stride: ClassVar[int] = 1


class Kvd(WindowSet):
    """Kernel distance over the windows of all clips: unbiased, so few clips make it noisy and not large."""

    spec: ClassVar[MetricSpec] = cards.KVD

    @classmethod
    def distance(cls, generated: Array, reference: Array) -> float:
        """See :func:`bench.evaluation.metrics.kid.kernel_distance`."""
        return kernel_distance(generated, reference)


class FidVid(Fvd):
    """Frechet distance of a 3D-ResNet's features of windows; a shorter rest is filled with its last frame."""

    spec: ClassVar[MetricSpec] = cards.FID_VID

    def part(self) -> Mapping[str, Array]:
        """As :meth:`FeatureSet.part`, with the rest of the clip."""
        rest = self._windows.rest()
        if rest is not None:
            FeatureSet.update(self, rest)
        return super().part()


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
