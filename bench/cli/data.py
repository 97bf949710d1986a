"""``bench data``: list, prepare, annotate, verify and export data sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import options as opt
from bench.cli.text import one_line, print_json, table

if TYPE_CHECKING:
    from datasets.store.card import RealSpec

app = opt.application()
DataArgument = Annotated[str, typer.Argument(help="Registered data set, or folder:PATH.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.callback(
    epilog=opt.examples(
        "bench data list",
        "bench data list synthetic --preset tiny",
        "bench data prepare synthetic --preset quick",
        "bench data prepare taichi --from ~/taichi",
        "bench data annotate folder:videos --with face,background",
        "bench data annotators",
        "bench data verify taichi",
        "bench data verify folder:videos",
        "bench data export synthetic:CLIP --out exported",
    )
)
def data() -> None:
    """List, prepare, annotate, verify and export data sets."""


@app.command("list", epilog=opt.examples("bench data list", "bench data list synthetic --preset tiny --json"))
def list_clips(
    dataset: Annotated[str, typer.Argument(help="Data set whose clips are listed; all data sets if left out.")] = "",
    preset: opt.Preset = "quick",
    as_json: Json = False,
) -> None:
    """List data sets, whether they are here and how the missing ones are got; or the clips of one."""
    from bench.data import list_rows, show_rows

    rows = list_rows(dataset, preset)
    if dataset or as_json:
        typer.echo(show_rows(rows, as_json))
        return
    typer.echo(table(rows, ("dataset", "state", "annotations", "licence", "title")))
    for row in rows:
        if row["state"] == "missing":
            typer.echo(f"\n{row['dataset']}: {one_line(row['how'])}")


@app.command(
    epilog=opt.examples(
        "bench data prepare synthetic --preset quick",
        "bench data prepare taichi --from ~/taichi",
        "bench data prepare ted --from ~/ted --test-list ~/ted-test.txt",
    )
)
def prepare(
    dataset: DataArgument,
    preset: opt.Preset = "quick",
    annotation_class: opt.Annotations = "exact",
    folder: Annotated[
        Path | None, typer.Option("--from", help="Real data sets: the folder with the official files.")
    ] = None,
    test_list: Annotated[
        Path | None, typer.Option("--test-list", help="Names of the test clips, a line each, where no list says.")
    ] = None,
    crop: Annotated[str, typer.Option("--crop", help="padded | stretched: boxes that are not square.")] = "",
) -> None:
    """Import a real data set into the store, or render and decode everything that a run reads into the cache.

    An import that was interrupted goes on where it stopped; nothing is ever downloaded.
    """
    from bench.data import prepare_real, real_card
    from bench.progress import Progress
    from bench.spec import check_choice, open_dataset
    from datasets.errors import UsageError
    from datasets.store.items import Options

    check_choice("--crop", crop, ("", "padded", "stretched"))
    card = real_card(dataset)
    if card is not None:
        with Progress() as progress:
            lines = prepare_real(card, folder, Options(test_list, crop), progress)
        for line in lines:
            typer.echo(one_line(line))
        return
    if folder or test_list or crop:
        raise UsageError(f"{dataset} is not imported from a folder", "leave --from, --test-list and --crop out")
    opened = open_dataset(dataset, preset, annotation_class)
    with Progress() as progress:
        ranked = [name for name in opened.spec.protocols if name not in opened.spec.optional]
        opened.prepare(("train", "val"), ranked, progress)
    for finding in opened.findings():
        typer.echo(finding)
    typer.echo(f"{opened.slug}: ready")


@app.command(
    epilog=opt.examples(
        "bench data annotate folder:videos --with face,background",
        "bench data annotate taichi --with keypoints,iuv,parsing,mask --device cuda",
        "bench data annotate taichi --with parsing=schp-atr --replace",
        "",
        "Run again, it goes on with the clips that are not annotated yet.",
    )
)
def annotate(
    dataset: DataArgument,
    words: Annotated[str, typer.Option("--with", help="Annotations, or annotators (ROLE=NAME), separated by commas.")],
    device: opt.Device = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Make anew what another annotator made.")] = False,
    as_json: Json = False,
) -> None:
    """Let pretrained networks say where people, faces and surfaces are in every frame, and store it losslessly.

    Networks are never downloaded here (bench weights does); what one annotator made is never mixed with another's.
    """
    from bench.annotate import annotate_dataset
    from bench.progress import Progress

    with Progress() as progress:
        done, place = annotate_dataset(dataset, [word for word in words.split(",") if word], device, replace, progress)
    if as_json:
        print_json([each.to_json() for each in done])
        return
    for each in done:
        about = each.reason if each.reason else f"{each.frames} frames" + _facts(each.facts or {})
        typer.echo(one_line(f"{each.annotator} {each.clip}: {each.state}, {about}"))
    typer.echo(f"annotations: {place}")


def _facts(facts: Mapping[str, Any]) -> str:
    return "".join(f"; {name}: {one_line(value)}" for name, value in facts.items())


@app.command(epilog=opt.examples("bench data annotators", "bench data annotators --json"))
def annotators(as_json: Json = False) -> None:
    """List what can be annotated, by which network, under which licence, and whether its weights are here."""
    from bench.annotate import annotator_rows

    rows = annotator_rows()
    if as_json:
        print_json(rows)
    else:
        typer.echo(table(rows, ("annotation", "name", "makes", "state", "measured", "licence")))


@app.command(
    epilog=opt.examples(
        "bench data verify synthetic --preset tiny", "bench data verify folder:videos", "bench data verify taichi"
    )
)
def verify(
    dataset: DataArgument,
    preset: opt.Preset = "quick",
    as_json: Json = False,
    people: Annotated[bool, typer.Option("--people", help="Real data sets: also look for faces (slow).")] = False,
) -> None:
    """Read every clip and pair once; findings are listed, and the status is 3 where there is an error."""
    from bench.data import real_card, show_rows, verify_rows
    from datasets.errors import MissingInputError

    card = real_card(dataset)
    if card is not None:
        _verify_real(card, people, as_json)
        return
    rows, broken = verify_rows(dataset, preset)
    typer.echo(show_rows(rows, as_json))
    if broken:
        raise MissingInputError(f"{len(broken)} problems in {dataset}: {broken[0]}", "repair or remove those files")


def _verify_real(card: RealSpec, people: bool, as_json: bool) -> None:
    """Print the findings of the twelve checks, one a line; exit 3 where one is an error."""
    from bench.data import verify_real
    from bench.progress import Progress
    from datasets.errors import MissingInputError

    with Progress() as progress:
        findings = verify_real(card, progress, people)
    if as_json:
        print_json([finding.to_json() for finding in findings])
    else:
        for finding in findings:
            typer.echo(one_line(str(finding)))
    errors = [finding for finding in findings if finding.level == "E"]
    if errors:
        raise MissingInputError(
            f"{len(errors)} errors in {card.name}; the first: {errors[0]}", "each line has its remedy"
        )
    if not as_json:
        typer.echo(f"{card.name}: no errors, {sum(f.level == 'W' for f in findings)} warnings")


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
