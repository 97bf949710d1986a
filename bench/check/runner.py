"""Run all checks on one method. Whatever a method raises is a failed check, and the others go on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.check.base import FAIL, PASS, SKIP, Check, CheckFailed, NotApplicable, Result
from datasets.errors import SuiteError, UsageError

if TYPE_CHECKING:
    from bench.check.subject import Subject


def run_checks(
    name: str, dataset: str, device: str, only: str, on_result: Callable[[Result], None] | None
) -> list[Result]:
    """See :func:`bench.check.check_method`."""
    registry.get("methods", name)  # an unknown or broken name costs no import of torch
    from bench.check import animation, card, conduct, training
    from bench.check.subject import Subject, open_data

    groups = {
        group: [check for check in group.checks if only in check.title]
        for group in (card.GROUP, training.GROUP, animation.GROUP, conduct.GROUP)
    }
    if not any(groups.values()):
        raise UsageError(f"no check has {only!r} in its title", f"bench check {name} shows them all")
    tell = on_result or (lambda result: None)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
        subject = Subject(registry.entries("methods")[name], open_data(dataset), Path(folder), device)
        for group, checks in groups.items():
            blocked = _unbuildable(subject) if checks and group is not card.GROUP else ""
            for check in checks:
                result = Result(check.title, SKIP, blocked) if blocked else _attempt(check, subject)
                tell(result)
                results.append(result)
    return results


def _unbuildable(subject: Subject) -> str:
    """Why nothing can be tried ("" where it can): the card's checks have said it in full."""
    result = _attempt(Check("", lambda s: str(s.method and "")), subject)
    return f"the method cannot be built: {result.detail}" if result.status == FAIL else ""


def _attempt(check: Check, subject: Subject) -> Result:
    begun = time.perf_counter()

    def done(status: str, detail: str) -> Result:
        return Result(check.title, status, detail, time.perf_counter() - begun)

    try:
        return done(PASS, check.run(subject))
    except CheckFailed as failure:
        return done(FAIL, str(failure))
    except NotApplicable as reason:
        return done(SKIP, str(reason))
    except SuiteError as error:
        return done(FAIL, error.message)
    except Exception as error:  # noqa: BLE001 - the boundary to foreign code: whatever it raises is its failure
        return done(FAIL, f"{type(error).__name__}: {' '.join(str(error).split())}{_place(error)}")


def _place(error: BaseException) -> str:
    """Where in the method's code it was raised: the deepest frame that is not the suite's engine or a library."""
    trace, place = error.__traceback__, ""
    engine = Path(__file__).resolve().parents[1]
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if engine not in file.parents and "site-packages" not in file.parts and file.suffix == ".py":
            place = f" ({file.name}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place
