"""What changed between two reports of the same boards, and why: which identity of a row is another one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.errors import UsageError
from leaderboard.export import board_records
from leaderboard.tables import Board, Row
from leaderboard.views import BoardView

IDENTITIES = "data/identities.json"
_KEYS = ("row", "overrides", "metric", "profile", "judge", "region")


@dataclass(frozen=True)
class Change:
    """One number that is another one now; ``old`` or ``new`` is None where there is none."""

    row: str
    column: str
    old: float | None
    new: float | None
    why: str


@dataclass(frozen=True)
class BoardChange:
    """What changed on one board: rows that came and went, numbers that moved; ``same``: numbers that did not."""

    title: str
    page: str
    came: Sequence[str]
    went: Sequence[str]
    changes: Sequence[Change]
    same: int


def identities(board: Board) -> dict[str, Any]:
    """Row -> what its numbers depend on, of the newest run of each seed."""
    return {_name(row): _identity(row, board.setting.protocol) for row in board.rows}


def _name(row: Row) -> str:
    return f"{row.label} {row.overrides}".strip()


def _identity(row: Row, protocol: str) -> dict[str, Any]:
    found: dict[str, Any] = {"seeds": row.seeds, "status": row.status, "parts": {}}
    for kind in ("training", "generation", "score"):
        known = [run.section("identity").get(kind) for run in row.runs]
        found[kind] = [str(k.get(protocol, "") if isinstance(k, Mapping) else k or "") for k in known]
    for run in row.runs:
        parts = run.section("identity").get("parts")
        found["parts"] |= {str(k): str(v) for k, v in parts.items()} if isinstance(parts, Mapping) else {}
    return found


def write_identities(folder: Path, boards: Sequence[BoardView]) -> None:
    """Keep what a later report needs to say why a number changed."""
    (folder / "data").mkdir(exist_ok=True)
    known = {view.id: identities(view.board) for view in boards}
    (folder / IDENTITIES).write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_old(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(index, identities) of an older report.

    Raises:
        UsageError: there is no report of this suite.
    """
    try:
        index = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        known = folder / IDENTITIES
        found = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else {}
        if not isinstance(index, dict) or not isinstance(found, dict):
            raise ValueError("it is no report's index")
        return index, found
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} holds no older report: {error}", "give a report's folder") from None


def compare_reports(old: Path, boards: Sequence[BoardView]) -> tuple[list[BoardChange], list[str]]:
    """(what changed on each board that both have, titles of the boards that only the older report has)."""
    index, known = read_old(old)
    listed = {str(b.get("id")): b for b in index.get("boards", []) if isinstance(b, Mapping)}
    found = []
    for view in boards:
        before = _records(old / "data" / f"{view.id}.json") if view.id in listed else []
        found.append(_board(view, before, known.get(view.id, {})))
    here = {view.id for view in boards}
    gone = [f"{b.get('protocol')} on {b.get('dataset')}, {b.get('preset')}" for i, b in listed.items() if i not in here]
    return found, gone


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []


def _board(view: BoardView, before: Sequence[Mapping[str, Any]], known: Mapping[str, Any]) -> BoardChange:
    old = {tuple(str(r.get(k, "")) for k in _KEYS): r for r in before}
    new = {tuple(str(r.get(k, "")) for k in _KEYS): r for r in board_records(view.board)}
    today = identities(view.board)
    rows = [list(dict.fromkeys(f"{k[0]} {k[1]}".strip() for k in side)) for side in (old, new)]
    changes, same = [], 0
    for key in (k for k in new if k in old):
        a, b = old[key].get("value"), new[key].get("value")
        if a == b:
            same += 1
            continue
        name = f"{key[0]} {key[1]}".strip()
        column = " ".join(word for word in (key[2], key[3] if key[3] != "default" else "", key[5]) if word)
        changes.append(Change(name, column, a, b, _why(known.get(name), today.get(name, {}))))
    title = f"{view.board.title} on {view.board.setting.dataset}, {view.board.setting.preset}"
    came, went = [r for r in rows[1] if r not in rows[0]], [r for r in rows[0] if r not in rows[1]]
    return BoardChange(title, view.page(), came, went, changes, same)


def _why(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> str:
    """The first identity that differs, and of a training identity the parts."""
    if not old:
        return "the older report does not say what the row depended on"
    if old.get("seeds") != new.get("seeds"):
        return f"training seeds {' '.join(old.get('seeds', []))} then, {' '.join(new['seeds'])} now"
    if old.get("training") != new.get("training"):
        parts = [k for k in new["parts"] if old.get("parts", {}).get(k) != new["parts"][k]]
        return f"trained anew: {', '.join(parts) or 'another identity'} changed"
    if old.get("generation") != new.get("generation"):
        return "frames generated anew: checkpoint, pairs or options changed"
    if old.get("score") != new.get("score"):
        return "scored anew: a metric, a judge or the reference changed"
    return "same run: the way of averaging or the set of rows changed"
