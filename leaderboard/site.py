"""One report while it is built: what it is made from, and how pages and downloads are written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leaderboard import views
from leaderboard.columns import number
from leaderboard.export import to_csv, to_json, to_parquet
from leaderboard.inputs import Store
from leaderboard.media import MediaFolder
from leaderboard.runs import RunData
from leaderboard.speed import short
from leaderboard.tables import Board

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec

HERE = Path(__file__).parent
#: our one style sheet, our one script, our own pictures, nothing else
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; media-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass
class Site:
    """One report while it is built.

    Attributes:
        folder: where it is written.
        store: the runs folders; ``runs``: all their runs.
        cards: metric cards by ``name@profile``.
        public: show frames only of data marked publishable.
        nav: (title, page) of the navigation.
        boards: in the order of the report; filled by the first page builder.
        newest: when the newest run finished.
        diff: an older report to compare with.
    """

    folder: Path
    store: Store
    runs: Sequence[RunData]
    cards: Mapping[str, MetricSpec]
    public: bool
    nav: Sequence[tuple[str, str]]
    boards: list[views.BoardView] = field(default_factory=list)
    newest: str = ""
    diff: Path | None = None

    def __post_init__(self) -> None:
        self.media = MediaFolder(self.folder)
        self.assets = {kind: self.asset(f"report.{kind}") for kind in ("css", "js")}

    def asset(self, name: str) -> str:
        """Copy a file of ``static`` into the report, its content's hash in its name."""
        data = (HERE / "static" / name).read_bytes()
        stem, _, suffix = name.rpartition(".")
        target = f"assets/{stem}-{hashlib.sha256(data).hexdigest()[:8]}.{suffix}"
        (self.folder / "assets").mkdir(exist_ok=True)
        (self.folder / target).write_bytes(data)
        return target

    def write(self, path: str, template: str, **context: Any) -> None:
        """Render a page.

        Args:
            path: relative to the report; the template gets the way back as ``root``.
        """
        root = "../" * path.count("/")
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shared = {"assets": self.assets, "nav": self.nav, "newest": self.newest, "path": path, "root": root}
        text = _environment().get_template(template).render(**shared, **context)
        target.write_text(text, encoding="utf-8")

    def download(self, name: str, records: list[dict[str, Any]], tex: str = "") -> views.Files:
        """Write records as CSV, JSON and parquet (and a LaTeX table) below ``data``."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        (data / f"{name}.csv").write_text(to_csv(records), encoding="utf-8")
        (data / f"{name}.json").write_text(to_json(records), encoding="utf-8")
        to_parquet(records, data / f"{name}.parquet")
        if tex:
            (data / f"{name}.tex").write_text(tex, encoding="utf-8")
        at = f"data/{name}"
        return views.Files(f"{at}.csv", f"{at}.json", f"{at}.parquet", f"{at}.tex" if tex else "")

    def may_show(self, board: Board) -> bool:
        """Whether frames of a board may stand in this report."""
        return not self.public or bool(dataset_card(board)["publishable"])


TEMPLATE_FUNCTIONS = (
    "interval_text", "cell_title", "difference_title", "rank_title", "share", "run_page", "method_page", "dataset_page",
)  # fmt: skip


@cache
def _environment() -> Environment:
    """Templates, compiled once a process."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    functions = {name: getattr(views, name) for name in TEMPLATE_FUNCTIONS}
    environment.globals |= {
        "policy": POLICY,
        "limits_page": "limits.html",
        "number": number,
        "short": short,
        **functions,
    }
    environment.filters["identity"] = id
    return environment


def dataset_card(board: Board) -> Mapping[str, Any]:
    """Card of a board's data set as its runs state it; every field that the pages use is there."""
    card = next((r.section("dataset_card") for row in board.rows for r in row.runs if r.section("dataset_card")), {})
    return {"title": "", "licence": "", "synthetic": False, "publishable": False, **card}
