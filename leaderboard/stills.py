"""Is a method better than a photo that does not move at all?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leaderboard.columns import Column
    from leaderboard.tables import Row

#: still pictures that every method has to beat before anything else is said of it
STILLS = ("copy-source", "faded-source")


def decisive(columns: Iterable[Column]) -> list[Column]:
    """Of some columns those that have a say: with a direction, and no still photo can win them."""
    return [c for c in columns if c.directed and not c.still_can_win]


def beats_stills(row: Row, columns: Sequence[Column]) -> tuple[str, str]:
    """Whether a row is better than both still pictures in every headline metric that no still picture can win.

    A faded photo is nearer to the truth than the photo in some metrics, so it takes both to say that a number is about
    motion. Pairs or metrics without a value of this row make it undecided at best: nobody gains by failing.

    Args:
        columns: headline columns of the board, see :func:`decisive`.

    Returns:
        (``yes``, ``no``, ``undecided`` or "" where nothing can be compared, what decided it).
    """
    verdicts, lost, parts = [], False, []
    for name, differences in sorted(row.against.items()):
        for column in (c for c in decisive(columns) if c.key in differences):
            difference, what = differences[column.key], f"{column.key.metric} ({column.key.region})"
            if difference.verdict:
                verdicts.append(difference.verdict)
                word = "undecided against" if difference.verdict == "undecided" else f"{difference.verdict} than"
                parts.append(f"{word} {name} in {what}")
            if difference.lost:
                lost = True
                parts.append(f"{difference.lost} pairs without a value in {what}")
    if not verdicts:
        return "", "there is nothing to compare with"
    text = "; ".join(dict.fromkeys(parts))
    if not lost and all(v == "better" for v in verdicts):
        return "yes", text
    return ("no" if "worse" in verdicts else "undecided"), text
