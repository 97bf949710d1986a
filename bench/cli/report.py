"""``bench report``: the static HTML report of a runs folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()
EPILOG = opt.examples(
    "bench report",
    "bench report --runs /data/runs --out /data/report",
    "bench report --include /mnt/gpu1/runs --include /mnt/gpu2/runs",
    "bench report --out site --public",
    "bench report --out new --diff report",
    "",
    "It opens from the folder, with no network and no server; to publish it, copy the folder.",
)


@app.command(epilog=EPILOG)
def report(
    runs: opt.Runs = Path("runs"),
    out: Annotated[
        Path | None, typer.Option("--out", help="The report's folder (default: report beside the runs folder).")
    ] = None,
    include: Annotated[
        list[Path] | None,
        typer.Option("--include", help="Runs folder of another machine, whose runs join the boards; repeatable."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Show frames only of data that are marked publishable.")
    ] = False,
    diff: Annotated[
        Path | None, typer.Option("--diff", help="An older report: a page says what changed since, and why.")
    ] = None,
) -> None:
    """Write the report and print where it is."""
    from leaderboard.report import write_report

    typer.echo(str(write_report(runs, out, include or (), public, diff)))
