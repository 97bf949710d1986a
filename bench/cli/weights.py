"""``bench weights``: pretrained networks that are not shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt
from bench.cli.text import print_json, table

app = opt.application()
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.callback(
    epilog=opt.examples(
        "bench weights list",
        "bench weights fetch vgg19",
        "bench weights add ~/Downloads/vgg19-dcbb9e9d.pth --as vgg19",
        "bench weights verify",
    )
)
def main() -> None:
    """List, fetch, add and verify pretrained weights (they lie in BENCH_WEIGHTS)."""


@app.command("list", epilog=opt.examples("bench weights list", "bench weights list --json"))
def list_(as_json: Json = False) -> None:
    """List the known files and whether they are here."""
    from bench.weights import KNOWN, state

    rows = [
        {"name": w.name, "state": state(w), "file": w.file, "bytes": w.size or None, "sha256": w.sha256,
         "licence": w.licence, "source": w.source, "used by": w.used_by, "path": str(w.path)}
        for w in KNOWN
    ]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        typer.echo(table(rows, ("name", "state", "bytes", "licence", "used by", "path")))


@app.command(epilog=opt.examples("bench weights fetch vgg19"))
def fetch(name: Annotated[str, typer.Argument(help="A name of bench weights list.")]) -> None:
    """Download a file and check its hash; a broken download goes on where it stopped."""
    from bench.progress import Progress
    from bench.weights import fetch, known

    weight = known(name)
    with Progress() as progress:
        path = fetch(weight, progress)
    typer.echo(f"{weight.name}: ok, {path}")


@app.command(epilog=opt.examples("bench weights add ~/Downloads/vgg19-dcbb9e9d.pth --as vgg19"))
def add(
    file: Annotated[Path, typer.Argument(help="The official file.")],
    name: Annotated[str, typer.Option("--as", help="A name of bench weights list.")],
) -> None:
    """Copy a local file into its place after checking its hash."""
    from bench.weights import add, known

    typer.echo(f"{name}: ok, {add(file, known(name))}")


@app.command(epilog=opt.examples("bench weights verify", "bench weights verify vgg19"))
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Names; default: all that are here.")] = None,
    as_json: Json = False,
) -> None:
    """Hash the files again; exit 3 where one is damaged, or was named and is missing."""
    from bench.weights import KNOWN, known, state

    asked = [known(name) for name in names or []]
    rows = [{"name": w.name, "state": state(w, verify=True), "path": str(w.path)} for w in asked or KNOWN]
    if as_json:
        print_json(rows)
    else:
        typer.echo(table(rows, ("name", "state", "path")))
    if any(r["state"] == "damaged" or (asked and r["state"] == "missing") for r in rows):
        raise typer.Exit(3)
