"""Show the frames of one clip to every metric, once; whatever goes wrong becomes an outcome with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import methodcaller
from typing import TYPE_CHECKING, Any

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
from bench.evaluation.select import build_metric
from datasets.errors import CorruptVideoError, SuiteError

if TYPE_CHECKING:
    from bench.evaluation.judges.resolve import Judges

#: (card id, region) -> outcome
Outcomes = dict[tuple[str, str], Outcome]
#: Accumulators with their cards, by the card's id.
Selected = Mapping[str, tuple[MetricSpec, Metric]]


def build_all(
    specs: Sequence[MetricSpec], regions: tuple[str, ...], judges: Judges | None = None
) -> dict[str, tuple[MetricSpec, Metric]]:
    """Accumulators of the cards, each with its judge where it asks one. Raises UsageError for a broken plugin."""
    built = {spec.id: (spec, build_metric(spec, regions)) for spec in specs}
    for spec, metric in built.values():
        judge = judges.of(spec) if judges is not None else None
        metric.judge, metric.no_judge = (None, judge) if isinstance(judge, str) else (judge, "")
    return built


def score_clip(
    metrics: Selected,
    regions: tuple[str, ...],
    context: ClipContext,
    stream: Callable[[], Iterable[FramePair]],
    available: set[str],
) -> Outcomes:
    """Score one clip.

    Args:
        stream: opens the frames; what it or its frames raise becomes the outcome of all metrics.
        available: ``reference``, ``driving`` and the reference's annotation kinds that the frames carry.
    """
    outcomes, running = _missing(metrics, regions, available)

    def attempt(key: str, action: Callable[[Metric], Any]) -> Any:
        """A metric that breaks is out for this clip, and the others go on."""
        try:
            return action(running[key])
        except InvalidInputError as error:
            outcome = undefined(str(error), "invalid-input")
        except Exception as error:  # noqa: BLE001 - the boundary to foreign metric code
            outcome = undefined(f"the metric {key} broke: {sentence(error)}", "failed")
        del running[key]
        outcomes.update(_everywhere(metrics[key][0], regions, outcome))
        return None

    for key in list(running):
        attempt(key, methodcaller("start", context))
    try:
        for frame in stream() if running else ():
            check_frame(frame.generated, context.size)
            for key in list(running):
                attempt(key, methodcaller("update", frame))
    except (InvalidInputError, CorruptVideoError) as error:
        return _all(metrics, running, regions, undefined(str(error), "invalid-input")) | outcomes
    except (SuiteError, OSError) as error:
        return _all(metrics, running, regions, undefined(sentence(error), "failed")) | outcomes
    for key in list(running):
        found = attempt(key, methodcaller("finish"))
        outcomes |= {(key, region): _judged(outcome, metrics[key][1]) for region, outcome in (found or {}).items()}
    return outcomes


def _judged(outcome: Outcome, metric: Metric) -> Outcome:
    """The outcome with the name of the judge that was asked, where the metric did not say more."""
    return outcome if outcome.judge or metric.judge is None else replace(outcome, judge=metric.judge.card.name)


def fail_clip(metrics: Selected, regions: tuple[str, ...], outcome: Outcome) -> Outcomes:
    """The same outcome for every metric and region."""
    return _all(metrics, metrics, regions, outcome)


def _missing(metrics: Selected, regions: tuple[str, ...], available: set[str]) -> tuple[Outcomes, dict[str, Metric]]:
    """Outcomes of what cannot be computed for want of an input, and the metrics that can run."""
    outcomes: Outcomes = {}
    running: dict[str, Metric] = {}
    for key, (spec, metric) in metrics.items():
        wanted = [r for r in spec.regions if r in regions]
        lacking = sorted(spec.needs - available)
        if lacking:
            what = next((f"{side} video" for side in ("reference", "driving") if side in lacking), lacking[0])
            outcomes |= _everywhere(spec, regions, undefined(f"there is no {what} for this pair", "missing-input"))
            continue
        if metric.no_judge:
            outcomes |= _everywhere(spec, regions, undefined(metric.no_judge, "missing-input"))
            continue
        if "observability" not in available:
            outcome = undefined("the reference has no observability map", "missing-input")
            outcomes |= {(key, region): outcome for region in wanted if region != "whole"}
            wanted = [r for r in wanted if r == "whole"]
        metric.regions = tuple(wanted)
        if wanted:
            running[key] = metric
    return outcomes, running


def _all(metrics: Selected, keys: Iterable[str], regions: tuple[str, ...], outcome: Outcome) -> Outcomes:
    found: Outcomes = {}
    for key in keys:
        found |= _everywhere(metrics[key][0], regions, outcome)
    return found


def _everywhere(spec: MetricSpec, regions: tuple[str, ...], outcome: Outcome) -> Outcomes:
    return {(spec.id, region): outcome for region in spec.regions if region in regions}


def check_frame(frame: Array, size: tuple[int, int]) -> None:
    """Raise InvalidInputError unless a generated frame is (H, W, 3) uint8 of the size of the reference."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        bad = " with NaN" if frame.dtype.kind == "f" and np.isnan(frame).any() else ""
        raise InvalidInputError(f"a generated frame is {frame.dtype} {frame.shape}{bad}, not (H, W, 3) uint8")
    if frame.shape[:2] != size:
        raise InvalidInputError(f"generated frames are {by(frame.shape[:2])}, reference frames are {by(size)}")


def by(size: tuple[int, ...]) -> str:
    """(H, W) as people write it: WxH."""
    return f"{size[1]}x{size[0]}"


def sentence(error: BaseException) -> str:
    """One sentence of an error: its message where it is meant for the user, else with its type."""
    return getattr(error, "message", "") or f"{type(error).__name__}: {error}"
