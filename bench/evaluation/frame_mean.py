"""Metrics that are a mean over frames of one number a frame and region."""

from __future__ import annotations

import math
from abc import abstractmethod

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


class FrameMean(Metric):
    """Mean over the frames of a clip of :meth:`value`; frames in which a region is empty do not count."""

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._reason = self.impossible(clip)
        self._values: dict[str, list[float]] = {region: [] for region in self.regions}

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        if self._reason:
            return
        for region, values in self._values.items():
            value = self.value(frame, region_mask(frame, region))
            if not math.isnan(value):
                values.append(value)

    def finish(self) -> dict[str, Outcome]:
        """End the clip: region -> mean over frames."""
        return {region: self._outcome(region, values) for region, values in self._values.items()}

    def _outcome(self, region: str, values: list[float]) -> Outcome:
        if self._reason:
            return undefined(self._reason)
        if not values:
            return undefined("no frames" if region == "whole" else f"no frame has {region} pixels")
        return Outcome(math.fsum(values) / len(values), len(values))

    def impossible(self, clip: ClipContext) -> str:
        """Why this clip has no value, "" where it has."""
        return ""

    @abstractmethod
    def value(self, frame: FramePair, mask: Array | None) -> float:
        """The number of one frame inside ``mask`` ((H, W) uint8, None: everywhere); NaN where the mask is empty."""
