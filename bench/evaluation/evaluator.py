"""The evaluator: each generated and real frame is decoded once and shown to every metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import registry
from bench.evaluation.base import (
    REGIONS,
    Array,
    ClipContext,
    FramePair,
    InvalidInputError,
    MetricSpec,
    Outcome,
    undefined,
)
from bench.evaluation.judges.resolve import Judges
from bench.evaluation.kept import Kept
from bench.evaluation.parallel import READING, score_in_threads
from bench.evaluation.scores import ALL, aggregate, score_row, scores_frame
from bench.evaluation.scoring import Outcomes, Selected, build_all, fail_clip, score_clip, sentence
from datasets.base import KINDS, Clip, Dataset, Pair, Trial
from datasets.errors import GenerationError, SuiteError

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int, str], None]
FramesOf = Callable[[Pair], Path | Clip]
#: What shape-leak reads beside the reference's key points.
LEAK = "leak-keypoints"
_CHUNK = 8
_SILENT = undefined("the metric gave no outcome for this region", "failed")


def score_pairs(
    frames_of: FramesOf,
    dataset: Dataset,
    protocol: str,
    pairs: Sequence[Pair],
    metrics: Sequence[MetricSpec],
    labels: Mapping[str, Any] | None = None,
    regions: tuple[str, ...] = REGIONS,
    progress: Progress | None = None,
    keep: Kept | None = None,
    asked: bool = False,
) -> pd.DataFrame:
    """Score the generated frames of a protocol's pairs.

    Args:
        frames_of: pair -> folder with ``%06d.png`` for each frame of the pair's driving range, or a clip of them.
        dataset, protocol, pairs: what was generated.
        metrics: cards, see :func:`bench.evaluation.select.select_metrics`; those of other protocols are left out, and
            so are stand-ins (``MetricSpec.stands_in_for``) where nothing is missing: unless they were ``asked`` for.
        labels: run, method, variant, mode, preset, seed, protocol_hash, ...; the dataset's own columns are filled in.
        regions: regions to report (of those that a metric has).
        progress: called as ``progress(done, total, what)``.
        keep: takes the values by frame and the parts of set metrics.
        asked: the metrics were asked for by name: stand-ins are measured, and a metric of other protocols has rows that
            say ``not-applicable``.

    Returns:
        A row for each metric, region and pair, in that order, and an aggregate row ``pair = *`` after them (a set
        metric has that row only). What could not be scored has a row with its status and reason.
    """
    base = {
        "dataset": dataset.slug,
        "size": dataset.size,
        "annotation_class": dataset.annotation_class,
        "protocol": protocol,
        **(labels or {}),
    }
    given = {"reference", *dataset.spec.kinds} if dataset.pairs(protocol).target is not None else set()
    specs = [spec for spec in metrics if of_protocol(spec, protocol) and (asked or not idle(spec, given))]
    judges = Judges(dataset.spec.synthetic)
    outcomes = score_in_threads(
        pairs,
        lambda: build_all(specs, regions, judges),
        lambda pair, built: score_pair(frames_of, dataset, protocol, pair, built, regions),
        lambda done: progress(done, len(pairs), f"evaluate {protocol}") if progress else None,
    )
    results = {pair.id: found for pair, found in zip(pairs, outcomes, strict=True)}
    if keep is not None:
        keep.take(results, specs, regions)
    if asked:
        for spec in (spec for spec in metrics if not of_protocol(spec, protocol)):
            outcome = undefined(f"{spec.id} is for {', '.join(spec.protocols)} only", "not-applicable")
            for found in results.values():
                found |= {(spec.id, region): outcome for region in spec.regions}
        specs = list(metrics)
    return table(results, specs, regions, base)


def of_protocol(spec: MetricSpec, protocol: str) -> bool:
    """Whether a metric belongs to a protocol (``name@version``)."""
    return not spec.protocols or protocol.partition("@")[0] in {name.partition("@")[0] for name in spec.protocols}


def idle(spec: MetricSpec, given: set[str]) -> bool:
    """Whether a profile stands in for another one that has all its inputs: ``reference`` and annotation kinds."""
    return bool(spec.stands_in_for) and spec.stands_in_for <= given


def table(
    results: Mapping[str, Outcomes], specs: Sequence[MetricSpec], regions: tuple[str, ...], labels: Mapping[str, Any]
) -> pd.DataFrame:
    """Outcomes by pair -> the scores table, each metric and region followed by its aggregate row."""
    rows = []
    for spec in specs:
        for region in (r for r in spec.regions if r in regions):
            outcomes = {pair: result.get((spec.id, region), _SILENT) for pair, result in results.items()}
            if spec.scope == "set":
                outcomes = {ALL: combine(spec, list(outcomes.values()))}
            else:
                outcomes[ALL] = aggregate(list(outcomes.values()), spec.average)
            rows += [score_row(labels, spec, pair, region, outcome) for pair, outcome in outcomes.items()]
    return scores_frame(rows)


def combine(spec: MetricSpec, outcomes: Sequence[Outcome]) -> Outcome:
    """The one value of a set metric from what it kept of each clip; clips that it could not take are counted."""
    good = [o for o in outcomes if o.part is not None]
    bad = [o for o in outcomes if o.part is None]
    if not good:
        return aggregate(bad)
    try:
        found: Outcome = registry.load_object(spec.implementation).combine([o.part for o in good])
    except Exception as error:  # noqa: BLE001 - the boundary to foreign metric code
        return undefined(f"the metric {spec.id} broke: {sentence(error)}", "failed")
    left_out = f"{len(bad)} of {len(outcomes)} pairs are left out: {bad[0].reason}" if bad else ""
    reason = "; ".join(filter(None, [found.reason, left_out]))
    return replace(found, reason=reason, judge=found.judge or good[0].judge)


def score_pair(
    frames_of: FramesOf, dataset: Dataset, protocol: str, pair: Pair, metrics: Selected, regions: tuple[str, ...]
) -> Outcomes:
    """Open a pair and score it; what is wrong with the pair becomes the outcome of all its metrics."""
    try:
        with READING:
            trial = dataset.open(protocol, pair)
    except SuiteError as error:
        return fail_clip(metrics, regions, undefined(sentence(error), "failed"))
    available = {"driving"} | (set() if trial.reference is None else {"reference", *trial.reference.kinds})
    if "leak" in trial.oracles and "keypoints" in available:
        available.add(LEAK)
    needed = {kind for spec, _ in metrics.values() for kind in spec.needs | spec.uses}
    if any(set(spec.regions) & set(regions) - {"whole"} for spec, _ in metrics.values()):
        needed.add("observability")
    size = (trial.driving if trial.reference is None else trial.reference).size
    n_frames = len(trial.driving) - pair.first_scored
    context = ClipContext(pair.id, trial.driving.fps, size, n_frames, trial.source.rgb[0])

    def stream(blanks: bool) -> Iterator[FramePair]:
        with READING:
            generated = open_generated(frames_of(pair), len(trial.driving), blanks)
        kinds = frozenset(needed & available & (KINDS.keys() | {LEAK}))
        return trial_frames(trial, generated, kinds, "driving" in needed)

    def scored(chosen: Selected, blanks: bool) -> Outcomes:
        return score_clip(chosen, regions, context, lambda: stream(blanks), available) if chosen else {}

    tolerant = {key: entry for key, entry in metrics.items() if entry[0].blanks}
    if not tolerant or not _lacks_frames(frames_of(pair), len(trial.driving)):
        return scored(metrics, False)
    strict = {key: entry for key, entry in metrics.items() if key not in tolerant}
    return scored(strict, False) | scored(tolerant, True)


def _lacks_frames(frames: Path | Clip, expected: int) -> bool:
    """Whether frames of a folder are not there (more than expected is another matter)."""
    return isinstance(frames, Path) and not all((frames / f"{i:06d}.png").is_file() for i in range(expected))


def trial_frames(
    trial: Trial, generated: Sequence[Path | None] | Clip, kinds: frozenset[str], driving: bool
) -> Iterator[FramePair]:
    """Scored frames of a trial with the reference's annotations, and the driving frames if asked; memory is one chunk.

    Args:
        kinds: annotation kinds of the reference, and perhaps :data:`LEAK`: the key points of the source's look on the
            driver's body.

    Raises:
        InvalidInputError: a generated frame that cannot be read.
    """
    total = len(trial.driving)
    leak = trial.oracles["leak"]() if LEAK in kinds else None
    kinds -= {LEAK}
    for start in range(trial.pair.first_scored, total, _CHUNK):
        index = range(start, min(start + _CHUNK, total))
        with READING:
            real = trial.reference.read(index, kinds) if trial.reference is not None else None
            drive = trial.driving.read(index).rgb if driving else None
            leaks = leak.read(index, frozenset({"keypoints"})).annotations["keypoints"] if leak else None
        for i, made in enumerate(_read(generated, index)):
            frame = np.zeros((*trial.driving.size, 3), np.uint8) if made is None else made
            notes = {} if real is None else {kind: array[i] for kind, array in real.annotations.items()}
            notes |= {} if leaks is None else {LEAK: leaks[i]}
            yield FramePair(
                frame,
                None if real is None else real.rgb[i],
                notes,
                None if drive is None else drive[i],
                delivered=made is not None,
            )


def open_generated(frames: Path | Clip, expected: int, blanks: bool = False) -> Sequence[Path | None] | Clip:
    """The generated frames of a pair: a clip, or the files ``%06d.png`` of a folder (others there are ignored).

    Args:
        blanks: None stands for a file that is not there, and nothing is raised for it.

    Raises:
        InvalidInputError: other than ``expected`` frames.
        GenerationError: no frames at all.
    """
    if isinstance(frames, Clip):
        if len(frames) != expected:
            raise InvalidInputError(f"there are {len(frames)} generated frames, not {expected}")
        return frames
    files = [frames / f"{i:06d}.png" for i in range(expected)]
    if blanks:
        return [file if file.is_file() else None for file in files]
    missing = [file.name for file in files if not file.is_file()]
    if len(missing) == expected:
        raise GenerationError(f"there are no generated frames in {frames.name}")
    if missing:
        raise InvalidInputError(f"{len(missing)} of {expected} generated frames are missing; the first is {missing[0]}")
    if (frames / f"{expected:06d}.png").exists():
        raise InvalidInputError(f"there are more than {expected} generated frames")
    return files


def _read(frames: Sequence[Path | None] | Clip, index: range) -> Iterator[Array | None]:
    if isinstance(frames, Clip):
        with READING:
            stack = frames.read(index)
        yield from stack.rgb
    else:
        for path in (frames[i] for i in index):
            yield None if path is None else read_png(path)


def read_png(path: Path) -> Array:
    """A PNG as (H, W, 3) uint8 RGB. Raises InvalidInputError where it cannot be read."""
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InvalidInputError(f"{path.name} cannot be read as an image")
    rgb: Array = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb
