"""From metric names to cards."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from bench import registry
from bench.evaluation.base import RANKED_PRESETS, Metric, MetricSpec
from datasets.errors import UsageError


def find_metric(name: str) -> MetricSpec:
    """The card of ``name`` or ``name@profile`` (``name`` alone is the default profile).

    Raises:
        UsageError: unknown (with the nearest name), or a broken plugin.
    """
    known = registry.entries("metrics")
    base, _, profile = name.partition("@")
    key = base if profile in ("", "default") else name
    if key in known:
        spec: MetricSpec = known[key].load()
        return spec
    profiles = sorted(entry for entry in known if entry.partition("@")[0] == base)
    near = profiles or difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(known)}"
    raise UsageError(f"there is no metric {name!r}", f"{hint} (bench list metrics)")


def select_metrics(names: Sequence[str] | None = None, preset: str = "") -> list[MetricSpec]:
    """Cards of the named metrics in that order, each once; of all default metrics where ``names`` is None.

    A plugin that cannot be loaded is left out of the defaults, and is an error when asked for by name.

    Args:
        preset: of the run ("" = no run); under one that is not ranked the defaults leave out what serves ranking only.

    Raises:
        UsageError: see :func:`find_metric`.
    """
    if names is None:
        specs = [spec for spec in map(_loaded, registry.entries("metrics").values()) if spec is not None]
        ranked = not preset or preset in RANKED_PRESETS
        return [spec for spec in specs if spec.default and (ranked or not spec.ranking_only)]
    return list({spec.id: spec for spec in map(find_metric, names)}.values())


def all_profiles(specs: Sequence[MetricSpec]) -> list[MetricSpec]:
    """The cards with every other profile of the same metrics behind each, so that one table shows all recipes."""
    entries = registry.entries("metrics").values()
    every = [spec for spec in map(_loaded, entries) if spec is not None]
    names = dict.fromkeys(spec.name for spec in specs)
    return [spec for name in names for spec in every if spec.name == name]


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
