"""Ranks on a board: who is better than whom in each headline metric, and how sure that is.

Only rows that may be ranked take part (:func:`leaderboard.tables.standing`), and only in columns where they have every
pair: no row gains by failing. Where a metric is measured by two judges, a row is better than another only where both
judges say so; all else is a tie.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.cells import Cell, Clusters
from leaderboard.columns import SECOND, Column

if TYPE_CHECKING:
    from bench.evaluation.statistics import Order
    from leaderboard.figures import Ranks
    from leaderboard.tables import Row

Rankings = Mapping[str, "Ranks"]


@dataclass(frozen=True)
class Rank:
    """Place of one row in one column.

    Attributes:
        place: 1 + number of rows that are separably better, by every judge; ``of``: rows that are ranked.
        tied: labels of the rows from which it cannot be separated.
        alone: no other row has this place.
        p_best: judge (its short name, "" where none is asked) -> probability of rank 1.
        low, high: judge -> 95 % interval of the rank.
    """

    place: int
    of: int
    tied: tuple[str, ...]
    alone: bool
    p_best: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]

    @property
    def word(self) -> str:
        """``best``, ``tied with best`` or "" (somebody is separably better)."""
        if self.place > 1:
            return ""
        return "best" if self.alone else "tied with best"

    @property
    def least(self) -> float:
        """Probability of rank 1 by the judge that is less sure of it; NaN where one cannot tell."""
        known = list(self.p_best.values())
        return math.nan if any(map(math.isnan, known)) else min(known)


def rank_board(rows: Sequence[Row], columns: Sequence[Column], clusters: Clusters) -> None:
    """Give the cells of headline columns their ranks.

    Args:
        rows: methods of one board; those with a ``standing`` are not ranked.
        columns: all of the board.
    """
    for column in columns:
        if column.headline and column.directed and column.key.profile != SECOND:
            judges = [column, *(c for c in columns if _second_of(c, column))]
            _rank_column(rows, judges, clusters)


def _second_of(other: Column, column: Column) -> bool:
    same = other.key.metric == column.key.metric and other.key.region == column.key.region
    return same and other.key.profile == SECOND


def _rank_column(rows: Sequence[Row], judges: Sequence[Column], clusters: Clusters) -> None:
    """Rank the rows in one column by one or two judges."""
    entered: dict[str, Row] = {}
    for row in (r for r in rows if not r.standing):
        if why := next(filter(None, (_unfit(row.cells[c.key], c) for c in judges)), ""):
            row.cells[judges[0].key].unranked = why
        else:
            entered[f"{row.label} {row.runs[0].text('trained')}"] = row
    if len(entered) < 2:
        return
    found = {c.judge: _ranking({n: r.cells[c.key] for n, r in entered.items()}, c, clusters) for c in judges}
    if any(ranking.left_out for ranking in found.values()):
        for row in entered.values():
            row.cells[judges[0].key].unranked = "no rank: a row has no value on the pairs that all rows have"
        return
    from bench.evaluation.statistics import Order, merge_orders

    first, *others = (Order(ranking.methods, ranking.beats) for ranking in found.values())
    order = merge_orders(first, *others)
    for row in rows:
        row.cells[judges[0].key].best = False
    for name, row in entered.items():
        rank = _rank(name, order, found, {n: r.label for n, r in entered.items()})
        cell = row.cells[judges[0].key]
        cell.rank, cell.best = rank, rank.word == "best"


def _unfit(cell: Cell, column: Column) -> str:
    """Why a cell cannot be ranked, "" where it can."""
    by = f" by {column.judge}" if column.judge else ""
    if not cell.ok:
        return f"no rank: no number{by}"
    if cell.partial:
        return f"no rank: {cell.total - cell.n} pairs have no value{by}"
    if cell.whole and cell.measure is None:
        return f"no rank: {cell.method or 'one number for the whole set'}{by}"
    return ""


def _ranking(cells: Mapping[str, Cell], column: Column, clusters: Clusters) -> Ranks:
    measures = {name: cell.measure for name, cell in cells.items() if cell.measure is not None}
    if len(measures) == len(cells):
        from leaderboard.sets import ranking_of

        common = set.intersection(*(set(m.pairs) for m in measures.values()))
        return ranking_of(measures, clusters.frame(sorted(common)), column.direction)
    from leaderboard.figures import rank_methods

    return rank_methods({n: c.by_seed for n, c in cells.items()}, clusters, column.direction)


def _rank(name: str, order: Order, found: Rankings, labels: Mapping[str, str]) -> Rank:
    places = order.places
    tied = [b if a == name else a for a, b in order.ties if name in (a, b)]
    rows = {judge: ranks.rows[name] for judge, ranks in found.items()}
    return Rank(
        places[name],
        len(labels),
        tuple(labels[other] for other in tied),
        sum(place == places[name] for place in places.values()) == 1,
        {judge: row[0] for judge, row in rows.items()},
        {judge: row[1] for judge, row in rows.items()},
        {judge: row[2] for judge, row in rows.items()},
    )
