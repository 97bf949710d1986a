"""The papers' own tables as printed, and beside our rows where the settings are equal."""

from __future__ import annotations

from dataclasses import asdict

from leaderboard.reported_data import PAPERS, SHARE_NOTHING, printed_tables, read_reported
from leaderboard.side_by_side import beside
from leaderboard.site import Site

TITLE, PATH = "Reported", "reported.html"


def build(site: Site) -> None:
    """Write the page, and the numbers as a file."""
    numbers = read_reported()
    files = site.download("reported", [{**asdict(n), "value": n.number} for n in numbers])
    site.write(
        PATH, "reported.html", files=files, numbers=numbers, papers=PAPERS, alone=SHARE_NOTHING,
        tables=printed_tables(numbers), beside=beside(numbers, [view.board for view in site.boards]),
    )  # fmt: skip
