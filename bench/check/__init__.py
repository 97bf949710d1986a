"""``bench check``: does a method keep the interface's promises? One pass/fail line a promise, on a tiny exact world."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.check.base import Result


def check_method(
    name: str,
    dataset: str = "",
    device: str = "cpu",
    only: str = "",
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Try a registered method against the interface.

    Args:
        name: registered name, also of a plugin.
        dataset: a data set (``name`` or ``name:argument``) under the preset ``tiny``; "" = the built-in toy world.
        device: ``auto``, ``cpu`` or ``cuda``.
        only: try only the checks whose title holds this text.
        on_result: called with each result as it comes.

    Returns:
        One result a check, in order; a method is sound where none has the status ``fail``.

    Raises:
        UsageError: unknown name (with the nearest), a plugin that cannot be imported, or no check of that title.
    """
    from bench.check.runner import run_checks

    return run_checks(name, dataset, device, only, on_result)
