"""From metric names to cards."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from bench import registry
from bench.evaluation import PLANNED
from bench.evaluation.base import Metric, MetricSpec
from datasets.errors import MissingInputError, UsageError


def find_metric(name: str) -> MetricSpec:
    """The card of ``name`` or ``name@profile`` (``name`` alone is the default profile).

    Raises:
        MissingInputError: a metric of the contract that this version does not have.
        UsageError: unknown (with the nearest name), or a broken plugin.
    """
    known = registry.entries("metrics")
    base, _, profile = name.partition("@")
    key = base if profile in ("", "default") else name
    if key in known:
        spec: MetricSpec = known[key].load()
        return spec
    if base in PLANNED:
        raise MissingInputError(
            f"the metric {name!r} is not available in this version of the suite",
            "bench list metrics shows those that are",
        )
    profiles = sorted(entry for entry in known if entry.partition("@")[0] == base)
    near = profiles or difflib.get_close_matches(name, [*known, *PLANNED], n=1, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(known)}"
    raise UsageError(f"there is no metric {name!r}", f"{hint} (bench list metrics)")


def select_metrics(names: Sequence[str] | None = None) -> list[MetricSpec]:
    """Cards of the named metrics in that order, each once; of all default metrics where ``names`` is None.

    A plugin that cannot be loaded is left out of the defaults, and is an error when asked for by name.

    Raises:
        MissingInputError, UsageError: see :func:`find_metric`.
    """
    if names is None:
        return [
            spec for spec in map(_loaded, registry.entries("metrics").values()) if spec is not None and spec.default
        ]
    return list({spec.id: spec for spec in map(find_metric, names)}.values())


def _loaded(entry: registry.Entry) -> MetricSpec | None:
    try:
        spec: MetricSpec = entry.load()
        build_metric(spec, ())
    except UsageError:  # bench list metrics shows it as broken
        return None
    return spec


def build_metric(spec: MetricSpec, regions: tuple[str, ...]) -> Metric:
    """The accumulator of a card for the regions that it can be computed on.

    Raises:
        UsageError: the implementation cannot be imported or made (a broken plugin).
    """
    try:
        metric: Metric = registry.load_object(spec.implementation)(tuple(r for r in spec.regions if r in regions))
    except Exception as error:  # the boundary to foreign metric code: any failure means "broken plugin"
        raise UsageError(f"the metric {spec.id} is broken: {type(error).__name__}: {error}") from error
    return metric
