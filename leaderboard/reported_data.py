"""The papers' own numbers, as printed: ``reported/reported.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "reported" / "reported.csv"
#: citation key -> (method, how the paper is called)
PAPERS = {
    "ji2025": ("neural-texture", "Neural texture (Ji et al. 2025)"),
    "zhao2022": ("tps", "TPS (Zhao and Zhang, CVPR 2022)"),
    "yang2022": ("region-to-whole", "REMOT, region-to-whole (Yang et al., ACM MM 2022)"),
    "yang2021": ("intrinsic", "INTERnet, intrinsic regularization (Yang et al. 2021)"),
    "gafni2021": ("dance", "Single-shot freestyle dance (Gafni et al. 2021)"),
}
#: Papers none of whose tables has a method of ours beside the paper's own.
SHARE_NOTHING = {
    "yang2022": "Its tables compare with EDN, FSV2V, LWGAN and C2F-FWN, none of which is here.",
    "gafni2021": "Its table compares with fs-vid2vid, pose warping and SPT, not here; nine private videos.",
}


@dataclass(frozen=True)
class Reported:
    """One printed number.

    Attributes:
        section: where the table is discussed; the page is not recorded.
        split: which clips. origin: who trained the row (``own``, ``retrained``, ``released``, or what is known).
        value: as printed. frame_size: as printed (``256``, ``512x320``).
        direction: ``lower`` or ``higher`` is better, as printed.
    """

    paper: str
    table: str
    section: str
    dataset: str
    split: str
    protocol: str
    method: str
    variant: str
    origin: str
    metric: str
    value: str
    frame_size: str
    direction: str
    note: str

    @property
    def row(self) -> str:
        """Method with its variant."""
        return f"{self.method} {self.variant}".strip()

    @property
    def number(self) -> float:
        """The value."""
        return float(self.value)


@dataclass(frozen=True)
class PrintedTable:
    """One table for one data set and protocol: rows as printed, columns are metrics."""

    paper: str
    table: str
    section: str
    dataset: str
    protocol: str
    split: str
    frame_size: str
    metrics: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, str, tuple[Reported | None, ...]], ...]
    notes: tuple[str, ...]


@cache
def read_reported(path: Path = FILE) -> tuple[Reported, ...]:
    """Every printed number, in the order of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Reported(**{("direction" if k == "direction_as_printed" else k): v for k, v in line.items()})
            for line in csv.DictReader(file)
        )


def printed_tables(numbers: Iterable[Reported]) -> list[PrintedTable]:
    """The numbers as the tables they come from, one for each data set and protocol."""
    groups: dict[tuple[str, str, str, str], list[Reported]] = {}
    for number in numbers:
        groups.setdefault((number.paper, number.table, number.dataset, number.protocol), []).append(number)
    return [_table(members) for members in groups.values()]


def _table(members: Sequence[Reported]) -> PrintedTable:
    first = members[0]
    metrics = tuple(dict.fromkeys((m.metric, m.direction) for m in members))
    rows = {}
    for row, origin in dict.fromkeys((m.row, m.origin) for m in members):
        found = {m.metric: m for m in members if m.row == row}
        rows[row] = (row, origin, tuple(found.get(metric) for metric, _ in metrics))
    sizes = " / ".join(dict.fromkeys(m.frame_size for m in members))
    notes = tuple(dict.fromkeys(f"{m.row}: {m.note}" if len({x.note for x in members}) > 1 else m.note
                                for m in members if m.note))  # fmt: skip
    return PrintedTable(
        first.paper, first.table, first.section, first.dataset, first.protocol, first.split, sizes, metrics,
        tuple(rows.values()), notes,
    )  # fmt: skip
