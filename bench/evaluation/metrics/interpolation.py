"""Interp-PSNR: is a frame what its two neighbours in the generated video promise?"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_pixel
from bench.evaluation.base import Array, ClipContext, FramePair, Metric, MetricSpec, Outcome
from bench.evaluation.flow import dis_flow, grey, resize_flow, warp
from bench.evaluation.frame_mean import mean_outcome
from bench.evaluation.judges.base import FrameJudge
from bench.evaluation.metrics.pixel import psnr


def midpoint(first: Array, second: Array, flow: Array) -> Array:
    """The frame halfway between two: both are sampled half the flow away and averaged.

    As Super-SloMo's equation 4 (Jiang et al. 2018) at t = 1/2 with the backward flow taken as minus the forward one;
    where one sample lies outside the frame the other counts alone, where both do the two frames' mean.

    Args:
        first, second: (H, W, 3) uint8. flow: (H, W, 2) pixels, first to second.

    Returns:
        (H, W, 3) uint8, floor(x + 0.5).
    """
    (a, seen_a), (b, seen_b) = warp(first, -0.5 * flow), warp(second, 0.5 * flow)
    weight_a, weight_b = seen_a.astype(np.float64)[..., None], seen_b.astype(np.float64)[..., None]
    total = weight_a + weight_b
    mixed = (weight_a * a + weight_b * b) / np.maximum(total, 1.0)
    plain = 0.5 * (first.astype(np.float64) + second)
    return np.floor(np.where(total > 0, mixed, plain) + 0.5).astype(np.uint8)


class _Interpolation(Metric):
    """Mean over the inner frames of the PSNR of what is interpolated between a frame's two neighbours."""

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._values: list[float] = []
        self._last: list[FramePair] = []

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        self._last = [*self._last[-2:], frame]
        if len(self._last) == 3:
            before, middle, after = self._last
            self._values.append(psnr(self.between(before, after), self.truth(middle)))

    def truth(self, middle: FramePair) -> Array:
        """What the interpolated frame is compared with."""
        assert middle.reference is not None
        return middle.reference

    def between(self, before: FramePair, after: FramePair) -> Array:
        """(H, W, 3) uint8: the frame between two generated frames."""
        assert isinstance(self.judge, FrameJudge)
        return self.judge.read(np.stack([before.generated, after.generated]))

    def finish(self) -> dict[str, Outcome]:
        """End the clip; the first and the last frame have no value."""
        found = mean_outcome(self._values or [math.nan], "fewer than two neighbours")
        if found.status != "ok":
            return {"whole": found}
        by = "dis-flow" if self.judge is None else self.judge.card.name
        frames = np.array([math.nan, *self._values, math.nan])
        return {"whole": Outcome(found.value, found.n_frames, "ok", found.reason, by, frames)}


class InterpPsnr(_Interpolation):
    """Against the real frame, by the judge's network."""

    spec: ClassVar[MetricSpec] = cards_pixel.INTERP_PSNR


class InterpPsnrSelf(_Interpolation):
    """Against the generated frame, by the judge's network: consistency alone, perfect for a frozen video."""

    spec: ClassVar[MetricSpec] = cards_pixel.INTERP_PSNR_SELF

    def truth(self, middle: FramePair) -> Array:
        """The generated frame."""
        return middle.generated


class InterpPsnrDis(_Interpolation):
    """Against the real frame, by DIS flow: no weights."""

    spec: ClassVar[MetricSpec] = cards_pixel.INTERP_PSNR_DIS

    def between(self, before: FramePair, after: FramePair) -> Array:
        """Both neighbours sampled halfway along their flow."""
        first, second = grey(before, "generated"), grey(after, "generated")
        if np.array_equal(first, second):
            return midpoint(before.generated, after.generated, np.zeros((*before.generated.shape[:2], 2), np.float32))
        flow = resize_flow(dis_flow(first, second), before.generated.shape[:2])
        return midpoint(before.generated, after.generated, flow)
