"""``bench study``: ask people. Build a page that opens from a folder, and read the answers that come back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()


@app.callback(
    epilog=opt.examples(
        "bench study build --dataset synthetic --preset standard --out study",
        "bench study ingest answers/ --key study.key.json",
    )
)
def study() -> None:
    """Human studies: preference, just-noticeable difference and ratings; blinded, randomised, with attention checks."""


@app.command(
    epilog=opt.examples(
        "bench study build --dataset synthetic --out study",
        "bench study build --dataset synthetic --preset standard --protocol self-reconstruction --pairs 12 --out study",
        "bench study build --dataset synthetic --row 'tps[avd]' --row 'fomm[standard]' --task preference --out study",
        "",
        "Send the folder to people. Keep the key (OUT.key.json): it says which video is whose.",
    )
)
def build(
    out: Annotated[Path, typer.Option("--out", help="Folder to make; the key goes beside it.")],
    dataset: opt.Data = "synthetic",
    preset: opt.Preset = "quick",
    protocol: Annotated[str, typer.Option("--protocol", help="Which board's pairs.")] = "cross-animation",
    row: Annotated[
        list[str] | None, typer.Option("--row", help="method[mode] to compare; repeatable; default: all with frames.")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", min=1, help="How many pairs are shown.")] = 6,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="preference | jnd | rating; repeatable; default: all.")
    ] = None,
    seed: opt.Seed = 0,
    runs: opt.Runs = Path("runs"),
) -> None:
    """Write the page of a study, and its key beside it."""
    from leaderboard.study.build import build_study
    from leaderboard.study.design import TASKS

    page, key = build_study(runs, out, protocol, dataset, preset, row or (), pairs, seed, task or TASKS)
    typer.echo(f"{page}\n{key}: keep it to yourself, it says which video is whose")


@app.command(epilog=opt.examples("bench study ingest answers/*.json --key study.key.json", "bench report"))
def ingest(
    answers: Annotated[list[Path], typer.Argument(help="Files that participants saved, or folders of them.")],
    key: Annotated[Path, typer.Option("--key", help="What build wrote beside the page.")],
    runs: opt.Runs = Path("runs"),
) -> None:
    """Analyse answers and keep the result for the report."""
    from leaderboard.study.store import ingest as take

    path, people = take(runs, key, answers)
    for person in people:
        typer.echo(f"{person.name}: {len(person.answers)} answers{f', left out: {person.why}' if person.why else ''}")
    typer.echo(f"{path}; bench report shows it")
