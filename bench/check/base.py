"""What a check is: a function that returns a detail, or raises why the method fails it or why it does not apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.check.subject import Subject

PASS, FAIL, SKIP = "pass", "fail", "skip"


class CheckFailed(Exception):
    """The method breaks the promise; the message says how, in one sentence."""


class NotApplicable(Exception):
    """The promise means nothing for this method or machine; the message says why."""


@dataclass(frozen=True)
class Check:
    """One promise of the interface.

    Attributes:
        title: what must be true.
        run: returns a detail ("" for none); raises CheckFailed or NotApplicable.
    """

    title: str
    run: Callable[[Subject], str]


@dataclass(frozen=True)
class Result:
    """What became of one check; ``status`` is ``pass``, ``fail`` or ``skip``."""

    title: str
    status: str
    detail: str = ""
    seconds: float = 0.0


class Group:
    """Checks in the order in which they are declared."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.checks: list[Check] = []

    def check(self, title: str) -> Callable[[Callable[[Subject], str]], Callable[[Subject], str]]:
        """Decorator: declare a check."""

        def add(run: Callable[[Subject], str]) -> Callable[[Subject], str]:
            self.checks.append(Check(title, run))
            return run

        return add


def require(true: bool, otherwise: str) -> None:
    """Raise CheckFailed unless ``true``."""
    if not true:
        raise CheckFailed(otherwise)
