"""Who wins on which pairs: win matrices with the pairs that decide them, and slices by diagnostic factor."""

from __future__ import annotations

from leaderboard.site import Site
from leaderboard.slices import slice_tables
from leaderboard.wins import win_matrices

TITLE, PATH = "", ""


def build(site: Site) -> None:
    """Write a page of win matrices and a page of slices for every board that has two rows, or factors."""
    for view in site.boards:
        matrices = win_matrices(view.board)
        if matrices:
            view.parts.append(("wins", "Who wins where", "pair by pair, with the pairs that decide"))
            site.write(view.page("wins"), "wins.html", view=view, matrices=matrices)
        tables = slice_tables(view.board, view.facts)
        if tables:
            view.parts.append(("slices", "Slices", "by turning, occlusion, pose gap and other factors"))
            site.write(view.page("slices"), "slices.html", view=view, tables=tables)
