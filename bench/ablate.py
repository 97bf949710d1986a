"""An ablation: the full method and its variants as runs of their own, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import registry
from bench.board import complete_sanity_rows, refresh_report
from bench.config import preset_overrides, variant_overrides
from bench.outcome import terminable
from bench.progress import Progress
from bench.run import execute
from bench.spec import RunSpec, resolve
from bench.store import RunFolder
from datasets.errors import GenerationError, SuiteError, TrainingError, UsageError

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


def ablate(spec: RunSpec, asked: Sequence[str] | None = None) -> list[RunFolder]:
    """Run the full method and its variants, then the sanity rows, and refresh the report.

    All arms start alike: where the preset starts from a shipped checkpoint, the full method is trained anew as well.
    A variant that diverges or fails is recorded and the next one runs; at the end the first such error is raised.

    Raises:
        UsageError: see :func:`variants_of`. TrainingError, GenerationError: of the first variant that failed.
    """
    method: MethodSpec = registry.get("methods", spec.method)
    presets = preset_overrides(method, spec.preset)
    scratch = {k: v for k, v in method.scratch.items() if presets.get(k, v) != v}
    spec = replace(spec, overrides=scratch | dict(spec.overrides))
    folders, failed = [], None
    runs = [resolve(replace(spec, variant=slug)) for slug in variants_of(spec, asked)]
    with terminable(), Progress() as progress:
        for run in runs:
            try:
                folders.append(execute(run, progress).folder)
            except (TrainingError, GenerationError) as error:
                failed = failed or _named(error, run.variant or "full")
        complete_sanity_rows(runs[0], progress)
        refresh_report(spec.runs)
    if failed is not None:
        raise failed
    return folders


def _named(error: SuiteError, variant: str) -> SuiteError:
    error.message = f"variant {variant}: {error.message}"
    return error
