"""Scores from files of key points, label maps or features instead of frames: the formulas without any network.

The files take the place of a judge: what it would say of frame t of a clip stands in row t of the clip's array. So the
very accumulators that score frames score the files, and a formula is written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.evaluation.base import (
    Array,
    ClipContext,
    FramePair,
    InvalidInputError,
    Metric,
    MetricSpec,
    Outcome,
    undefined,
)
from bench.evaluation.judges.base import FrameJudge, JudgeCard
from bench.evaluation.scoring import Outcomes, build_all
from bench.evaluation.truth_files import ArrayFile
from datasets.errors import UsageError
from datasets.video import natural_key

_REGIONS = ("whole",)
_FPS = 25.0  # files do not say; no metric on them depends on it
#: Kinds of files -> roles of the judges whose place they take.
ROLES_OF: Mapping[str, frozenset[str]] = {
    "keypoints": frozenset({"keypoints"}),
    "labels": frozenset({"parsing", "parts"}),
    "features": frozenset({"features", "identity", "face", "inception", "inception-clean"}),
}
_SHAPES = {"keypoints": "(T, K, 3)", "labels": "(T, H, W) integers", "features": "(T, D)"}
_TYPES = {"keypoints": "fiu", "labels": "iub", "features": "fiu"}


class GivenJudge(FrameJudge):
    """Says what the files say: a "frame" is the answer itself."""

    card = JudgeCard("given", "given", "bench.evaluation.given:GivenJudge", "Answers from files")
    fingerprint = "given"

    def read(self, frames: Array) -> Array:
        """The answer, unchanged."""
        return frames


@dataclass(frozen=True)
class GivenFiles:
    """NPZ files (predictions, reference) with one array for each clip name; None where a file is not given.

    Attributes:
        keypoints: (T, K, 3) x, y, confidence, 0 = missing. The reference may have ``<clip>.leak`` of the same shape:
            the driver's body in the same pose and camera, for shape-leak.
        labels: (T, H, W) integers 0..255, 0 = background.
        features: (T, D).
    """

    keypoints: tuple[Path | None, Path | None] = (None, None)
    labels: tuple[Path | None, Path | None] = (None, None)
    features: tuple[Path | None, Path | None] = (None, None)

    def kind_of(self, spec: MetricSpec) -> str:
        """Which kind of the given files a metric reads; "" = none (then it needs frames).

        Metrics of plugins read frames: they may look at pixels.
        """
        if not spec.implementation.startswith("bench.evaluation.metrics."):
            return ""
        return next((kind for kind, roles in ROLES_OF.items() if spec.judge in roles and getattr(self, kind)[0]), "")


def score_given(files: GivenFiles, metrics: Sequence[MetricSpec], clips: Sequence[str] = ()) -> dict[str, Outcomes]:
    """Score what the files say.

    Args:
        metrics: cards; those that read none of the files (:meth:`GivenFiles.kind_of`) are left out.
        clips: further names of clips (of folders, say), which get rows too.

    Returns:
        Clip name, in natural order -> (metric id, ``whole``) -> outcome. What is wrong with an array (unreadable,
        other shape, length or size, not finite) or file (no NPZ) is an ``invalid-input`` outcome of the clip; what is
        not there (a clip, a reference) is ``missing-input``. Set metrics have their part.

    Raises:
        MissingInputError: a file that does not exist.
        UsageError: no name of a clip is known, since no file is an NPZ with one.
    """
    results: dict[str, Outcomes] = {name: {} for name in clips}
    for kind in ROLES_OF:
        specs = [spec for spec in metrics if files.kind_of(spec) == kind]
        if not specs:
            continue
        with ExitStack() as stack:
            paths: tuple[Path | None, Path | None] = getattr(files, kind)
            made, real = (None if path is None else stack.enter_context(ArrayFile(path)) for path in paths)
            assert made is not None
            names = {*results, *made.names, *(real.names if real else ())}
            if not names:
                raise UsageError(made.problem or f"the {kind} of the predictions have no clip")
            for name in names:
                results.setdefault(name, {}).update(_score_clip(kind, name, made, real, specs))
    return {name: results[name] for name in sorted(results, key=natural_key)}


def _score_clip(kind: str, name: str, made: ArrayFile, real: ArrayFile | None, specs: Sequence[MetricSpec]) -> Outcomes:
    found = _arrays(kind, name, made, real)
    outcomes: Outcomes = {}
    for key, (spec, metric) in build_all(specs, _REGIONS).items():
        wanted = ["generated", *sorted(spec.needs, key=lambda need: (need != "reference", need))]
        sides = ["generated", "reference", *wanted]  # a broken reference is no choice to do without one
        wrong = next((str(found[side]) for side in sides if isinstance(found.get(side), InvalidInputError)), "")
        lacking = next((need for need in wanted if need not in found), "")
        if wrong:
            outcomes[key, "whole"] = undefined(wrong, "invalid-input")
        elif lacking:
            outcomes[key, "whole"] = undefined(_lacks(kind, lacking), "missing-input")
        else:
            arrays = {side: array for side, array in found.items() if not isinstance(array, InvalidInputError)}
            metric.judge = GivenJudge()
            try:
                outcomes |= {
                    (key, region): replace(outcome, judge=outcome.judge or GivenJudge.card.name)
                    for region, outcome in _run(metric, name, arrays).items()
                }
            except InvalidInputError as error:
                outcomes[key, "whole"] = undefined(str(error), "invalid-input")
    return outcomes


def _lacks(kind: str, what: str) -> str:
    if what in ("generated", "reference"):
        return f"there are no {what} {kind} of this clip"
    return f"there is no {what} for this clip"


def _arrays(kind: str, name: str, made: ArrayFile, real: ArrayFile | None) -> dict[str, Array | InvalidInputError]:
    """What there is of a clip: ``generated``, ``reference`` and, of key points, annotation kinds; or what is wrong."""
    sources = {"generated": (made, name), "reference": (real, name)}
    if kind == "keypoints":
        sources |= {"keypoints": (real, name), "leak-keypoints": (real, f"{name}.leak")}
    found: dict[str, Array | InvalidInputError] = {}
    for side, (file, key) in sources.items():
        try:
            array = None if file is None else file.read(key)
            if array is None:
                continue
            _check(kind, side, array)
            generated = found.get("generated", array)
            if not isinstance(generated, InvalidInputError):
                _check_alike(kind, side, array, generated)
            found[side] = array
        except InvalidInputError as error:
            found[side] = error
    return found


def _check(kind: str, side: str, array: Array) -> None:
    axes = 2 if kind == "features" else 3
    fits = array.ndim == axes and (kind != "keypoints" or array.shape[2] == 3)
    if not fits or array.dtype.kind not in _TYPES[kind]:
        raise InvalidInputError(f"the {side} {kind} are {array.dtype} {array.shape}, not {_SHAPES[kind]}")
    if kind == "features" and not np.isfinite(array).all():
        raise InvalidInputError(f"the {side} features are not finite")


def _check_alike(kind: str, side: str, array: Array, generated: Array) -> None:
    if len(array) != len(generated):
        raise InvalidInputError(f"there are {len(generated)} generated and {len(array)} {side} frames of {kind}")
    if array.shape[1:] != generated.shape[1:]:
        raise InvalidInputError(
            f"a frame of the generated {kind} is {generated.shape[1:]}, of the {side} {array.shape[1:]}"
        )


def _run(metric: Metric, name: str, arrays: Mapping[str, Array]) -> Mapping[str, Outcome]:
    frames = len(arrays["generated"])
    size = arrays["generated"].shape[1:3]
    metric.start(ClipContext(name, _FPS, (size[0], size[-1]), frames))
    for frame in _frames(arrays):
        metric.update(frame)
    return metric.finish()


def _frames(arrays: Mapping[str, Array]) -> Iterator[FramePair]:
    notes = {kind: array for kind, array in arrays.items() if kind not in ("generated", "reference")}
    reference = arrays.get("reference")
    for t, generated in enumerate(arrays["generated"]):
        real = None if reference is None else reference[t]
        known = {f"{GivenJudge.card.name}-generated": generated, f"{GivenJudge.card.name}-reference": real}
        # ``observe`` finds these under its own names, so that nothing is hashed or kept on disk.
        yield FramePair(generated, real, {kind: array[t] for kind, array in notes.items()}, shared=known)
