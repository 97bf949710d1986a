"""The list of all runs, and the page of each: command, identity, training, speed, where it fails."""

from __future__ import annotations

from leaderboard.run_view import run_view
from leaderboard.site import Site

TITLE, PATH = "Runs", "runs/index.html"


def build(site: Site) -> None:
    """Write the pages."""
    site.write(PATH, "runs.html", runs=site.runs)
    boards = [view.board for view in site.boards if site.may_show(view.board)]
    shown = {run.key for board in boards for row in board.rows for run in row.runs}
    for run in site.runs:
        view = run_view(run, site.media if run.key in shown else None)
        site.write(view.page, "run.html", view=view)
