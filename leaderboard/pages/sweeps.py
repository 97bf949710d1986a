"""Sweeps: how settings were tuned on the validation split, a page each."""

from __future__ import annotations

from leaderboard.site import Site
from leaderboard.sweep_page import sweep_views

TITLE, PATH = "Sweeps", "sweeps.html"


def build(site: Site) -> None:
    """Write the list of sweeps and a page for each."""
    found = [view for root in site.store.roots.values() for view in sweep_views(root)]
    site.write(PATH, "sweeps.html", sweeps=found)
    for view in found:
        site.write(view.page, "sweep.html", view=view)
