"""The list of methods, and a page for each: its card, its rows on every board, its variants and its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench import registry
from datasets.errors import SuiteError
from leaderboard.runs import RunData
from leaderboard.site import Site
from leaderboard.tables import Row
from leaderboard.views import BoardView, method_page

TITLE, PATH = "Methods", "methods/index.html"


@dataclass
class MethodView:
    """What is known of a method: its card as its newest run states it, its runs, its rows by board."""

    name: str
    runs: list[RunData] = field(default_factory=list)
    boards: list[tuple[BoardView, list[Row]]] = field(default_factory=list)
    spec: Any = None

    def card(self, name: str) -> Any:
        """A field of the card ("" where nobody says)."""
        stated = next((r.card(name) for r in reversed(self.runs) if r.card(name)), "")
        return stated or getattr(self.spec, name, "") or ""

    @property
    def sanity(self) -> bool:
        """A bar, no method."""
        return bool(self.card("sanity"))


def collect(site: Site) -> list[MethodView]:
    """Every method that has a run, methods before bars."""
    found: dict[str, MethodView] = {}
    for run in sorted(site.runs, key=lambda r: (r.finished, r.key)):
        found.setdefault(run.method, MethodView(run.method, spec=_spec(run.method))).runs.append(run)
    for view in site.boards:
        by_method: dict[str, list[Row]] = {}
        for row in view.board.rows:
            by_method.setdefault(row.method, []).append(row)
        for name, rows in by_method.items():
            found[name].boards.append((view, rows))
    return sorted(found.values(), key=lambda m: (m.sanity, m.name))


def _spec(name: str) -> Any:
    """The registered card, where the method is installed here."""
    try:
        return registry.get("methods", name)
    except SuiteError:
        return None


def build(site: Site) -> None:
    """Write the pages."""
    methods = collect(site)
    site.write(PATH, "methods.html", methods=methods)
    for method in methods:
        site.write(method_page(method.name), "method.html", method=method)
