"""``bench run``: from a method and a data set to recorded scores and a fresh report."""

from __future__ import annotations

from pathlib import Path

import typer

from bench.cli import options as opt

app = opt.application()
EPILOG = opt.examples(
    "bench run --method tps --dataset synthetic",
    "bench run --method tps --dataset synthetic --preset tiny --track none",
    "bench run --method tps --dataset folder:videos --variant dropout --set train.lr=1e-4",
    "bench run --method tps --dataset synthetic --preset standard --checkpoint taichi.pth.tar --mode relative",
    "bench run --method tps --dataset synthetic --dry-run",
    "",
    "Run again, it goes on where it stopped, or says that it is complete.",
)


@app.command(epilog=EPILOG)
def run(
    method: opt.Method,
    dataset: opt.Data,
    preset: opt.Preset = "quick",
    variant: opt.Variant = "",
    mode: opt.Mode = "",
    overrides: opt.Overrides = None,
    seed: opt.Seed = 0,
    protocol: opt.Protocols = None,
    checkpoint: opt.Checkpoint = None,
    device: opt.Device = "auto",
    precision: opt.Precision = "fp32",
    track: opt.Track = "wandb",
    online: opt.Online = False,
    runs: opt.Runs = Path("runs"),
    annotation_class: opt.Annotations = "exact",
    dry_run: opt.DryRun = False,
    no_resume: opt.NoResume = False,
) -> None:
    """Train, generate, evaluate, record and refresh the report."""
    from bench.launch import world
    from bench.spec import RunSpec, parse_set, resolve
    from datasets.errors import UsageError

    if world() > 1:
        raise UsageError("torchrun goes with bench train", "train with it first, then bench run generates and scores")
    spec = RunSpec(
        method, dataset, preset, variant, mode, parse_set(overrides or []), seed, tuple(protocol or ()), checkpoint,
        device, precision, track, online, runs, annotation_class,
    )  # fmt: skip
    if dry_run:
        from bench.cli.resolved import describe

        typer.echo(describe(resolve(spec)))
        return
    from bench.board import report_folder, run_with_board, sanity_folders
    from bench.summary import print_tables

    resolved, done = run_with_board(spec, resume=not no_resume)
    print_tables([done.folder, *sanity_folders(resolved)])
    what = ", ".join(done.steps) if done.steps else "nothing to do: it was complete"
    typer.echo(f"{done.folder.path}: complete ({what})")
    typer.echo(f"report: {report_folder(runs) / 'index.html'}")
