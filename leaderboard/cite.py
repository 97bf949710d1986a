"""What a paper needs to cite a row or a board: BibTeX, a paragraph on the protocol, and the table in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import __version__
from bench.evaluation.judges.cards import CARDS
from datasets.errors import UsageError
from leaderboard.columns import number
from leaderboard.inputs import metric_cards, read_clusters
from leaderboard.runs import RunData, load_runs
from leaderboard.tables import Board, Row, group_runs, make_board
from leaderboard.views import board_decimals, board_id, interval_text

_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_ARROWS = {"lower": r"$\downarrow$", "higher": r"$\uparrow$", "none": ""}


@dataclass(frozen=True)
class Cited:
    """A board, and the rows of it that are cited; all of them where a board is."""

    board: Board
    rows: Sequence[Row]


def find_cited(root: Path, text: str) -> list[Cited]:
    """What a user names: a run (its boards), or boards by protocol name, hash or identifier.

    Raises:
        UsageError: nothing, or more than one setting, goes by that name.
    """
    runs = load_runs(root)
    named = [run for run in runs if text.strip("/") in (run.slug, str(run.folder)) or Path(text) == run.folder]
    named = named or [run for run in runs if text in run.slug]
    boards = _boards(runs, root)
    if len(named) == 1:
        return [Cited(board, [row]) for board in boards for row in board.rows if named[0] in row.runs]
    found = [board for board in boards if text in _names(board)]
    if len(found) == 1:
        return [Cited(found[0], found[0].rows)]
    if found:
        names = ", ".join(f"{board_id(b)} ({b.setting.dataset}, {b.setting.preset})" for b in found)
        raise UsageError(f"{len(found)} boards go by {text!r}", f"say which: {names}")
    if named:
        raise UsageError(f"{len(named)} runs go by {text!r}", f"say more of it: {', '.join(r.slug for r in named[:5])}")
    known = ", ".join(board_id(board) for board in boards) or "none"
    raise UsageError(f"there is no run and no board {text!r} below {root}", f"boards: {known} (bench list runs)")


def _boards(runs: Sequence[RunData], root: Path) -> list[Board]:
    cards = metric_cards()
    groups = group_runs(runs).items()
    return [make_board(setting, members, cards, read_clusters(root, setting)) for setting, members in groups]


def _names(board: Board) -> set[str]:
    s = board.setting
    return {board_id(board), s.protocol, s.name, s.protocol_hash, f"{s.protocol} · {s.protocol_hash}"}


# -- BibTeX ----------------------------------------------------------------------------------------------------------
def bibtex(cited: Sequence[Cited]) -> str:
    """Entries of the suite, the data, the methods and the judges that the cited rows rest on, each once."""
    entries = [_suite()]
    for one in cited:
        run = next((r for row in one.rows for r in row.runs), None)
        if run is not None:
            entries.append(_data(run))
        entries += [_method(row) for row in one.rows if not row.sanity]
    judges = {c.key.judge for one in cited for c in one.board.measured if c.key.judge}
    entries += [_misc(c.name, c.title, "Judge", c.licence) for c in CARDS if c.name in judges]
    return "\n\n".join(dict.fromkeys(entries)) + "\n"


def _suite() -> str:
    about = Path(__file__).resolve().parents[1] / "CITATION.cff"
    title = "motion-transfer-bench: an experiment-tracking benchmark suite for human motion transfer"
    year = ""
    if about.is_file():
        text = about.read_text(encoding="utf-8")
        title = (re.search(r'(?m)^title: "(.+)"$', text) or [title, title])[1]
        year = (re.search(r"(?m)^date-released: (\d{4})", text) or ["", ""])[1]
    fields = {"title": title, "author": "{The motion-transfer-bench developers}", "version": __version__, "year": year}
    return _entry("software", "motion-transfer-bench", fields)


def _data(run: RunData) -> str:
    card = run.section("dataset_card")
    slug = run.text("dataset_slug")
    return _misc(slug, str(card.get("title") or slug), "Data set", str(card.get("licence") or ""))


def _method(row: Row) -> str:
    run = row.runs[0]
    title = str(run.card("paper") or run.card("title") or row.method)
    year = str(run.card("year") or "") if run.card("year") else ""
    note = f"Row {row.label}; {run.text('trained')}" + (f"; {row.badge}" if row.badge else "")
    fields = {"title": title, "booktitle": str(run.card("venue") or ""), "year": year, "note": note}
    return _entry("inproceedings" if fields["booktitle"] else "misc", row.method, fields)


def _misc(key: str, title: str, kind: str, note: str) -> str:
    return _entry("misc", key, {"title": title, "howpublished": kind, "note": note})


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    shown = {name: value if value.startswith("{") else tex(value) for name, value in fields.items() if value}
    lines = [f"  {name} = {{{value}}}," for name, value in shown.items()]
    return "\n".join([f"@{kind}{{{re.sub(r'[^A-Za-z0-9-]+', '-', key)},", *lines, "}"])


def tex(text: str) -> str:
    """Any text with LaTeX's special characters escaped."""
    return "".join(_TEX.get(c, c) for c in text)


