"""Temporal consistency metric (Yao, Chang, Chien 2017; as C2F-FWN and REMOT use it): a ratio of two warping errors."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_pixel
from bench.evaluation.base import Array, ClipContext, FramePair, Metric, MetricSpec, Outcome
from bench.evaluation.flow import consistent
from bench.evaluation.frame_mean import mean_outcome
from bench.evaluation.judges.base import FrameJudge
from bench.evaluation.metrics.temporal import both_errors, step_errors

EPSILON = 1e-9


def tcm(made: float, real: float) -> float:
    """TCM of one step, in (0, 1].

    Args:
        made, real: sums over visible pixels and channels of the squared warping error of the generated and of the real
            video, images in [0, 1]. Two still videos (0 and 0) give exp(-1), not 1: the published formula's 0 / 0.
    """
    return math.exp(-abs(made / (real + EPSILON) - 1.0))


class Tcm(Metric):
    """Mean of :func:`tcm` over steps, with the real video's flow: the true one where there is one, else DIS."""

    spec: ClassVar[MetricSpec] = cards_pixel.TCM

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._values: list[float] = []
        self._previous: FramePair | None = None
        self._origin = ""

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        previous, self._previous = self._previous, frame
        if previous is None:
            return
        made, real, count, self._origin = self.errors(previous, frame)
        self._values.append(tcm(3 * count * made, 3 * count * real) if count else math.nan)

    def errors(self, previous: FramePair, frame: FramePair) -> tuple[float, float, int, str]:
        """Mean squared errors of the generated and the real step, the number of pixels, and the flow's origin."""
        return step_errors(previous, frame)

    def finish(self) -> dict[str, Outcome]:
        """End the clip; the first frame has no value."""
        if not self._values:
            return {"whole": mean_outcome([math.nan], "no frame before it")}
        found = mean_outcome(self._values, "nothing that is visible in the frame before it, too")
        if found.status != "ok":
            return {"whole": found}
        frames = np.array([math.nan, *self._values])
        return {"whole": Outcome(found.value, found.n_frames + 1, "ok", found.reason, self._origin, frames)}


class TcmRaft(Tcm):
    """The same with the flow of the judge, and its forward-backward check."""

    spec: ClassVar[MetricSpec] = cards_pixel.TCM_RAFT

    def errors(self, previous: FramePair, frame: FramePair) -> tuple[float, float, int, str]:
        """Errors under the judge's flow of the real video."""
        assert isinstance(self.judge, FrameJudge) and previous.reference is not None and frame.reference is not None
        real: tuple[Array, Array] = (previous.reference, frame.reference)
        forth, back = self.judge.read(np.stack(real)), self.judge.read(np.stack(real[::-1]))
        made = (previous.generated, frame.generated)
        return *both_errors(made, real, forth, consistent(forth, back)), self.judge.card.name
