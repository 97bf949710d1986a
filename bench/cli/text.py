"""Plain text on a terminal: aligned columns, and JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as aligned columns under their names; the last column is not padded."""
    cells = [list(columns)] + [[one_line(row.get(name, "")) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def fields(items: Iterable[tuple[str, Any]]) -> str:
    """``name  value`` lines, names aligned, empty values left out."""
    shown = [(name, one_line(value)) for name, value in items if value or value in (0, False)]
    width = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown)


def one_line(value: Any) -> str:
    """A value on one line without control characters: texts from runs and plugins must not drive the terminal."""
    if isinstance(value, Mapping):
        value = ", ".join(f"{k}={v}" for k, v in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        value = ", ".join(map(str, sorted(value) if isinstance(value, set | frozenset) else value))
    return "".join(c if c.isprintable() else " " for c in str(value))


def print_json(value: Any) -> None:
    """Indented JSON on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