# -- paragraph -------------------------------------------------------------------------------------------------------
def paragraph(cited: Cited) -> str:
    """What was compared with what, in words that a paper can print."""
    board, setting = cited.board, cited.board.setting
    info = board.info
    target = info.get("target")
    truth = f"with truth for the target {target}" if target else "without a truth to compare with"
    sentences = [
        f"We report {setting.protocol} ({setting.protocol_hash}) of motion-transfer-bench {__version__} on the data "
        f"set {setting.dataset}: {info.get('pairs', '?')} pairs, {info.get('frames', '?')} generated frames of "
        f"{setting.size} x {setting.size} pixels, {truth}, {setting.annotation_class} annotations, preset "
        f"{setting.preset}.",
        "Every metric sees 8-bit frames; its name, profile, judge and region stand in the table's head.",
        "Intervals are 95 % bootstrap intervals over source identities and driving motions (two-way clusters).",
    ]
    if setting.smoke:
        sentences.append(f"The preset {setting.preset} is a smoke test: its numbers are shown and never ranked.")
    external = [row for row in cited.rows if row.badge]
    sentences += [
        f"{row.label} is made of predictions from elsewhere ({row.badge}), {row.coverage(setting):.2%} of the frames "
        "delivered."
        for row in external
    ]
    return " ".join(sentences)


# -- LaTeX -----------------------------------------------------------------------------------------------------------
def latex(cited: Cited) -> str:
    """The table (packages booktabs): the cited rows, and the sanity rows to read them by."""
    board, columns = cited.board, cited.board.first
    decimals = board_decimals(board)
    rows = [row for row in cited.rows if not row.sanity]
    bars = [row for row in board.sanity if row not in rows]
    head = " & ".join(f"{tex(c.name)} {_ARROWS[c.direction]}".strip() for c in columns)
    profiles = " & ".join(tex(c.second_line) for c in columns)
    lines = [
        r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{l{'r' * len(columns)}}}", r"\toprule",
        rf"Method & {head} \\", rf" & {profiles} \\", r"\midrule",
        *(_line(row, columns, decimals) for row in rows),
    ]  # fmt: skip
    if bars:
        lines += [*([r"\midrule"] if rows else []), *(_line(row, columns, decimals) for row in bars)]
    s = board.setting
    caption = f"{s.protocol} ({s.protocol_hash}), {s.size} px, {s.annotation_class} annotations, preset {s.preset}"
    note = "; smoke, not ranked" if s.smoke else ""
    lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{tex(caption + note)}. Mean and 95\,\% interval.}}",
              rf"\label{{tab:{board_id(board)}}}", r"\end{table}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _line(row: Row, columns: Iterable[Any], decimals: Any) -> str:
    cells = []
    for column in columns:
        cell = row.cells[column.key]
        if not cell.ok or cell.interval is None:
            cells.append(tex(cell.word))
            continue
        value = number(cell.interval.value, decimals[column.key])
        interval = interval_text(cell.interval, decimals[column.key])
        part = f" ({cell.n} of {cell.total} pairs)" if cell.partial else ""
        cells.append((f"{value} [{interval.replace(' to ', ', ')}]" if interval else value) + part)
    label = row.label + (f" ({row.badge})" if row.badge else "")
    return f"{tex(label)} & {' & '.join(c.replace('−', '$-$').replace('–', '--') for c in cells)} " + r"\\"
