"""Does the generated video move, and the right way? No weights, only DIS flow."""

from __future__ import annotations

import math
from typing import ClassVar

import cv2
import numpy as np

from bench.evaluation import cards
from bench.evaluation import flow as flow_module
from bench.evaluation.base import Array, ClipContext, FramePair, Metric, MetricSpec, Outcome, undefined
from bench.evaluation.flow import clip_flow, resize_flow
from bench.evaluation.observe import remembered
from datasets.files import digest, sha256_of, source_digest

#: Mean flow magnitude, in pixels a frame at the flow's size, under which a real video counts as still.
STILL = 0.02
#: What a kept magnitude depends on beside the frames.
_CODE = digest([cv2.__version__, source_digest([flow_module.__file__, __file__])])


def remove_background_motion(flow: Array, person: Array) -> Array:
    """Subtract the median displacement of the background.

    Args:
        flow: (H, W, 2).
        person: (H, W) bool; where it covers everything nothing is subtracted.
    """
    if person.all():
        return flow
    moved: Array = flow - np.median(flow[~person], axis=0)
    return moved


def mean_magnitude(flow: Array) -> float:
    """Mean length of the displacements of an (H, W, 2) flow."""
    return float(np.hypot(flow[..., 0], flow[..., 1]).mean(dtype=np.float64))


class Cosine:
    """Cosine of two vector fields, accumulated: sum a.b / sqrt(sum |a|^2 sum |b|^2)."""

    def __init__(self) -> None:
        self.terms: list[tuple[float, float, float]] = []

    def add(self, a: Array, b: Array) -> None:
        """Take (N, 2) vectors."""
        a, b = a.astype(np.float64), b.astype(np.float64)
        self.terms.append((float((a * b).sum()), float((a * a).sum()), float((b * b).sum())))

    def value(self) -> float:
        """The cosine; 0 where ``a`` is zero throughout, NaN where ``b`` is."""
        dot, aa, bb = (math.fsum(column) for column in zip(*self.terms, strict=True)) if self.terms else (0.0, 0.0, 0.0)
        if bb == 0:
            return math.nan
        return dot / math.sqrt(aa * bb) if aa > 0 else 0.0


class MotionAgreement(Metric):
    """Cosine of the generated video's measured flow and the true flow, inside the true mask, over the clip."""

    spec: ClassVar[MetricSpec] = cards.MOTION_AGREEMENT
    measured_by = "true-flow"

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._size = clip.size
        self._cosine = Cosine()
        self._previous: FramePair | None = None

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        previous, self._previous = self._previous, frame
        if previous is None:
            return
        person = self.person(previous)
        if not person.any():
            self._cosine.add(np.zeros((0, 2)), np.zeros((0, 2)))
            return
        made = remove_background_motion(resize_flow(clip_flow(previous, frame, "generated"), self._size), person)
        true = remove_background_motion(self.true_flow(previous, frame), person)
        self._cosine.add(made[person], true[person])

    def person(self, frame: FramePair) -> Array:
        """(H, W) bool."""
        inside: Array = frame.annotations["mask"] != 0
        return inside

    def true_flow(self, previous: FramePair, frame: FramePair) -> Array:
        """(H, W, 2): the flow to agree with, in pixels of the frame."""
        flow: Array = previous.annotations["flow"]
        return flow

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        if not self._cosine.terms:
            return {"whole": undefined("one frame has no motion")}
        value = self._cosine.value()
        if math.isnan(value):
            return {"whole": undefined("the real person does not move")}
        return {"whole": Outcome(value, len(self._cosine.terms) + 1, judge=self.measured_by)}


class MotionAgreementDis(MotionAgreement):
    """The same against the real video's measured flow, for data without true flow."""

    spec: ClassVar[MetricSpec] = cards.MOTION_AGREEMENT_DIS
    measured_by = "dis-flow"

    def person(self, frame: FramePair) -> Array:
        """The mask where there is one, else the whole frame."""
        return super().person(frame) if "mask" in frame.annotations else np.ones(self._size, bool)

    def true_flow(self, previous: FramePair, frame: FramePair) -> Array:
        """DIS flow of the real video."""
        return resize_flow(clip_flow(previous, frame, "reference"), self._size)


class MotionRatio(Metric):
    """Mean flow magnitude of the generated video over that of the real one."""

    spec: ClassVar[MetricSpec] = cards.MOTION_RATIO
    against = "reference"

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._sums: list[tuple[float, float]] = []
        self._previous: FramePair | None = None

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        previous, self._previous = self._previous, frame
        if previous is not None:
            made = mean_magnitude(clip_flow(previous, frame, "generated"))
            self._sums.append((made, self._real(previous, frame)))

    def _real(self, previous: FramePair, frame: FramePair) -> float:
        """Magnitude of the real video's flow; every method is compared with the same videos, so it is remembered."""
        images: list[Array] = [getattr(f, self.against) for f in (previous, frame)]
        key = sha256_of(_CODE, str(images[0].shape), *(image.tobytes() for image in images))

        def measure() -> Array:
            return np.array(mean_magnitude(clip_flow(previous, frame, self.against)))

        return float(remembered(key, measure))

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        if not self._sums:
            return {"whole": undefined("one frame has no motion")}
        made, real = (math.fsum(column) for column in zip(*self._sums, strict=True))
        if real < STILL * len(self._sums):
            return {"whole": undefined(f"the {self.against} video does not move")}
        return {"whole": Outcome(made / real, len(self._sums) + 1, judge="dis-flow")}


class MotionRatioDriving(MotionRatio):
    """The same against the driving video, for data without truth."""

    spec: ClassVar[MetricSpec] = cards.MOTION_RATIO_DRIVING
    against = "driving"
