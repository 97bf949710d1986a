"""``bench ablate``: a matrix of the full method and its variants, and the table of their scores."""

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
    executor: opt.ExecutorName = "local",
    workers: opt.Workers = 0,
    cpus: opt.Cpus = None,
    gpus: opt.Gpus = None,
    address: opt.Address = "auto",
) -> None:
    """Run a method's variants and tabulate them."""
    from bench.ablate import ablation_cells
    from bench.cli.matrix_text import print_plan, run_and_print
    from bench.executors.open import Room, open_executor
    from bench.matrix.plan import plan
    from bench.outcome import terminable
    from bench.spec import RunSpec, parse_set
    from bench.store import RunFolder
    from bench.summary import print_tables
    from datasets.files import safe_name

    spec = RunSpec(
        method, dataset, preset, "", "", parse_set(overrides or []), seed, tuple(protocol or ()), None,
        device, precision, track, online, runs, annotation_class,
    )  # fmt: skip
    planned = plan(ablation_cells(spec, variant or None))
    runs.mkdir(parents=True, exist_ok=True)
    with terminable():
        opened, share = open_executor(Room(executor, workers, cpus, gpus, address), device, runs)
        with opened:
            print_plan(planned, share.at_once)
            try:
                run_and_print(safe_name(f"ablate-{method}-{dataset}-{preset}-s{seed}"), planned, opened, share)
            finally:
                print_tables([RunFolder(p.run.folder) for p in planned if p.run is not None])
