"""``bench export``: a protocol's pairs as plain files, for a program in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()
Shard = Annotated[str, typer.Option("--shard", help="i/n: only every n-th pair from the i-th on.")]


@app.command(
    epilog=opt.examples(
        "bench export synthetic-lite --out lite",
        "bench export cross-animation --preset standard --annotations detected --kind keypoints --out cross",
        "bench export cross-animation --dataset synthetic:draw=3 --out fresh",
        "bench export cross-animation --preset standard --shard 0/4 --out cross",
        "",
        "OUT/README.txt says what lies where and how predictions come back (bench import). Run again, it goes on.",
    )
)
def export(
    protocol: Annotated[str, typer.Argument(help="Protocol, with or without its version (bench list datasets).")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; pairs that are there are kept.")],
    dataset: Annotated[str, typer.Option("--dataset", help="Registered data set, or folder:PATH.")] = "synthetic",
    preset: opt.Preset = "quick",
    annotation_class: opt.Annotations = "exact",
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Annotation kind to write; repeatable; default: all.")
    ] = None,
    shard: Shard = "",
) -> None:
    """Write source images, driving frames and the allowed annotations of every pair."""
    from bench.exchange.export import Export, export_protocol
    from bench.exchange.shards import parse_shard
    from bench.progress import Progress

    part = parse_shard(shard)
    with Progress() as progress:
        job = Export(protocol, dataset, preset, annotation_class, tuple(kind or ()), part)
        found = export_protocol(job, out, progress)
    written = len(part.of(found.pairs))
    typer.echo(f"{out}: {found.name} · {found.hash8}, {written} of {len(found.pairs)} pairs")
    typer.echo(f"fill in {out / 'card.toml'}; {out / 'README.txt'} says how predictions come back")
