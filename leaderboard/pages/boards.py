"""The first page, and the page of every board with all metrics and the differences to a still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard import views
from leaderboard.columns import Column
from leaderboard.site import Site, dataset_card

TITLE, PATH = "", ""
#: The first page holds the tables of boards until it has so many cells; further boards are links.
INLINE_CELLS = 450


def build(site: Site) -> None:
    """Write the pages; the last builder, since the others add pictures and further parts to the boards."""
    _choose_inline(site.boards)
    for view in site.boards:
        for part, heading, _ in view.parts:
            if part in ("metrics", "differences"):
                site.write(view.page(part), "board_part.html", view=view, part=part, heading=heading)
        site.write(view.page(), "board.html", view=view)
    shown = {c.key: c for v in site.boards if v.inline for c in v.board.first}
    site.write(
        "index.html", "index.html", boards=site.boards, runs=site.runs, datasets=_by_dataset(site.boards),
        cards=site.cards.values(), columns=_unique(shown.values()),
    )  # fmt: skip


def _unique(columns: Any) -> list[Column]:
    """One column for each card."""
    return list({c.anchor: c for c in columns}.values())


def _choose_inline(boards: Sequence[views.BoardView]) -> None:
    """Which boards stand on the first page whole: the first ones, as long as it stays small."""
    used = 0
    for view in boards:
        used += len(view.board.rows) * (2 + len(view.board.first))
        view.inline = used <= INLINE_CELLS


def _by_dataset(
    boards: Sequence[views.BoardView],
) -> list[tuple[str, Mapping[str, Any], list[views.BoardView]]]:
    """(dataset slug, its card, its boards) in the order of the boards."""
    found: dict[str, list[views.BoardView]] = {}
    for view in boards:
        found.setdefault(view.board.setting.dataset, []).append(view)
    return [(slug, dataset_card(group[0].board), group) for slug, group in found.items()]
