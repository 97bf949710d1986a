"""The table that ``bench run`` ends with: headline scores of a run beside the sanity rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.evaluation.select import find_metric, select_metrics
from bench.protocols import headline_metrics
from bench.store import RunFolder
from datasets.errors import SuiteError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from bench.evaluation.base import MetricSpec


def headline_tables(folders: Sequence[RunFolder]) -> list[Table]:
    """One table a protocol: a row a run (its own row first), a column a headline metric.

    Runs without scores are left out; a metric that has no value shows ``-``, and none where no run has one.
    """
    from bench.evaluation.scores import ALL, read_scores

    frames: list[tuple[dict[str, Any], pd.DataFrame]] = []
    for folder in folders:
        if folder.scores_path.is_file() and not folder.problem:
            scores = read_scores(folder.scores_path)
            frames.append((folder.json, scores[(scores["pair"] == ALL) & (scores["region"] == "whole")]))
    return [_table(protocol, frames) for protocol in frames[0][0]["protocols"]] if frames else []


def _table(protocol: str, frames: Sequence[tuple[dict[str, Any], pd.DataFrame]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    metrics = _columns([scores[scores["protocol"] == protocol] for _, scores in frames])
    title = f"{protocol} · {frames[0][0]['protocols'][protocol]['hash']} · {frames[0][0]['dataset']}"
    table = Table(title=escape(title), title_justify="left")
    table.add_column("row")
    for metric in metrics:
        arrow = {"lower": " ↓", "higher": " ↑"}.get(metric.direction, "")
        name = metric.name if metric.profile == "default" else metric.id
        table.add_column(name + arrow, justify="right")
    for record, scores in frames:
        rows = scores[scores["protocol"] == protocol]
        for mode in dict.fromkeys(rows["mode"]):
            name = record["method"] + (f"+{record['variant']}" if record["variant"] else "")
            label = name if record["method_card"]["sanity"] else f"{name}[{mode}]"
            cells = [_value(rows, mode, metric.name, metric.profile) for metric in metrics]
            table.add_row(escape(label), *cells, style=None if record["method_card"]["sanity"] else "bold")
    return table


def _columns(frames: Sequence[pd.DataFrame]) -> list[MetricSpec]:
    """The headline metrics that some row has a value of, then the profiles that stand in where truth is missing."""

    def has_value(metric: MetricSpec) -> bool:
        return any(
            rows[(rows["metric"] == metric.name) & (rows["profile"] == metric.profile)]["value"].notna().any()
            for rows in frames
        )

    stand_ins = [metric for metric in select_metrics() if metric.stands_in_for]
    return [metric for metric in [*map(find_metric, headline_metrics()), *stand_ins] if has_value(metric)]


def _value(rows: pd.DataFrame, mode: str, metric: str, profile: str) -> str:
    found = rows[(rows["mode"] == mode) & (rows["metric"] == metric) & (rows["profile"] == profile)]["value"]
    value = float(found.iloc[0]) if len(found) else math.nan
    return "-" if math.isnan(value) else f"{value:.4f}"


def print_tables(folders: Sequence[RunFolder]) -> None:
    """Print the tables to standard output."""
    from rich.console import Console

    console = Console()
    try:
        for table in headline_tables(folders):
            console.print(table)
    except SuiteError as error:
        console.print(f"no table: {error.message}")
