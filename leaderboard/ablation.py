"""Ablation tables: each variant of a method against the one it is defined to be compared with."""

from __future__ import annotations

from dataclasses import dataclass

from leaderboard.cells import Cell, Difference, compare
from leaderboard.columns import Column, ColumnKey
from leaderboard.tables import Board, Row, Setting

FULL = "full"


@dataclass(frozen=True)
class AblationRow:
    """One variant: what it is called, what it is compared with, and the paired differences by column.

    Attributes:
        label: the paper's name of the variant ("full method" for the method itself).
        compare_to: slug of its partner ("" = it is not compared); ``partner`` is that row, where it was run.
    """

    row: Row
    label: str
    compare_to: str
    partner: Row | None
    differences: dict[ColumnKey, Difference]


@dataclass(frozen=True)
class Ablation:
    """The ablation table of one method and mode in one setting."""

    setting: Setting
    method: str
    mode: str
    columns: list[Column]
    rows: list[AblationRow]


def _partner(row: Row, siblings: list[Row]) -> Row | None:
    slug = str(row.runs[0].card("compare_to") or FULL)
    slug = "" if slug == FULL else slug
    return next((r for r in siblings if r.variant == slug and r is not row), None)


def _ablation_row(row: Row, siblings: list[Row], board: Board) -> AblationRow:
    if not row.variant:
        return AblationRow(row, "full method", "", None, {})
    partner = _partner(row, siblings)
    differences = {
        c.key: compare(row.cells.get(c.key, Cell("missing")), partner.cells.get(c.key), c.direction, board.clusters)
        for c in board.headline
        if partner is not None
    }
    card = row.runs[0].card
    return AblationRow(
        row, str(card("variant_label") or row.variant), str(card("compare_to") or FULL), partner, differences
    )


def ablations(board: Board) -> list[Ablation]:
    """One table for every method, mode and set of overrides of a board that has at least one variant."""
    grouped: dict[tuple[str, str, str], list[Row]] = {}
    for row in [*board.methods, *board.variants]:
        grouped.setdefault((row.method, row.mode, row.overrides), []).append(row)
    found = []
    for (method, mode, _), siblings in sorted(grouped.items()):
        if any(r.variant for r in siblings):
            rows = [_ablation_row(r, siblings, board) for r in sorted(siblings, key=lambda r: r.sort_key)]
            found.append(Ablation(board.setting, method, mode, board.headline, rows))
    return found
