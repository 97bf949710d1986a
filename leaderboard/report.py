"""The static report: built in a temporary folder from the run folders alone, then swapped in whole."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.frames import PAIRS
from datasets.errors import StorageError, UsageError
from datasets.files import TEMPORARY, safe_name, storage_errors
from leaderboard import views
from leaderboard.ablation import ablations
from leaderboard.cells import Clusters
from leaderboard.columns import number
from leaderboard.export import ablation_records, board_records, to_csv, to_json
from leaderboard.media import MediaFolder, find_trials, make_samples
from leaderboard.runs import RunData, below, load_runs
from leaderboard.sheet import contact_sheet
from leaderboard.speed import short
from leaderboard.sweep_page import sweep_views
from leaderboard.tables import Board, Setting, group_runs, make_board

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec

HERE = Path(__file__).parent
#: a folder with this file is a report of ours, and may be replaced
MARKER = "report.json"
SCHEMA = 1
PAGE = "index.html"


def write_report(runs: Path, out: Path | None = None) -> Path:
    """Write the report of all runs below ``runs``.

    Args:
        runs: the runs folder; an absent or empty one gives a report that says so.
        out: the report's folder (default: ``report`` beside ``runs``); an older report there is replaced in one step.

    Returns:
        Path of its ``index.html``.

    Raises:
        UsageError: ``out`` is not empty and no report. StorageError: it cannot be written.
    """
    runs = Path(runs).absolute()
    out = runs.parent / "report" if out is None else Path(out).absolute()
    _check_replaceable(out)
    temporary = out.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}-report"
    with storage_errors(out):
        try:
            temporary.mkdir(parents=True)
            _build(load_runs(runs), runs, temporary)
            _swap(temporary, out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return out / PAGE


# -- the folder --------------------------------------------------------------------------------------------------
def _check_replaceable(out: Path) -> None:
    """Never delete a folder that this suite did not write."""
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file, not a folder for the report", "choose another --out")
    if any(out.iterdir()) and not (out / MARKER).is_file():
        raise UsageError(f"{out} is not empty and holds no report of this suite", "choose an empty or a new --out")


def _swap(new: Path, out: Path) -> None:
    """Put ``new`` where ``out`` is. Several runs may refresh one report at once: the last one stays."""
    for _ in range(8):
        old = new.with_name(new.name + ".old")
        try:
            if out.exists():
                out.rename(old)
            new.rename(out)
        except OSError:
            if not new.exists() or not out.exists():
                raise
            continue  # somebody else put theirs there between the two renames
        finally:
            shutil.rmtree(old, ignore_errors=True)
        return
    raise StorageError(f"cannot replace {out}: other processes keep writing it", "run bench report again")


# -- content -----------------------------------------------------------------------------------------------------
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


def read_clusters(root: Path, setting: Setting) -> Clusters:
    """Source identity and driving motion of each pair, from what lies beside the shared references."""
    folder = below(root, setting.dataset, "references", f"{safe_name(setting.protocol)}-{setting.protocol_hash}")
    try:
        pairs = json.loads((folder / PAIRS).read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        pairs = {}
    if not isinstance(pairs, dict):
        return Clusters()
    known = {k: v for k, v in pairs.items() if isinstance(v, dict)}
    return Clusters(
        {k: str(v.get("source_identity") or "") for k, v in known.items()},
        {k: str(v.get("driving_motion") or "") for k, v in known.items()},
    )


def _download(folder: Path, name: str, records: list[dict[str, Any]]) -> views.Files:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    (data / f"{name}.csv").write_text(to_csv(records), encoding="utf-8")
    (data / f"{name}.json").write_text(to_json(records), encoding="utf-8")
    return views.Files(f"data/{name}.csv", f"data/{name}.json")


def _board_view(board: Board, root: Path, folder: Path, media: MediaFolder) -> views.BoardView:
    """Everything of one board: files, ablation tables, sample videos and the contact sheet."""
    name, decimals = views.board_id(board), views.board_decimals(board)
    tables = []
    for i, table in enumerate(ablations(board)):
        anchor = f"ablation-{name}-{i + 1}"
        files = _download(folder, anchor, ablation_records(table))
        tables.append(views.AblationView(anchor, table, decimals, files))
    trials = find_trials(board, root)
    picture = contact_sheet(trials, f"{board.title} · {board.setting.protocol} · {board.setting.protocol_hash}")
    return views.BoardView(
        name, board, decimals, _download(folder, name, board_records(board)), tables, make_samples(trials, media),
        media.image(picture, "PNG") if picture else "", picture.size if picture else (0, 0),
    )  # fmt: skip


def _by_dataset(boards: Sequence[views.BoardView]) -> list[tuple[str, Mapping[str, Any], list[views.BoardView]]]:
    """(dataset slug, its card, its boards) in the order of the boards."""
    found: dict[str, list[views.BoardView]] = {}
    for view in boards:
        found.setdefault(view.board.setting.dataset, []).append(view)
    return [(slug, _dataset_card(group[0].board), group) for slug, group in found.items()]


def _dataset_card(board: Board) -> Mapping[str, Any]:
    card = next((r.section("dataset_card") for row in board.rows for r in row.runs if r.section("dataset_card")), {})
    return {"title": "", "licence": "", "synthetic": False, "publishable": False, **card}


def _build(runs: Sequence[RunData], root: Path, folder: Path) -> None:
    cards, media = metric_cards(), MediaFolder(folder)
    boards = []
    for setting, members in group_runs(runs).items():
        board = make_board(setting, members, cards, read_clusters(root, setting))
        boards.append(_board_view(board, root, folder, media))
    run_views = [views.run_view(r, media) for r in runs]
    sweeps = sweep_views(root)
    newest = max((r.finished for r in runs), default="")
    environment = _environment()
    shared = {"schema": SCHEMA, "newest": newest}
    _page(
        environment, folder / PAGE, "index.html", root="", **shared,
        datasets=_by_dataset(boards), runs=run_views, cards=cards.values(), sweeps=sweeps,
    )  # fmt: skip
    for view in run_views:
        _page(environment, folder / view.page, "run.html", root="../", **shared, view=view)
    for sweep in sweeps:
        _page(environment, folder / sweep.page, "sweep.html", root="../", **shared, view=sweep)
    index = {
        "schema": SCHEMA, "newest": newest,
        "boards": [{"id": v.id, **v.board.setting._asdict(), "csv": v.files.csv} for v in boards],
        "runs": [{"run": v.run.slug, "status": v.run.status, "page": v.page} for v in run_views],
    }  # fmt: skip
    (folder / MARKER).write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# -- pages -------------------------------------------------------------------------------------------------------
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = (HERE / "static" / "report.css").read_text(encoding="utf-8")
    script = (HERE / "static" / "report.js").read_text(encoding="utf-8")
    environment.globals |= {
        "style": Markup(style), "script": Markup(script), "policy": _policy(style, script), "number": number,
        "interval_text": views.interval_text, "cell_title": views.cell_title,
        "difference_title": views.difference_title, "rank_title": views.rank_title, "share": views.share,
        "short": short,
        "run_page": views.run_page,
    }  # fmt: skip
    return environment


def _policy(style: str, script: str) -> str:
    """Content security policy: our one style sheet and one script by hash, our own pictures, nothing else."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {source(style)}; script-src {source(script)}; img-src 'self' data:; "
        "media-src 'self'; base-uri 'none'; form-action 'none'"
    )


def _page(environment: Environment, path: Path, template: str, **context: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(environment.get_template(template).render(**context), encoding="utf-8")
