"""The design of a study: which videos are shown in which task. Blinded: a page holds random names only.

Tasks, as in the papers: ``preference`` (which of two is better), ``jnd`` (which of two is the real one), ``rating`` (1
to 5 on continuity, appearance, geometry and overall). Attention checks are preferences between the truth and a photo
that does not move.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from datasets.errors import UsageError
from datasets.files import digest

TASKS = ("preference", "jnd", "rating")
CRITERIA = ("continuity", "appearance", "geometry", "overall")
TRUTH, STILL = "(truth)", "(still)"
#: one attention check for so many items of a task with two videos
CHECK_EVERY = 8
SCHEMA = 1


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes:
        id: random name that the page knows it by.
        left, right: rows shown (``right`` is "" for a rating); ``TRUTH`` and ``STILL`` are what they say.
        check: has a known answer (the truth).
    """

    id: str
    task: str
    pair: str
    left: str
    right: str = ""
    check: bool = False


@dataclass(frozen=True)
class Study:
    """A study: its name, what it is about, and its items in a fixed order (each participant sees another one)."""

    name: str
    seed: int
    setting: dict[str, Any]
    rows: tuple[str, ...]
    items: tuple[Item, ...] = field(default_factory=tuple)

    @property
    def id(self) -> str:
        """Hash of the whole design: answers name it."""
        return digest(asdict(self))[:12]

    def to_json(self) -> dict[str, Any]:
        """The key file's content; it must not be published with the page."""
        return {"schema": SCHEMA, "id": self.id, **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Study:
        """From a key file.

        Raises:
            UsageError: it is none, or was changed.
        """
        try:
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema {data['schema']}, this suite reads {SCHEMA}")
            items = tuple(Item(**item) for item in data["items"])
            study = cls(str(data["name"]), int(data["seed"]), dict(data["setting"]), tuple(data["rows"]), items)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"this is no key file of a study: {error}") from error
        if study.id != data.get("id"):
            raise UsageError("the key file does not match its study: it was edited", "use the file that build wrote")
        return study


def design(
    name: str, rows: Sequence[str], pairs: Sequence[str], setting: dict[str, Any], seed: int = 0,
    tasks: Sequence[str] = TASKS,
) -> Study:  # fmt: skip
    """Every couple of rows on every pair, each row against the truth, and each row's ratings; sides by coin.

    Raises:
        UsageError: no pair, an unknown task, or fewer than two rows for preferences.
    """
    wrong = [t for t in tasks if t not in TASKS]
    if wrong:
        raise UsageError(f"there is no task {wrong[0]!r}", f"choose from {', '.join(TASKS)}")
    if not pairs or not rows or (len(rows) < 2 and list(tasks) == ["preference"]):
        raise UsageError("a study needs pairs with frames, and two rows to prefer one of them", "bench run first")
    rng = random.Random(f"{name} {seed}")
    items: list[Item] = []

    def add(task: str, pair: str, shown: list[str], check: bool = False) -> None:
        rng.shuffle(shown)
        left, right = [*shown, ""][:2]
        items.append(Item(f"{rng.getrandbits(48):012x}", task, pair, left, right, check))

    for pair in pairs:
        for a, b in combinations(rows, 2) if "preference" in tasks else ():
            add("preference", pair, [a, b])
        for row in rows if "jnd" in tasks else ():
            add("jnd", pair, [row, TRUTH])
        for row in rows if "rating" in tasks else ():
            add("rating", pair, [row])
    for i in range(max(1, len(items) // CHECK_EVERY)):
        add("preference", pairs[i % len(pairs)], [TRUTH, STILL], check=True)
    rng.shuffle(items)
    return Study(name, seed, dict(setting), tuple(rows), tuple(items))
