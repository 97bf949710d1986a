"""``bench train``: train only; a later ``bench run`` with the same options goes on from there."""

from __future__ import annotations

from pathlib import Path

import typer

from bench.cli import options as opt

app = opt.application()


@app.command(
    epilog=opt.examples(
        "bench train --method tps --dataset synthetic",
        "bench train --method tps --dataset synthetic --preset standard --device cuda --precision bf16",
        "torchrun --nproc-per-node 2 -m bench train --method tps --dataset synthetic --preset standard",
    )
)
def train(
    method: opt.Method,
    dataset: opt.Data,
    preset: opt.Preset = "quick",
    variant: opt.Variant = "",
    overrides: opt.Overrides = None,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    precision: opt.Precision = "fp32",
    track: opt.Track = "wandb",
    online: opt.Online = False,
    runs: opt.Runs = Path("runs"),
    annotation_class: opt.Annotations = "exact",
    no_resume: opt.NoResume = False,
) -> None:
    """Train a method."""
    from bench.board import say_findings
    from bench.launch import is_main
    from bench.outcome import terminable
    from bench.progress import Progress
    from bench.run import execute, train_rank
    from bench.spec import RunSpec, parse_set, resolve
    from bench.standing import networks_file
    from datasets.errors import UsageError

    spec = RunSpec(
        method, dataset, preset, variant, "", parse_set(overrides or []), seed, (), None,
        device, precision, track, online, runs, annotation_class,
    )  # fmt: skip
    with terminable(), Progress() as progress:
        run = resolve(spec, progress if is_main() else None)
        if not run.trains:
            raise UsageError(f"{method} is not trained", f"bench run --method {method} --dataset {dataset} scores it")
        if not is_main():
            train_rank(run)
            return
        say_findings(run)
        done = execute(run, progress, resume=not no_resume, train_only=True)
    typer.echo(f"{networks_file(done.folder, done.folder.json)}" + ("" if done.steps else " (was complete)"))
