"""``bench submit``: pack a row for others, and verify what others submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()
Predictions = Annotated[Path | None, typer.Option(help="The frames, as bench import reads them.")]


@app.callback(
    epilog=opt.examples(
        "bench submit pack runs/synthetic/copier/quick-s0-1a2b3c4d --out submissions/copier --frames frames",
        "bench submit verify submissions/copier",
        "bench submit verify submissions/copier --predictions frames --runs runs",
    )
)
def submit() -> None:
    """Pack and verify submissions: card.toml, scores.parquet, predictions.sha256."""


@app.command(
    epilog=opt.examples(
        "bench submit pack runs/synthetic/copier/quick-s0-1a2b3c4d --out submissions/copier",
        "bench submit pack runs/synthetic/mine/quick-s* --out submissions/mine --frames frames",
    )
)
def pack(
    runs: Annotated[list[Path], typer.Argument(help="Run folders: one for each seed.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to make: submissions/NAME.")],
    protocol: Annotated[str, typer.Option("--protocol", help="Which one, where the runs have several.")] = "",
    card: Annotated[Path | None, typer.Option("--card", help="Filled-in card, for a registered method.")] = None,
    frames: Annotated[Path | None, typer.Option("--frames", help="Copy the frames there, to be passed on.")] = None,
) -> None:
    """Write a submission of complete runs."""
    from bench.exchange.submission import pack as write

    made = write(runs, protocol, out, card, frames)
    typer.echo(f"{out}: {made.method.name}, {made.protocol.name} · {made.protocol.hash}")
    if frames is not None:
        typer.echo(f"{frames}: the frames, to be put where others can get them")


@app.command(
    epilog=opt.examples(
        "bench submit verify submissions/copier",
        "bench submit verify submissions/copier --predictions frames",
        "bench submit verify submissions/copier --predictions frames --draw 3 --draw-predictions fresh",
        "bench submit verify submissions/mine --rerun mine --draw 3",
        "",
        "Exit status 5 and the reason where it does not hold.",
    )
)
def verify(
    submission: Annotated[Path, typer.Argument(help="Folder with card.toml, scores.parquet, predictions.sha256.")],
    predictions: Predictions = None,
    runs: Annotated[Path | None, typer.Option("--runs", help="Put the rescored rows there, for the board.")] = None,
    rerun: Annotated[str, typer.Option("--rerun", help="Registered method to run here instead.")] = "",
    checkpoint: opt.Checkpoint = None,
    draw: Annotated[int, typer.Option("--draw", min=0, help="Also on fresh test set N, and show the gap.")] = 0,
    draw_predictions: Predictions = None,
) -> None:
    """Check a submission: card, hashes, coverage, scores; with frames or the method also by measuring again."""
    import tempfile

    from bench.cli.text import table
    from bench.exchange.verify import fresh_scores, gaps, verify
    from bench.progress import Progress
    from bench.protocols import headline_metrics
    from bench.spec import RunSpec

    with tempfile.TemporaryDirectory(prefix="bench-verify-") as scratch, Progress() as progress:
        place = runs or Path(scratch)
        spec = RunSpec(rerun, "", checkpoint=checkpoint, runs=place, track="none") if rerun else None
        found = verify(submission, predictions, runs, progress, spec)
        for check in found.checks:
            typer.echo(f"holds: {check}")
        if draw:
            fresh = fresh_scores(found.card, draw, draw_predictions, spec, progress)
            rows = [
                {"metric": g.metric, "public": f"{g.public:.4g}", f"draw {draw}": f"{g.fresh:.4g}",
                 "gap": f"{g.fresh - g.public:+.3g} +- {g.half:.2g}"}
                for g in gaps(found.scores, fresh, list(headline_metrics()))
            ]  # fmt: skip
            typer.echo(table(rows, ("metric", "public", f"draw {draw}", "gap")))
    typer.echo(f"{submission}: {found.badge}")
