"""Perceptual distances: a judge compares the generated with the real frame."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_network as cards
from bench.evaluation.base import Array, ClipContext, FramePair, Metric, MetricSpec, Outcome, shared, undefined
from bench.evaluation.frame_mean import region_mask
from bench.evaluation.judges.base import PairJudge
from bench.evaluation.metrics.pixel import check_frames


def composite(generated: Array, reference: Array, mask: Array) -> Array:
    """The generated frame inside a mask and the real one outside: (H, W, 3) uint8, mask (H, W) nonzero = inside."""
    frame: Array = np.where(mask[..., None] != 0, generated, reference)
    return frame


def clip_mean(values: Array, judge: str, nothing: str) -> Outcome:
    """Mean of the finite values of a clip's frames (n,); frames without one are NaN and counted in the reason.

    Args:
        nothing: what it says where no frame has a value.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return undefined(nothing)
    missing = len(values) - len(finite)
    reason = f"{missing} of {len(values)} frames have no value" if missing else ""
    return Outcome(math.fsum(finite) / len(finite), len(finite), reason=reason, judge=judge, frames=values)


class PerceptualDistance(Metric):
    """Mean over frames of a :class:`PairJudge`'s distance.

    On a region the judge sees the real frame with the region's pixels replaced by the generated ones: what lies outside
    counts as perfect, and no edge appears where both agree.
    """

    spec: ClassVar[MetricSpec] = cards.PERCEPTUAL

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._values: dict[str, list[float]] = {region: [] for region in self.regions}

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        assert frame.reference is not None and isinstance(self.judge, PairJudge)
        check_frames(frame.generated, frame.reference)
        for region, values in self._values.items():
            values.append(self._distance(frame, region, self.judge))

    def _distance(self, frame: FramePair, region: str, judge: PairJudge) -> float:
        assert frame.reference is not None
        reference, mask = frame.reference, region_mask(frame, region)
        if mask is not None and not mask.any():
            return float("nan")
        made = frame.generated if mask is None else composite(frame.generated, reference, mask)
        return float(shared(frame, f"{judge.card.name}-{region}", lambda: judge.compare(made, reference)))

    def finish(self) -> dict[str, Outcome]:
        """End the clip: region -> mean over frames that have such pixels."""
        judge = self.judge.card.name if self.judge else ""
        return {
            region: clip_mean(np.array(values), judge, f"no frame has {region} pixels" if values else "no frames")
            for region, values in self._values.items()
        }
