"""Identity: distances of embeddings to the real frame or to the source photo, and faces found or lost."""

from __future__ import annotations

from collections.abc import Callable
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
from bench.evaluation.frame_mean import mean_outcome
from bench.evaluation.judges.base import Judge
from bench.evaluation.metrics.frechet import as_features
from bench.evaluation.observe import observe

_NO_PHOTO = "there is no source photo"


# -- formulas --------------------------------------------------------------------------------------------------------
def euclidean(first: Array, second: Array) -> Array:
    """(T,) Euclidean distances of the rows of (T, D) and (T, D), in float64."""
    distances: Array = np.linalg.norm(_rows(first) - _rows(second), axis=1)
    return distances


def squared_euclidean(first: Array, second: Array) -> Array:
    """(T,) squared Euclidean distances of rows: what the scripts behind published AED compute."""
    distances: Array = ((_rows(first) - _rows(second)) ** 2).sum(axis=1)
    return distances


def cosine(first: Array, second: Array) -> Array:
    """(T,) cosines of rows in [-1, 1]; NaN where a row is all NaN (nothing was found) or zero."""
    x, y = (np.asarray(side, np.float64) for side in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (x * y).sum(axis=1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))
    return np.clip(cosines, -1.0, 1.0)


def slope(values: Array, fps: float) -> float:
    """Least-squares slope per second of values (T,) at ``fps``; NaN are left out, NaN with fewer than two values."""
    used = np.flatnonzero(np.isfinite(values))
    if len(used) < 2:
        return float("nan")
    time = (used - used.mean()) / fps
    return float(time @ (values[used] - values[used].mean()) / (time @ time))


def _rows(features: Array) -> Array:
    return np.asarray(features, np.float64)


# -- distances of embeddings -----------------------------------------------------------------------------------------
class Aed(Metric):
    """Mean over frames of the distance of the generated from the real frame's embedding."""

    spec: ClassVar[MetricSpec] = cards.AED
    distance: ClassVar[Callable[[Array, Array], Array]] = staticmethod(euclidean)

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._made: list[Array] = []
        self._real: list[Array] = []

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        self._made.append(observe(frame, "generated", self.judge))
        self._real.append(observe(frame, "reference", self.judge))

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        if not self._made:
            return {"whole": undefined("no frames")}
        values = type(self).distance(as_features(np.stack(self._made)), as_features(np.stack(self._real)))
        return {"whole": mean_outcome(values.tolist(), "no distance")}


class AedSquared(Aed):
    """Mean over frames of the squared distance (the published number)."""

    spec: ClassVar[MetricSpec] = cards.AED_SIAROHIN
    distance: ClassVar[Callable[[Array, Array], Array]] = staticmethod(squared_euclidean)


class AedSource(Aed):
    """Mean over frames of the distance from the source photo's embedding."""

    spec: ClassVar[MetricSpec] = cards.AED_SOURCE

    def start(self, clip: ClipContext) -> None:
        """Begin a clip: read the photo once."""
        super().start(clip)
        self._photo = _photo(clip, self.judge)

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        if self._photo is not None:
            self._made.append(observe(frame, "generated", self.judge))
            self._real.append(self._photo)

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        return {"whole": undefined(_NO_PHOTO, "missing-input")} if self._photo is None else super().finish()


def _photo(clip: ClipContext, judge: Judge | None) -> Array | None:
    """What the judge says of the source photo, None where there is none."""
    return None if clip.source is None else observe(FramePair(clip.source, clip.source), "reference", judge)


# -- faces -----------------------------------------------------------------------------------------------------------
class FaceSimilarity(Metric):
    """Mean over frames with a face of its cosine to the face of the source photo, or of the real frame without one.

    Frames in which no face is found are counted, never 0.
    """

    spec: ClassVar[MetricSpec] = cards.CSIM

    def start(self, clip: ClipContext) -> None:
        """Begin a clip: read the photo once."""
        self._photo, self._fps = _photo(clip, self.judge), clip.fps
        self._faces: list[Array] = []
        self._known: list[Array] = []

    def update(self, frame: FramePair) -> None:
        """Take the next frame."""
        if self._photo is not None:
            known = self._photo
        elif frame.reference is not None:
            known = observe(frame, "reference", self.judge)
        else:
            return
        self._faces.append(observe(frame, "generated", self.judge))
        self._known.append(known)

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        if not self._faces:
            return {"whole": undefined("there are no frames with a source photo or a real frame", "missing-input")}
        if self._photo is not None and not np.isfinite(self._photo).all():
            return {"whole": undefined("no face is found in the source photo")}
        found = self.outcome(cosine(np.stack(self._faces), np.stack(self._known)))
        if self._photo is None:
            found = replace(found, reason="; ".join(filter(None, ["to the real frame, not a photo", found.reason])))
        return {"whole": found}

    def outcome(self, cosines: Array) -> Outcome:
        """The clip's value from (T,) cosines, NaN where no face was found."""
        return mean_outcome(cosines.tolist(), "no face")


class FaceDrift(FaceSimilarity):
    """Slope of the cosine over time."""

    spec: ClassVar[MetricSpec] = cards.CSIM_DRIFT

    def outcome(self, cosines: Array) -> Outcome:
        """Slope per second; at least two frames with a face."""
        value, found = slope(cosines, self._fps), int(np.isfinite(cosines).sum())
        if not np.isfinite(value):
            return undefined("fewer than two generated frames show a face")
        return Outcome(value, found, frames=cosines)


class FaceDetection(Metric):
    """Share of the frames with a real face in which the generated one is found as well."""

    spec: ClassVar[MetricSpec] = cards.FACE_DETECTION

    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""
        self._found: list[float] = []

    def update(self, frame: FramePair) -> None:
        """Take the next frame; NaN where the real one shows no face."""
        expected = self.expected(frame)
        found = bool(np.isfinite(observe(frame, "generated", self.judge)).all()) if expected else float("nan")
        self._found.append(float(found))

    def expected(self, frame: FramePair) -> bool:
        """Whether this frame counts."""
        return bool(np.isfinite(observe(frame, "reference", self.judge)).all())

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        return {"whole": mean_outcome(self._found, "no real face")}


class FaceDetectionRaw(FaceDetection):
    """Share of all generated frames in which a face is found."""

    spec: ClassVar[MetricSpec] = cards.FACE_DETECTION_RAW

    def expected(self, frame: FramePair) -> bool:
        """Every frame counts."""
        return True
