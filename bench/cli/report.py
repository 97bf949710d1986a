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
    "",
    "It opens from the folder, with no network and no server. Only run folders are read.",
)


@app.command(epilog=EPILOG)
def report(
    runs: opt.Runs = Path("runs"),
    out: Annotated[
        Path | None, typer.Option("--out", help="The report's folder (default: report beside the runs folder).")
    ] = None,
) -> None:
    """Write the report and print where it is."""
    from leaderboard.report import write_report

    typer.echo(str(write_report(runs, out)))
