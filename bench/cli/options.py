"""Options that several verbs share, so that a name means the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Method = Annotated[str, typer.Option("--method", help="Registered method (bench list methods).")]
Data = Annotated[str, typer.Option("--dataset", help="Registered data set, or folder:PATH (bench list datasets).")]
Preset = Annotated[str, typer.Option("--preset", help="tiny | quick | standard | paper.")]
Variant = Annotated[str, typer.Option("--variant", help="One of the method's ablations (bench show method NAME).")]
Mode = Annotated[str, typer.Option("--mode", help="How it animates; the method's default where not given.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE: one config value, dotted key, TOML value; repeatable.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Protocols = Annotated[
    list[str] | None, typer.Option("--protocol", help="Protocol to score; repeatable; default: all that apply.")
]
Checkpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="Score this checkpoint (the suite's own or an official one) without training."),
]
Device = Annotated[str, typer.Option("--device", help="auto | cpu | cuda.")]
Precision = Annotated[str, typer.Option("--precision", help="fp32 | bf16.")]
Track = Annotated[str, typer.Option("--track", help="wandb (offline unless --online) | none.")]
Online = Annotated[bool, typer.Option("--online", help="Let the tracker use the network.")]
Runs = Annotated[Path, typer.Option("--runs", help="Where run folders lie; the report lies beside it.")]
Annotations = Annotated[
    str,
    typer.Option("--annotations", help="What methods see: exact, detected (by a network) or noisy-1..3."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved run and stop.")]
ExecutorName = Annotated[
    str, typer.Option("--executor", help="local (processes of this machine) | ray (a cluster; extra cluster).")
]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Runs at once on local; 0: as many as fit.")]
Cpus = Annotated[int | None, typer.Option("--cpus", min=1, help="Cores (and threads) of each run.")]
Gpus = Annotated[
    int | None, typer.Option("--gpus", min=0, help="GPUs of each run; with several, its training runs by torchrun.")
]
Address = Annotated[str, typer.Option("--address", help="Of the Ray cluster; auto: the one that this machine is in.")]
NoResume = Annotated[bool, typer.Option("--no-resume", help="Move the old folder aside and start anew.")]


def application() -> typer.Typer:
    """A Typer application with the suite's settings."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def examples(*lines: str) -> str:
    """An epilog of real commands, one a line."""
    return "\b\nExamples:\n" + "\n".join(lines)  # the help indents them itself
