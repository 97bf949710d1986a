"""What a report is made from: run folders of one or several machines, metric cards, and what each pair shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.frames import PAIRS
from datasets.errors import UsageError
from datasets.files import safe_name
from leaderboard.cells import Clusters
from leaderboard.runs import RunData, below, load_runs
from leaderboard.tables import Setting

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec


@dataclass(frozen=True)
class Store:
    """The runs folders of a report: its own first (name ""), then the included ones."""

    roots: Mapping[str, Path]

    @classmethod
    def of(cls, runs: Path, include: Sequence[Path] = ()) -> Store:
        """The runs folder and the included ones, each with a short name of its own.

        Args:
            include: runs folders, or folders with a ``runs`` folder in them.

        Raises:
            UsageError: an included folder is not there.
        """
        roots = {"": runs}
        for path in include:
            found = path / "runs" if (path / "runs").is_dir() else path
            if not found.is_dir():
                raise UsageError(f"there is no folder {path} to include", "give a runs folder, or one that holds it")
            name = path.name if path.name != "runs" else path.absolute().parent.name
            number = sum(known.partition(" ")[0] == name for known in roots)
            roots[f"{name} {number + 1}" if number else name] = found
        return cls(roots)

    def load(self) -> list[RunData]:
        """Every run of every root, the report's own first."""
        return [run for origin, root in self.roots.items() for run in load_runs(root, origin)]

    def references(self, setting: Setting) -> Path | None:
        """Folder of the references that the runs of a setting share: of the first root that has it."""
        name = f"{safe_name(setting.protocol)}-{setting.protocol_hash}"
        folders = (below(root, setting.dataset, "references", name) for root in self.roots.values())
        return next((folder for folder in folders if folder is not None and folder.is_dir()), None)

    def pairs(self, setting: Setting) -> dict[str, Mapping[str, Any]]:
        """What each pair shows (source identity, driving motion, factors), from what lies beside the references."""
        folder = self.references(setting)
        try:
            pairs = json.loads((folder / PAIRS).read_text(encoding="utf-8")) if folder else {}
        except (OSError, ValueError):
            pairs = {}
        return {str(k): v for k, v in pairs.items() if isinstance(v, dict)} if isinstance(pairs, dict) else {}


def clusters_of(pairs: Mapping[str, Mapping[str, Any]]) -> Clusters:
    """Source identity and driving motion of each pair."""
    return Clusters(
        {k: str(v.get("source_identity") or "") for k, v in pairs.items()},
        {k: str(v.get("driving_motion") or "") for k, v in pairs.items()},
    )


def read_clusters(root: Path, setting: Setting) -> Clusters:
    """Source identity and driving motion of each pair of a setting of one runs folder."""
    return clusters_of(Store({"": root}).pairs(setting))


def metric_cards() -> dict[str, MetricSpec]:
    """Cards of all metrics that are installed, in the suite's order, plugins after; broken plugins are left out."""
    from bench import registry
    from bench.evaluation import BUILTIN

    entries = registry.entries("metrics")
    order = {name: i for i, name in enumerate(BUILTIN)}
    cards = {}
    for name in sorted(entries, key=lambda n: (order.get(n, len(order)), n)):
        try:
            card = entries[name].load()
        except UsageError:
            continue
        cards[card.id] = card
    return cards
