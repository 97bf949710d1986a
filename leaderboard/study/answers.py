"""Answer files of participants, checked: they come from other people's computers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.errors import UsageError
from leaderboard.study.design import CRITERIA, TRUTH, Item, Study

#: larger than any honest file of answers
MAX_BYTES = 5_000_000
#: share of attention checks below which a participant's answers are left out
LEAST_CHECKS = 0.75


@dataclass(frozen=True)
class Answer:
    """One answer: the row chosen of two, or a rating by criterion."""

    participant: str
    item: Item
    chosen: str = ""
    ratings: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Participant:
    """One file of answers; ``why`` it is left out ("" = it counts)."""

    name: str
    answers: tuple[Answer, ...]
    checks: int
    passed: int
    why: str = ""


def read_answers(paths: Iterable[Path], study: Study) -> list[Participant]:
    """Every file, in the order of the paths; one participant is counted once, by the first file.

    Raises:
        UsageError: a file that cannot be read, or is of another study.
    """
    found: list[Participant] = []
    for path in paths:
        one = _participant(path, study)
        if any(one.name == other.name for other in found):
            one = Participant(one.name, one.answers, one.checks, one.passed, "the same participant twice")
        found.append(one)
    return found


def _participant(path: Path, study: Study) -> Participant:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["study"] != study.id:
            raise ValueError(f"it answers study {str(data['study'])[:20]}, not {study.id}")
        name, raw = str(data["participant"])[:40], data["answers"]
        items = {item.id: item for item in study.items}
        answers = tuple(_answer(name, items[str(entry["item"])], entry) for entry in raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no file of answers to this study: {error}") from error
    if len({a.item.id for a in answers}) < len(answers):
        raise UsageError(f"{path} answers an item twice")
    checks = [a for a in answers if a.item.check]
    passed = sum(a.chosen == TRUTH for a in checks)
    why = ""
    if checks and passed < LEAST_CHECKS * len(checks):
        why = f"failed {len(checks) - passed} of {len(checks)} attention checks"
    return Participant(name, answers, len(checks), passed, why)


def _answer(name: str, item: Item, entry: dict[str, Any]) -> Answer:
    if item.task == "rating":
        ratings = tuple((c, int(entry["ratings"][c])) for c in CRITERIA)
        if not all(1 <= value <= 5 for _, value in ratings):
            raise ValueError(f"item {item.id} has a rating outside 1 to 5")
        return Answer(name, item, ratings=ratings)
    if entry["choice"] not in ("left", "right"):
        raise ValueError(f"item {item.id} has no choice")
    return Answer(name, item, chosen=item.left if entry["choice"] == "left" else item.right)
