"""``python -m bench.cli.unit SPEC``: one run as an executor starts it; no sanity rows and no report, which come once at
the end. With several GPUs, training is ``torchrun`` inside it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()
Ranks = Annotated[int, typer.Option("--ranks", min=1, help="Processes of the training.")]


@app.command()
def unit(spec: Path, ranks: Ranks = 1, train_only: Annotated[bool, typer.Option("--train-only")] = False) -> None:
    """Bring the run of a spec file to its end."""
    from bench.launch import is_main
    from bench.outcome import terminable
    from bench.progress import Progress
    from bench.run import execute, train_rank
    from bench.spec import resolve
    from bench.standing import is_complete
    from bench.unit import read_spec

    asked, _ = read_spec(spec)
    with terminable(), Progress() as progress:
        run = resolve(asked, progress if is_main() else None)
        if not is_main():
            train_rank(run)
            return
        if ranks > 1 and run.trains and not is_complete(run, train_only=True):
            train_on(ranks, spec)
        done = execute(run, progress, train_only=train_only)
    typer.echo(f"{done.folder.path}: {', '.join(done.steps) or 'was complete'}")


def train_on(ranks: int, spec: Path) -> None:
    """Train on several ranks of this machine.

    Raises:
        typer.Exit: with the status of a training that failed.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    done = subprocess.run(
        [*launcher, "-m", "bench.cli.unit", str(spec), "--train-only"], env={**os.environ}, check=False
    )
    if done.returncode:
        raise typer.Exit(4 if done.returncode == 1 else abs(done.returncode))


def main() -> int:
    """The process: errors become one sentence and the documented exit status."""
    from bench.cli.boundary import run_verb

    return run_verb("unit", sys.argv[1:], {"unit": ("bench.cli.unit", "")}, import_module)


if __name__ == "__main__":
    sys.exit(main())
