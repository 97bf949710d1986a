"""Slices: means of the rows over pairs that share a level of a diagnostic factor (turning, occlusion, ...)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.cells import Interval
from leaderboard.columns import SECOND, Column
from leaderboard.tables import Board, Row

MAX_ROWS = 12
MAX_METRICS = 2
#: a factor with more distinct texts than this is no factor but a name
MAX_LEVELS = 12
LEAST = 3
THIRDS = ("low third", "middle third", "high third")
#: metrics that slices are read by, the most telling first
METRICS = ("akd", "motion-agreement", "l1", "ssim")


@dataclass(frozen=True)
class SliceTable:
    """One metric: ``slices`` are (factor, level, pairs); ``cells[row][slice]`` the mean with its interval or None."""

    column: Column
    slices: Sequence[tuple[str, str, tuple[str, ...]]]
    rows: Sequence[Row]
    cells: Sequence[Sequence[Interval | None]]


def slices_of(facts: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, tuple[str, ...]]]:
    """(factor, level, pairs): each level of a text factor, and the thirds of a number; a factor that does not vary, or
    whose slices have fewer than three pairs, is left out."""
    values: dict[str, dict[str, Any]] = {}
    for pair, fact in sorted(facts.items()):
        factors = fact.get("factors")
        for name, value in factors.items() if isinstance(factors, Mapping) else ():
            values.setdefault(str(name), {})[pair] = value
    found = []
    for name, known in sorted(values.items()):
        numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in known.values())
        parts = _thirds(known) if numeric else _levels(known)
        if len(parts) > 1:
            found += [(name, level, pairs) for level, pairs in parts if len(pairs) >= LEAST]
    return found


def _thirds(known: Mapping[str, float]) -> list[tuple[str, tuple[str, ...]]]:
    """Thirds by rank, with the range of each; levels instead where there are few distinct numbers."""
    distinct = sorted(set(known.values()))
    if len(distinct) <= 5:
        return [(f"{v:g}", tuple(p for p in known if known[p] == v)) for v in distinct]
    order = sorted(known, key=lambda p: (known[p], p))
    n = len(order)
    parts = [order[i * n // 3 : (i + 1) * n // 3] for i in range(3)]
    return [
        (f"{word} ({known[part[0]]:.3g} to {known[part[-1]]:.3g})", tuple(sorted(part)))
        for word, part in zip(THIRDS, parts, strict=True)
        if part
    ]


def _levels(known: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    levels = sorted({str(v) for v in known.values()})
    if len(levels) > MAX_LEVELS:
        return []
    return [(level, tuple(p for p in known if str(known[p]) == level)) for level in levels]


def slice_tables(board: Board, facts: Mapping[str, Mapping[str, Any]]) -> list[SliceTable]:
    """A table for each of the metrics that slices are read by, as far as the board has them."""
    slices = slices_of(facts)
    fit = {c.key.metric: c for c in board.measured[::-1] if _fits(c)}
    columns = [fit[name] for name in METRICS if name in fit][:MAX_METRICS]
    found = []
    for column in columns if slices else ():
        rows = [r for r in [*board.methods, *board.variants] if r.cells[column.key].pairs][:MAX_ROWS]
        rows += [r for r in board.sanity if r.cells[column.key].pairs]
        if rows:
            found.append(SliceTable(column, slices, rows, [_cells(board, row, column, slices) for row in rows]))
    return found


def _fits(column: Column) -> bool:
    return column.directed and column.key.region == "whole" and column.key.profile not in (SECOND, "driving")


def _cells(board: Board, row: Row, column: Column, slices: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[Any]:
    from leaderboard.figures import mean_interval

    by_seed = row.cells[column.key].by_seed
    found: list[Interval | None] = []
    for _, _, pairs in slices:
        part = {seed: {p: known[p] for p in pairs if p in known} for seed, known in by_seed.items()}
        if not any(part.values()):
            found.append(None)
            continue
        result = mean_interval(part, board.clusters)
        found.append(Interval.of(result.mean, result.low, result.high))
    return found
