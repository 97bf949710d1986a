"""Every metric exactly: its card, and how it behaves on the ladders of the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from bench.evaluation.audit import results
from datasets.errors import SuiteError
from leaderboard.ladders import ladder_plot
from leaderboard.site import Site

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec

TITLE, PATH = "Metrics", "metrics.html"


@dataclass(frozen=True)
class MetricView:
    """A card, why its audit no longer holds, and (ladder, verdict, claimed, picture) of each ladder."""

    card: MetricSpec
    stale: str
    ladders: list[tuple[str, str, bool, Markup]]


def build(site: Site) -> None:
    """Write the page."""
    try:
        audit = results.read()
    except SuiteError:
        audit = {"ladders": {}, "metrics": {}}
    views = [_view(card, audit) for card in site.cards.values()]
    site.write(PATH, "metrics.html", metrics=views, ladders=audit["ladders"])


def _view(card: MetricSpec, audit: Mapping[str, Any]) -> MetricView:
    found = audit["metrics"].get(card.id)
    if found is None:
        return MetricView(card, "", [])
    plots = [
        (name, str(known["verdict"]), name in card.claims, ladder_plot(name, audit["ladders"][name], known))
        for name, known in found["ladders"].items()
        if name in audit["ladders"]
    ]
    return MetricView(card, results.stale(card, found), plots)
