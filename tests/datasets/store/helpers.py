"""What tests of the store share."""

from __future__ import annotations

from collections.abc import Iterable

from datasets.store.items import Finding


def silent(done: int, total: int, what: str) -> None:
    """No progress."""


def errors(findings: Iterable[Finding]) -> list[str]:
    return [str(f) for f in findings if f.level == "E"]
