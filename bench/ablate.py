"""An ablation is a matrix: the full method and its variants, each arm a run of its own, all started alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import registry
from bench.config import preset_overrides, variant_overrides
from bench.matrix.file import Cell
from bench.spec import RunSpec
from datasets.errors import UsageError

if TYPE_CHECKING:
    from methods.base import MethodSpec


def variants_of(spec: RunSpec, asked: Sequence[str] | None) -> list[str]:
    """The slugs to run, the full method ("") first, then those asked for with what they are compared to (default: all).

    Raises:
        UsageError: the method has no variants, or not that one (with the nearest).
    """
    method: MethodSpec = registry.get("methods", spec.method)
    if not method.variants:
        raise UsageError(f"{spec.method} has no variants to ablate", f"bench show method {spec.method}")
    wanted = [""]
    for slug in asked or list(method.variants):
        variant_overrides(method, slug)
        partner = method.variants[slug].compare_to
        wanted += [s for s in ("" if partner == "full" else partner, slug) if s not in wanted]
    return wanted


def ablation_cells(spec: RunSpec, asked: Sequence[str] | None = None) -> list[Cell]:
    """The arms as cells of a matrix.

    All arms start alike: where the preset starts from a shipped checkpoint, the full method is trained anew as well.

    Raises:
        UsageError: see :func:`variants_of`.
    """
    method: MethodSpec = registry.get("methods", spec.method)
    presets = preset_overrides(method, spec.preset)
    scratch = {k: v for k, v in method.scratch.items() if presets.get(k, v) != v}
    spec = replace(spec, overrides=scratch | dict(spec.overrides))
    return [Cell(replace(spec, variant=slug)) for slug in variants_of(spec, asked)]
