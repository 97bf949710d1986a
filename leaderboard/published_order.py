"""Published-order agreement: how many orders that the papers' real data agree on does a synthetic board reproduce?

Of the pairwise orders of fomm, mraa, tps and neural-texture in tables I and II of the neural-texture paper (ji2025: six
couples, five metrics of self-reconstruction and three of cross-animation) those that are the same on all three sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from leaderboard.columns import Column
from leaderboard.reported_data import Reported
from leaderboard.tables import Board

METHODS = ("fomm", "mraa", "tps", "neural-texture")
#: the paper prints two sizes of its own method; this is its default
OWN_VARIANT = "128-256"
SOURCES = {"I": "self-reconstruction", "II": "cross-animation"}
#: (protocol, printed metric) -> metrics of a synthetic board that ask the same, the nearest first
SAME = {
    ("self-reconstruction", "L1"): ("l1@default",),
    ("self-reconstruction", "FID"): ("frechet@synth",),
    ("self-reconstruction", "AED"): ("aed@default",),
    ("self-reconstruction", "MKR"): ("mkr@default",),
    ("self-reconstruction", "AKD"): ("akd@default",),
    ("cross-animation", "AED"): ("aed@source",),
    ("cross-animation", "MKR"): ("mkr@default",),
    ("cross-animation", "AKD"): ("akd@driving", "akd@default"),
}


@dataclass(frozen=True)
class PublishedOrder:
    """``better`` has the better number than ``worse`` in one metric, on all data sets of the paper."""

    protocol: str
    metric: str
    better: str
    worse: str


@dataclass(frozen=True)
class Agreement:
    """One published order on a synthetic board: ``reproduced``, ``reversed``, ``equal``, or ``not measured``."""

    order: PublishedOrder
    word: str
    here: str = ""


def published_orders(numbers: Iterable[Reported]) -> tuple[list[PublishedOrder], int]:
    """(the unanimous orders, how many couples and metrics there are in all)."""
    values: dict[tuple[str, str], dict[str, dict[str, Reported]]] = {}
    for n in numbers:
        own = n.method != "neural-texture" or n.variant == OWN_VARIANT
        if n.paper == "ji2025" and SOURCES.get(n.table) == n.protocol and n.method in METHODS and own:
            values.setdefault((n.protocol, n.metric), {}).setdefault(n.dataset, {})[n.method] = n
    found, total = [], 0
    for (protocol, metric), sets in values.items():
        for a, b in combinations(METHODS, 2):
            total += 1
            signs = {_sign(known[a], known[b]) for known in sets.values() if a in known and b in known}
            if len(signs) == 1 and 0 not in signs:
                better, worse = (a, b) if signs == {1} else (b, a)
                found.append(PublishedOrder(protocol, metric, better, worse))
    return found, total


def _sign(a: Reported, b: Reported) -> int:
    """1 where a has the better number, -1 where b has, 0 where they are equal."""
    if a.number == b.number:
        return 0
    return 1 if (a.number < b.number) == (a.direction == "lower") else -1


def agreement(orders: Sequence[PublishedOrder], boards: Sequence[Board]) -> list[Agreement]:
    """What the boards of one data set and preset say on each published order, by their means alone."""
    return [_on(order, boards) for order in orders]


def _on(order: PublishedOrder, boards: Sequence[Board]) -> Agreement:
    for board in (b for b in boards if b.setting.name == order.protocol):
        for name in SAME[order.protocol, order.metric]:
            for column in board.columns:
                if f"{column.key.metric}@{column.key.profile}" == name and column.key.region == "whole":
                    values = [_value(board, method, column) for method in (order.better, order.worse)]
                    if None not in values:
                        return _compared(order, column, values[0], values[1])  # type: ignore[arg-type]
    return Agreement(order, "not measured")


def _compared(order: PublishedOrder, column: Column, better: float, worse: float) -> Agreement:
    sign = 1 if column.direction == "higher" else -1
    word = "equal" if better == worse else ("reproduced" if sign * (better - worse) > 0 else "reversed")
    return Agreement(order, word, f"{column.metric_id}: {better:.4g} against {worse:.4g}")


def _value(board: Board, method: str, column: Column) -> float | None:
    """The number of the method's first full row, None where there is none."""
    for row in board.methods:
        interval = row.cells[column.key].interval if row.method == method and not row.overrides else None
        if interval is not None:
            return interval.value
    return None
