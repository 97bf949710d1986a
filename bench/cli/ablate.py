"""``bench ablate``: the full method and its variants, one after the other, and the table of their differences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()
Variants = Annotated[
    list[str] | None, typer.Option("--variant", help="Variant to run beside the full method; repeatable; default: all.")
]


@app.command(
    epilog=opt.examples(
        "bench ablate --method tps --dataset synthetic --preset tiny",
        "bench ablate --method tps --dataset synthetic --variant dropout --variant multi-masks --seed 1",
    )
)
def ablate(
    method: opt.Method,
    dataset: opt.Data,
    preset: opt.Preset = "quick",
    variant: Variants = None,
    overrides: opt.Overrides = None,
    seed: opt.Seed = 0,
    protocol: opt.Protocols = None,
    device: opt.Device = "auto",
    precision: opt.Precision = "fp32",
    track: opt.Track = "wandb",
    online: opt.Online = False,
    runs: opt.Runs = Path("runs"),
    annotation_class: opt.Annotations = "exact",
) -> None:
    """Run a method's variants and tabulate them."""
    from bench.ablate import ablate as run_all
    from bench.board import report_folder
    from bench.spec import RunSpec, parse_set
    from bench.summary import print_tables

    spec = RunSpec(
        method, dataset, preset, "", "", parse_set(overrides or []), seed, tuple(protocol or ()), None,
        device, precision, track, online, runs, annotation_class,
    )  # fmt: skip
    folders = run_all(spec, variant or None)
    print_tables(folders)
    typer.echo(f"report: {report_folder(runs) / 'index.html'}")
