"""A page for each data set: its card, its boards, and what its pairs are like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.site import Site, dataset_card
from leaderboard.slices import slices_of
from leaderboard.views import BoardView, dataset_page

TITLE, PATH = "Datasets", "datasets/index.html"


@dataclass(frozen=True)
class DatasetView:
    """One data set: its card, its boards, what was found in its data, and its factors: (board, slices)."""

    slug: str
    card: Mapping[str, Any]
    boards: Sequence[BoardView]
    findings: Sequence[str]
    runs: int

    @property
    def factors(self) -> list[tuple[BoardView, list[tuple[str, list[tuple[str, int]]]]]]:
        """(board, (factor, (level, pairs))) of the boards that say what their pairs show; each pair list once."""
        found, seen = [], set[str]()
        for view in self.boards:
            parts = slices_of(view.facts)
            if parts and view.board.setting.protocol_hash not in seen:
                seen.add(view.board.setting.protocol_hash)
                factors: dict[str, list[tuple[str, int]]] = {}
                for name, level, pairs in parts:
                    factors.setdefault(name, []).append((level, len(pairs)))
                found.append((view, list(factors.items())))
        return found


def build(site: Site) -> None:
    """Write the pages."""
    found: dict[str, list[BoardView]] = {}
    for view in site.boards:
        found.setdefault(view.board.setting.dataset, []).append(view)
    counts = Counter(run.text("dataset_slug") or run.text("dataset") for run in site.runs)
    datasets = [_dataset(site, slug, boards, counts[slug]) for slug, boards in sorted(found.items())]
    site.write(PATH, "datasets.html", datasets=datasets)
    for dataset in datasets:
        site.write(dataset_page(dataset.slug), "dataset.html", dataset=dataset)


def _dataset(site: Site, slug: str, boards: Sequence[BoardView], runs: int) -> DatasetView:
    lines = [
        str(line) for run in site.runs if (run.text("dataset_slug") or run.text("dataset")) == slug
        for line in (run.info.get("findings") or []) if isinstance(run.info.get("findings"), list)
    ]  # fmt: skip
    return DatasetView(slug, dataset_card(boards[0].board), boards, list(dict.fromkeys(lines)), runs)
