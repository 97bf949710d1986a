"""``bench import``: a program's predictions as a full row of the boards, marked external."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt
from bench.cli.export import Shard

app = opt.application()


@app.command(
    name="import",
    epilog=opt.examples(
        "bench import predictions --protocol synthetic-lite --card lite/card.toml",
        "bench import predictions --protocol cross-animation@1 --card cross/card.toml --shard 0/4",
        "",
        "PREDICTIONS holds <pair>/%06d.png or <pair>.mp4 for each pair, below seed-<n>/ where the card names several",
        "seeds. A frame that is not there counts against coverage; a file that is damaged or not named as expected is",
        "refused. Where PREDICTIONS/predictions.sha256 is, every file must match it.",
    ),
)
def import_(
    predictions: Annotated[Path, typer.Argument(help="Folder with the predictions.")],
    protocol: Annotated[str, typer.Option("--protocol", help="Protocol that was exported.")],
    card: Annotated[Path, typer.Option("--card", help="Filled-in card.toml of the export.")],
    runs: opt.Runs = Path("runs"),
    shard: Shard = "",
    no_report: Annotated[bool, typer.Option("--no-report", help="Neither sanity rows nor report.")] = False,
) -> None:
    """Check, take in and score predictions that were made elsewhere."""
    from bench.board import complete_sanity_rows, refresh_report, report_folder
    from bench.exchange.shards import parse_shard
    from bench.exchange.take import import_predictions
    from bench.outcome import terminable
    from bench.progress import Progress

    part = parse_shard(shard)
    with terminable(), Progress() as progress:
        rows = import_predictions(predictions, protocol, card, runs, part, progress)
        finished = [row for row in rows if not row.waiting]
        if finished and not no_report:
            complete_sanity_rows(finished[0].run, progress)
            refresh_report(runs)
    for row in rows:
        for finding in row.folder.json["findings"]:
            typer.echo(f"warning: {finding}", err=True)
        state = f"waits for {row.waiting} pairs" if row.waiting else "complete"
        what = ", ".join(row.steps) or "nothing to do"
        typer.echo(f"{row.folder.path}: {state} ({what}); coverage {row.coverage:.2%}")
    if finished and not no_report:
        typer.echo(f"report: {report_folder(runs) / 'index.html'}")
