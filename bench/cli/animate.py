"""``bench animate``: one photo, one driving video, one generated video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()
EPILOG = opt.examples(
    "bench animate --method tps --checkpoint runs/synthetic/tps/quick-s0-1a2b3c4d/checkpoints/best.pt \\",
    "      --source photo.png --driving dance.mp4 --out out.mp4",
    "bench animate --method tps --checkpoint taichi.pth.tar --source me.jpg --driving frames/ --out frames-out \\",
    "      --mode relative --size 256",
    "bench animate --method tps --checkpoint best.pt --source synthetic:CLIP@0 --driving synthetic:OTHER --out o.mp4",
    "bench animate --method dance --checkpoint best.pt --source synthetic:CLIP --driving synthetic:OTHER \\",
    "      --background beach.jpg --out beach.mp4",
    "",
    "OUT is a video where it ends in .mp4, else a folder of lossless %06d.png. Pictures are brought to a square that",
    "keeps their full height. Animate only people who agreed to it: docs/responsible-use.md.",
)


@app.command(epilog=EPILOG)
def animate(
    method: opt.Method,
    source: Annotated[str, typer.Option("--source", help="Photo: an image, or DATASET:CLIP[@FRAME].")],
    driving: Annotated[str, typer.Option("--driving", help="Motion: a video, a folder of frames, or DATASET:CLIP.")],
    out: Annotated[Path, typer.Option("--out", help="FILE.mp4, or a folder for lossless frames.")],
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Trained networks: a file of this suite, or an official one.")
    ] = None,
    mode: opt.Mode = "",
    size: Annotated[
        int, typer.Option("--size", min=0, help="Side of the square frames in pixels; 0: as it was trained.")
    ] = 0,
    source_annotations: Annotated[
        Path | None, typer.Option("--source-annotations", help="Folder with <kind>.npz or .png of the photo.")
    ] = None,
    driving_annotations: Annotated[
        Path | None, typer.Option("--driving-annotations", help="Folder with <kind>.npz or .png of the video.")
    ] = None,
    preset: Annotated[str, typer.Option("--preset", help="Preset of a data set that is named.")] = "quick",
    annotation_class: opt.Annotations = "exact",
    device: opt.Device = "auto",
    precision: opt.Precision = "fp32",
    background: Annotated[
        str, typer.Option("--background", help="Scene to put the person into: an image or video, source, or driving.")
    ] = "source",
    no_label: Annotated[bool, typer.Option("--no-label", help="Omit the visible 'synthetic' label.")] = False,
) -> None:
    """Animate one photo with one driving video."""
    from bench.animate import Job, animate_to
    from bench.api import load_method

    animator = load_method(method, checkpoint, device=device, precision=precision)
    notes = (source_annotations, driving_annotations)
    job = Job(source, driving, mode, size, preset, annotation_class, *notes, background)
    frames = animate_to(animator, job, out, label=not no_label)
    typer.echo(f"{out}: {frames} frame{'s' if frames != 1 else ''}")
