"""What the boards do not tell, with the published-order agreement of the synthetic ones."""

from __future__ import annotations

from collections import Counter

from leaderboard.published_order import Agreement, agreement, published_orders
from leaderboard.reported_data import read_reported
from leaderboard.site import Site, dataset_card
from leaderboard.tables import Board

TITLE, PATH = "Limits", "limits.html"


def build(site: Site) -> None:
    """Write the page."""
    orders, total = published_orders(read_reported())
    groups: dict[tuple[str, str, str, int], list[Board]] = {}
    for view in site.boards:
        s = view.board.setting
        if dataset_card(view.board)["synthetic"]:
            groups.setdefault((s.dataset, s.preset, s.annotation_class, s.size), []).append(view.board)
    found: list[tuple[str, list[Agreement], Counter[str]]] = []
    for (dataset, preset, kind, size), boards in groups.items():
        said = agreement(orders, boards)
        found.append((f"{dataset}, {preset}, {kind} annotations, {size} px", said, Counter(a.word for a in said)))
    site.write(PATH, "limits.html", orders=orders, total=total, groups=found)
