"""What human studies found."""

from __future__ import annotations

from leaderboard.site import Site
from leaderboard.study.analysis import headline
from leaderboard.study.design import CRITERIA
from leaderboard.study.store import load_studies

TITLE, PATH = "Human study", "study.html"


def build(site: Site) -> None:
    """Write the page."""
    studies = load_studies(site.store.roots.values())
    site.write(PATH, "studies.html", studies=[(s, headline(s)) for s in studies], criteria=CRITERIA)
