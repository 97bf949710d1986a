"""Win matrices: on which share of the pairs is a row better than another, and which pairs decide it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.columns import SECOND, Column
from leaderboard.tables import Board, Row

if TYPE_CHECKING:
    from bench.evaluation.statistics import WinRate

#: More rows make a matrix that nobody reads; the first by the board's order are taken.
MAX_ROWS = 12
MAX_METRICS = 4
DECIDING = 3


@dataclass(frozen=True)
class Duel:
    """One row against another: the rate, and the pairs on which the first wins and loses most, with the difference."""

    rate: WinRate
    won: Sequence[tuple[str, float]]
    lost: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Matrix:
    """All duels in one metric; ``duels[i, j]``: row i against row j."""

    column: Column
    rows: Sequence[Row]
    duels: dict[tuple[int, int], Duel]


def win_matrices(board: Board) -> list[Matrix]:
    """A matrix for each headline metric that has values of single pairs of two rows or more."""
    found: list[Matrix] = []
    for column in board.headline:
        if not column.directed or column.key.region != "whole" or column.key.profile == SECOND:
            continue
        rows = [r for r in [*board.methods, *board.variants] if r.cells[column.key].pairs][:MAX_ROWS]
        rows += [r for r in board.stills.values() if r.cells[column.key].pairs]
        if len(rows) > 1 and len(found) < MAX_METRICS:
            found.append(_matrix(board, column, rows))
    return found


def _matrix(board: Board, column: Column, rows: Sequence[Row]) -> Matrix:
    from bench.evaluation.statistics import WinRate
    from leaderboard.figures import win_rate

    duels = {}
    for i, a in enumerate(rows):
        for j, b in enumerate(rows[:i]):
            mine, theirs = a.cells[column.key], b.cells[column.key]
            rate = win_rate(mine.by_seed, theirs.by_seed, board.clusters, column.direction)
            back = WinRate(
                rate.losses, rate.ties, rate.wins, rate.n, rate.lost, 1 - rate.rate, 1 - rate.high, 1 - rate.low,
                rate.effective,
            )  # fmt: skip
            sign = 1 if column.direction == "higher" else -1
            gains = sorted(
                ((p, mine.pairs[p] - theirs.pairs[p]) for p in mine.pairs.keys() & theirs.pairs.keys()),
                key=lambda item: (-sign * item[1], item[0]),
            )
            won = [g for g in gains[:DECIDING] if sign * g[1] > 0]
            lost = [g for g in gains[::-1][:DECIDING] if sign * g[1] < 0]
            duels[i, j] = Duel(rate, won, lost)
            duels[j, i] = Duel(back, [(p, -d) for p, d in lost], [(p, -d) for p, d in won])
    return Matrix(column, rows, duels)
