"""``--shard i/n``: every n-th pair from the i-th on, so that several machines share a protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from datasets.errors import UsageError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Part ``index`` of ``count`` (0-based)."""

    index: int = 0
    count: int = 1

    def of(self, items: Sequence[Item]) -> list[Item]:
        """The items of this part; the parts together are all items."""
        return list(items[self.index :: self.count])


def parse_shard(text: str) -> Shard:
    """``i/n`` with 0 <= i < n; "" is everything.

    Raises:
        UsageError: anything else.
    """
    if not text:
        return Shard()
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None or not int(match[1]) < int(match[2]):
        raise UsageError(f"--shard {text!r} is not of the form i/n", "0/4, 1/4, 2/4 and 3/4 are the parts of four")
    return Shard(int(match[1]), int(match[2]))
