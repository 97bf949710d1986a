"""Perceptual distances: a judge compares the generated with the real frame."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_network as cards
from bench.evaluation.base import Array, FramePair, MetricSpec, shared
from bench.evaluation.frame_mean import FrameMean
from bench.evaluation.judges.base import PairJudge
from bench.evaluation.metrics.pixel import check_frames


def composite(generated: Array, reference: Array, mask: Array) -> Array:
    """The generated frame inside a mask and the real one outside: (H, W, 3) uint8, mask (H, W) nonzero = inside."""
    frame: Array = np.where(mask[..., None] != 0, generated, reference)
    return frame


class PerceptualDistance(FrameMean):
    """Mean over frames of a :class:`PairJudge`'s distance.

    On a region the judge sees the real frame with the region's pixels replaced by the generated ones: what lies outside
    counts as perfect, and no edge appears where both agree.
    """

    spec: ClassVar[MetricSpec] = cards.PERCEPTUAL

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """The judge's distance of one frame; NaN where the mask is empty."""
        judge, reference = self.judge, frame.reference
        assert reference is not None and isinstance(judge, PairJudge)
        check_frames(frame.generated, reference)
        if mask is None:
            return shared(frame, judge.card.name, lambda: judge.compare(frame.generated, reference))
        if not mask.any():
            return math.nan
        return judge.compare(composite(frame.generated, reference, mask), reference)
