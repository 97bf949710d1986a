"""``bench import-checkpoint``: an official checkpoint becomes a file of this suite, with a checksum."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()


@app.command(
    epilog=opt.examples(
        "bench import-checkpoint --method tps taichi.pth.tar --out tps-taichi.pt",
        "bench animate --method tps --checkpoint tps-taichi.pt --source me.png --driving dance.mp4 --out out.mp4",
    )
)
def import_checkpoint(
    file: Annotated[Path, typer.Argument(help="Checkpoint of the official code.")],
    method: opt.Method,
    out: Annotated[Path, typer.Option("--out", help="File to write; its checksum lies beside it as .sha256.")],
) -> None:
    """Turn an official checkpoint into one of this suite."""
    from bench.loading import import_official

    checksum = import_official(method, file, out)
    typer.echo(f"{out}: sha256 {checksum}")
