"""Every board of a report with its downloads, before any page is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.errors import UsageError
from leaderboard import views
from leaderboard.ablation import ablations
from leaderboard.cite import Cited, latex
from leaderboard.export import ablation_records, board_records, pair_records, to_parquet
from leaderboard.inputs import Store, clusters_of, metric_cards
from leaderboard.runs import RunData
from leaderboard.site import Site
from leaderboard.tables import Board, group_runs, make_board
from leaderboard.tradeoffs import trade_offs


def prepare_boards(site: Site) -> None:
    """Compute every board from the runs, in the order of the report."""
    for setting, members in group_runs(site.runs).items():
        facts = site.store.pairs(setting)
        board = make_board(setting, members, site.cards, clusters_of(facts))
        site.boards.append(_view(site, board, facts))


def board_of(runs: Sequence[RunData], store: Store, protocol: str, dataset: str, preset: str) -> Board:
    """The one board of a protocol (with or without its version), data set and preset.

    Raises:
        UsageError: there is none, or there are several.
    """
    settings = {
        s: members for s, members in group_runs(runs).items()
        if protocol in (s.protocol, s.name) and s.dataset == dataset and s.preset == preset
    }  # fmt: skip
    if len(settings) != 1:
        found = ", ".join(f"{s.protocol} of {s.dataset}, {s.preset}" for s in group_runs(runs)) or "none"
        raise UsageError(f"{len(settings)} boards are {protocol} of {dataset}, {preset}", f"there are: {found}")
    ((setting, members),) = settings.items()
    return make_board(setting, members, metric_cards(), clusters_of(store.pairs(setting)))


def _view(site: Site, board: Board, facts: Mapping[str, Mapping[str, Any]]) -> views.BoardView:
    name, decimals = views.board_id(board), views.board_decimals(board)
    files = site.download(name, board_records(board), latex(Cited(board, board.methods)))
    pairs = pair_records(board)
    if pairs:
        files = views.Files(files.csv, files.json, files.parquet, files.tex, f"data/{name}-pairs.parquet")
        to_parquet(pairs, site.folder / files.pairs)
    tables = []
    for i, table in enumerate(ablations(board)):
        anchor = f"ablation-{name}-{i + 1}"
        tables.append(views.AblationView(anchor, table, decimals, site.download(anchor, ablation_records(table))))
    view = views.BoardView(name, board, decimals, files, tables, facts, pareto=trade_offs(board))
    if view.more:
        view.parts.append(("metrics", "All metrics", f"{len(board.measured)} metrics and regions, by family"))
    if view.compared:
        view.parts.append(("differences", "Differences to a still", "paired over the same clips, with verdicts"))
    return view
