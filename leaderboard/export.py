"""The numbers of a board as CSV, JSON and parquet: one line per row and column, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from leaderboard.ablation import Ablation
from leaderboard.cells import Cell, Difference, Interval
from leaderboard.tables import Board, Row, Setting

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _setting(setting: Setting) -> dict[str, Any]:
    return dict(zip(setting._fields, setting, strict=True))


def _numbers(interval: Interval | None, prefix: str = "") -> dict[str, Any]:
    value, low, high = interval if interval is not None else (None, None, None)
    return {f"{prefix}value": value, f"{prefix}low": low, f"{prefix}high": high}


def _row(row: Row) -> dict[str, Any]:
    return {
        "row": row.label, "method": row.method, "variant": row.variant, "mode": row.mode, "overrides": row.overrides,
        "sanity": row.sanity, "seeds": " ".join(row.seeds), "standing": row.standing,
    }  # fmt: skip


def _rank(cell: Cell) -> dict[str, Any]:
    """Rank of a cell; empty where it has none. ``p_best`` is the probability of rank 1 by the judge less sure of it."""
    rank = cell.rank
    known = rank is not None and math.isfinite(rank.least)
    return {
        "rank": rank.place if rank else None,
        "ranked_rows": rank.of if rank else None,
        "p_best": rank.least if rank and known else None,
        "rank_word": rank.word if rank else "",
        "tied_with": "; ".join(rank.tied) if rank else "",
        "rank_note": cell.unranked,
    }


def _difference(difference: Difference | None, prefix: str) -> dict[str, Any]:
    if difference is None:
        return {**_numbers(None, prefix), f"{prefix}verdict": "", f"{prefix}pairs": 0}
    return {
        **_numbers(difference.interval, prefix),
        f"{prefix}verdict": difference.verdict,
        f"{prefix}pairs": difference.n,
    }


def board_records(board: Board) -> list[dict[str, Any]]:
    """One record per row and column of a board, in the order shown."""
    records = []
    for row in board.rows:
        for column in board.columns:
            cell = row.cells[column.key]
            record = {
                **_setting(board.setting), **_row(row), **column.key._asdict(), "direction": column.direction,
                "status": cell.status, "reason": cell.reason, **_numbers(cell.interval), "pairs": cell.n,
                "pairs_asked": cell.total, "best": cell.best, **_rank(cell),
            }  # fmt: skip
            for name in sorted(board.stills):
                difference = row.against.get(name, {}).get(column.key)
                record |= _difference(difference, f"minus_{name.replace('-', '_')}_")
            records.append(record)
    return records


def ablation_records(ablation: Ablation) -> list[dict[str, Any]]:
    """One record per variant and column of an ablation table, in the order shown."""
    records = []
    for entry in ablation.rows:
        for column in ablation.columns:
            cell = entry.row.cells[column.key]
            records.append(
                {
                    **_setting(ablation.setting),
                    **_row(entry.row),
                    "label": entry.label,
                    "compare_to": entry.compare_to,
                    **column.key._asdict(),
                    "direction": column.direction,
                    "status": cell.status,
                    "reason": cell.reason,
                    **_numbers(cell.interval),
                    "pairs": cell.n,
                    **_difference(entry.differences.get(column.key), "difference_"),
                }
            )
    return records


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay as they are."""
    if isinstance(value, float):
        return f"{value:.17g}"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value


def to_csv(records: list[dict[str, Any]]) -> str:
    """CSV text with a header; "" for no records."""
    if not records:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _safe(v) for k, v in r.items()} for r in records)
    return out.getvalue()


def to_json(records: list[dict[str, Any]]) -> str:
    """JSON text: a list of records."""
    return json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_parquet(records: list[dict[str, Any]], path: Path) -> None:
    """Write records as a parquet file; without records it has no columns."""
    import pandas as pd

    pd.DataFrame(records).to_parquet(path, index=False)


def pair_records(board: Board) -> list[dict[str, Any]]:
    """One record per row, column, training seed and pair: everything that the board's numbers are means of."""
    records = []
    for row in board.rows:
        for column in board.columns:
            for seed, values in sorted(row.cells[column.key].by_seed.items()):
                for pair, value in sorted(values.items()):
                    records.append(
                        {"row": row.label, "seed": seed, **column.key._asdict(), "pair": pair, "value": value}
                    )
    return records
