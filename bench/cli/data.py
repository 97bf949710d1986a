"""``bench data``: list, prepare, verify and export data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()
DataArgument = Annotated[str, typer.Argument(help="Registered data set, or folder:PATH.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.callback(
    epilog=opt.examples(
        "bench data list",
        "bench data list synthetic --preset tiny",
        "bench data prepare synthetic --preset quick",
        "bench data verify folder:videos",
        "bench data export synthetic:CLIP --out exported",
    )
)
def data() -> None:
    """List, prepare, verify and export data sets."""


@app.command("list", epilog=opt.examples("bench data list", "bench data list synthetic --preset tiny --json"))
def list_clips(
    dataset: Annotated[str, typer.Argument(help="Data set whose clips are listed; all data sets if left out.")] = "",
    preset: opt.Preset = "quick",
    as_json: Json = False,
) -> None:
    """List data sets, or the clips of one."""
    from bench.data import list_rows, show_rows

    typer.echo(show_rows(list_rows(dataset, preset), as_json))


@app.command(epilog=opt.examples("bench data prepare synthetic --preset quick"))
def prepare(dataset: DataArgument, preset: opt.Preset = "quick", annotation_class: opt.Annotations = "exact") -> None:
    """Render or decode everything that a run reads into the cache."""
    from bench.progress import Progress
    from bench.spec import open_dataset

    opened = open_dataset(dataset, preset, annotation_class)
    with Progress() as progress:
        ranked = [name for name in opened.spec.protocols if name not in opened.spec.optional]
        opened.prepare(("train", "val"), ranked, progress)
    for finding in opened.findings():
        typer.echo(finding)
    typer.echo(f"{opened.slug}: ready")


@app.command(epilog=opt.examples("bench data verify synthetic --preset tiny", "bench data verify folder:videos"))
def verify(dataset: DataArgument, preset: opt.Preset = "quick", as_json: Json = False) -> None:
    """Read every clip and pair once; findings are listed, and the status is 3 where something cannot be read."""
    from bench.data import show_rows, verify_rows
    from datasets.errors import MissingInputError

    rows, broken = verify_rows(dataset, preset)
    typer.echo(show_rows(rows, as_json))
    if broken:
        raise MissingInputError(f"{len(broken)} problems in {dataset}: {broken[0]}", "repair or remove those files")


@app.command(
    epilog=opt.examples(
        "bench data export synthetic:CLIP --out exported",
        "bench data export synthetic:CLIP@0 --out photo --kind keypoints --kind mask",
    )
)
def export(
    clip: Annotated[str, typer.Argument(help="DATASET:CLIP, or DATASET:CLIP@FRAME for one frame.")],
    out: Annotated[Path, typer.Option("--out", help="Folder: frames/%06d.png and annotations/<kind>.npz.")],
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Annotation kind; repeatable; default: all.")] = None,
    preset: opt.Preset = "quick",
    annotation_class: opt.Annotations = "exact",
) -> None:
    """Write a clip's frames and annotations in the canonical encodings."""
    from bench.data import export_clip

    frames, kinds = export_clip(clip, out, kind, preset, annotation_class)
    typer.echo(f"{out}: {frames} frames, {', '.join(kinds) or 'no annotations'}")
