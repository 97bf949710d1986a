"""``python -m bench.evaluation.audit``: measure every default metric on the ladders and write the results file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import options as opt
from bench.cli.text import table
from bench.evaluation.audit.ladders import LADDERS
from bench.evaluation.audit.results import RESULTS
from bench.evaluation.select import select_metrics
from bench.progress import Progress
from bench.spec import check_choice, open_dataset
from datasets.errors import SuiteError

app = opt.application()


def _with_truth() -> str:
    """The first registered data set with exact truth for everything."""
    return next(name for name, entry in registry.entries("datasets").items() if entry.load().synthetic)


@app.command(
    epilog=opt.examples(
        "python -m bench.evaluation.audit",
        "python -m bench.evaluation.audit --ladder blur --ladder shift --clips 2 --out /tmp/audit.json",
    )
)
def main(
    out: Annotated[Path, typer.Option("--out", help="Results file; an interrupted audit goes on.")] = RESULTS,
    dataset: Annotated[str, typer.Option("--dataset", help="One with truth; default: the synthetic world.")] = "",
    preset: opt.Preset = "quick",
    clips: Annotated[int, typer.Option("--clips", min=1, help="True clips a protocol.")] = 6,
    ladder: Annotated[list[str] | None, typer.Option("--ladder", help="One of the ladders; repeatable.")] = None,
) -> None:
    """Damage true clips step by step and see which metrics notice."""
    from bench.evaluation.audit.measure import audit

    for name in ladder or ():
        check_choice("--ladder", name, [x.name for x in LADDERS])
    chosen = [x for x in LADDERS if not ladder or x.name in ladder]
    with Progress() as progress:
        found = audit(
            open_dataset(dataset or _with_truth(), preset), select_metrics(preset=preset), out, chosen, clips, progress
        )
    rows = [
        {"metric": name} | {kind: row["verdict"] for kind, row in card["ladders"].items()}
        for name, card in found["metrics"].items()
    ]
    typer.echo(table(rows, ("metric", *(x.name for x in chosen))))
    typer.echo(f"\nwritten to {out}")


if __name__ == "__main__":
    try:
        app(prog_name="python -m bench.evaluation.audit")
    except SuiteError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        sys.exit(error.status)
