"""``bench matrix FILE``: methods x variants x data sets x seeds x presets, with one table of outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()
EPILOG = opt.examples(
    "bench matrix papers.toml --dry-run",
    "bench matrix papers.toml --workers 2",
    "bench matrix papers.toml --executor ray --address auto",
    "",
    "A file says for instance:",
    "",
    "\b",
    '  methods = ["fomm", {method = "tps", variants = ["full", "dropout"], set = {"train.lr" = 1e-4}}]',
    '  datasets = ["synthetic"]',
    '  presets = ["tiny"]',
    "  seeds = [0, 1]",
    "",
    "also: variants, protocols, annotations, device, precision, set, timeout (seconds for each cell), name.",
    "Run again, finished cells are done and the others go on where they stopped.",
)


@app.command(epilog=EPILOG)
def matrix(
    file: Annotated[Path, typer.Argument(help="TOML file of the matrix.")],
    executor: opt.ExecutorName = "local",
    workers: opt.Workers = 0,
    cpus: opt.Cpus = None,
    gpus: opt.Gpus = None,
    address: opt.Address = "auto",
    track: opt.Track = "wandb",
    online: opt.Online = False,
    runs: opt.Runs = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
) -> None:
    """Plan a matrix of runs, and run what is left of it."""
    from bench.cli.matrix_text import print_plan, run_and_print
    from bench.executors.open import Room, open_executor
    from bench.matrix.file import cells_of, read_matrix
    from bench.matrix.plan import plan
    from bench.outcome import terminable
    from bench.spec import RunSpec

    asked = read_matrix(file)
    planned = plan(cells_of(asked, RunSpec("", "", track=track, online=online, runs=runs)))
    if dry_run:
        print_plan(planned, max(1, workers))
        return
    runs.mkdir(parents=True, exist_ok=True)
    with terminable():
        opened, share = open_executor(Room(executor, workers, cpus, gpus, address), asked.device, runs)
        with opened:
            print_plan(planned, share.at_once)
            run_and_print(asked.name, planned, opened, share, asked.timeout)
