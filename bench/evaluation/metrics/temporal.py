"""Flicker and warping error, as distance from the real video's own value: a frozen video has none of either."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards, cards_pixel
from bench.evaluation.base import Array, ClipContext, FramePair, Metric, MetricSpec, Outcome, shared, undefined
from bench.evaluation.flow import clip_flow, consistent, resize_flow, warp
from bench.evaluation.metrics.pixel import check_frames, l1


def warping_error(first: Array, second: Array, flow: Array, visible: Array) -> float:
    """Squared error of a frame against the next one warped back to it (Lai et al. 2018, ECCV, equation 13).

    Args:
        first, second: consecutive (H, W, 3) uint8 frames.
        flow: (H, W, 2) pixels, first to second.
        visible: (H, W) bool, pixels of ``first`` that are visible in ``second``.

    Returns:
        Mean over visible pixels (whose sample lies inside the frame) and channels, in [0, 1]; NaN where there is none.
    """
    check_frames(first, second)
    return both_errors((first, second), (first, second), flow, visible)[0]


def both_errors(
    made: tuple[Array, Array], real: tuple[Array, Array], flow: Array, visible: Array
) -> tuple[float, float, int]:
    """:func:`warping_error` of two videos' consecutive frames under one flow, and over how many pixels."""
    check_frames(*made)
    check_frames(*real)
    back, inside = warp(np.concatenate([made[1], real[1]], axis=2), flow)
    used = inside & visible
    count = int(np.count_nonzero(used))
    if not count:
        return math.nan, math.nan, 0
    squares = (back - np.concatenate([made[0], real[0]], axis=2))[used] ** 2
    return float(squares[:, :3].mean()) / 255.0**2, float(squares[:, 3:].mean()) / 255.0**2, count


def visible_flow(previous: FramePair, frame: FramePair) -> tuple[Array, Array, str]:
    """The real video's flow at the frame's size, its visible pixels, and its origin (``true-flow``, ``dis-flow``)."""

    def compute() -> tuple[Array, Array, str]:
        h, w = previous.generated.shape[:2]
        if "flow" in previous.annotations:
            flow = previous.annotations["flow"]
            hidden = previous.annotations.get("occlusion")
            return flow, np.ones((h, w), bool) if hidden is None else hidden == 0, "true-flow"
        forth, back = (clip_flow(previous, frame, "reference", backward) for backward in (False, True))
        flow, back = resize_flow(forth, (h, w)), resize_flow(back, (h, w))
        return flow, consistent(flow, back), "dis-flow"

    result: tuple[Array, Array, str] = shared(previous, "visible-flow", compute)
    return result


def step_errors(previous: FramePair, frame: FramePair) -> tuple[float, float, int, str]:
    """Warping errors of one step over the same pixels, computed once for all metrics: of the generated and of the real
    video (see :func:`warping_error`), the number of pixels, and the flow's origin."""
    first, second = previous.reference, frame.reference
    assert first is not None and second is not None
    made, real = (previous.generated, frame.generated), (first, second)

    def compute() -> tuple[float, float, int, str]:
        flow, visible, origin = visible_flow(previous, frame)
        return *both_errors(made, real, flow, visible), origin

    result: tuple[float, float, int, str] = shared(previous, "step-errors", compute)
    return result


class DistanceFromReal(Metric):
    """|generated - real| of the mean over a video's steps of one number."""

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._made: list[float] = []
        self._real: list[float] = []
        self._previous: FramePair | None = None
        self._judge = ""

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        previous, self._previous = self._previous, frame
        if previous is None:
            return
        made, real = self.values(previous, frame)
        if not math.isnan(made) and not math.isnan(real):
            self._made.append(made)
            self._real.append(real)

    def values(self, previous: FramePair, frame: FramePair) -> tuple[float, float]:
        """The number of the generated and of the real video for one step."""
        raise NotImplementedError

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        if not self._made:
            return {"whole": undefined("fewer than two frames, or nothing visible in both")}
        made, real = (math.fsum(values) / len(values) for values in (self._made, self._real))
        return {"whole": Outcome(abs(made - real), len(self._made) + 1, judge=self._judge)}


class Flicker(DistanceFromReal):
    """Distance from the real video's mean frame difference."""

    spec: ClassVar[MetricSpec] = cards.FLICKER

    def values(self, previous: FramePair, frame: FramePair) -> tuple[float, float]:
        """Mean absolute frame difference in [0, 1]."""
        assert previous.reference is not None and frame.reference is not None
        return l1(previous.generated, frame.generated), l1(previous.reference, frame.reference)


class FlickerRaw(DistanceFromReal):
    """Mean absolute difference of consecutive generated frames, without any real video."""

    spec: ClassVar[MetricSpec] = cards.FLICKER_RAW

    def values(self, previous: FramePair, frame: FramePair) -> tuple[float, float]:
        """Mean absolute frame difference in [0, 1], against zero."""
        return l1(previous.generated, frame.generated), 0.0


class WarpingError(DistanceFromReal):
    """Distance from the real video's warping error, with the real video's flow for both."""

    spec: ClassVar[MetricSpec] = cards.WARPING_ERROR

    def values(self, previous: FramePair, frame: FramePair) -> tuple[float, float]:
        """Warping error of both videos over the same pixels."""
        made, real, _, self._judge = step_errors(previous, frame)
        return made, real


class WarpingErrorRaw(WarpingError):
    """The generated video's own warping error under the real video's flow."""

    spec: ClassVar[MetricSpec] = cards_pixel.WARPING_ERROR_RAW

    def values(self, previous: FramePair, frame: FramePair) -> tuple[float, float]:
        """Warping error of the generated video, against zero."""
        return super().values(previous, frame)[0], 0.0


class WarpingErrorReal(WarpingError):
    """The real video's warping error over the same pixels."""

    spec: ClassVar[MetricSpec] = cards_pixel.WARPING_ERROR_REAL

    def values(self, previous: FramePair, frame: FramePair) -> tuple[float, float]:
        """Warping error of the real video, against zero."""
        return super().values(previous, frame)[1], 0.0
