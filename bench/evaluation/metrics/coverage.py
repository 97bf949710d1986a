"""How much of what was asked for was delivered."""

from __future__ import annotations

from typing import ClassVar

from bench.evaluation.base import Array, FramePair, MetricSpec
from bench.evaluation.cards_delivery import COVERAGE
from bench.evaluation.frame_mean import FrameMean


class Coverage(FrameMean):
    """Share of the frames that were delivered."""

    spec: ClassVar[MetricSpec] = COVERAGE

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """1 where the frame is there, 0 where a black one stands in for it."""
        return float(frame.delivered)
