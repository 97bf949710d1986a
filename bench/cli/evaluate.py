"""``bench evaluate``: scores of folders of videos, or of a run's stored frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as opt
from datasets.errors import GenerationError, MissingInputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bench.evaluation.base import MetricSpec

app = opt.application()
EPILOG = opt.examples(
    "bench evaluate --predictions out/ --reference truth/ --out scores/",
    "bench evaluate --predictions out/ --reference truth/ --metrics ssim,psnr,motion-ratio --name mine --out scores/",
    "bench evaluate --predictions out/ --reference truth/ --align prefix --flow flow.npz --out scores/",
    "bench evaluate --run runs/synthetic/tps/quick-s0-1a2b3c4d --out scores/",
    "",
    "Each folder holds one video, or one folder of frames, for each clip; clips pair by name. OUT gets scores.csv and",
    "scores.parquet. Lossy video changes scores: prefer folders of PNG.",
)

_Npz = Annotated[Path | None, typer.Option(help="NPZ with one array for each clip name.")]


@app.command(epilog=EPILOG)
def evaluate(
    out: Annotated[Path, typer.Option("--out", help="Folder for scores.csv and scores.parquet.")],
    predictions: Annotated[Path | None, typer.Option("--predictions", help="Folder of generated clips.")] = None,
    reference: Annotated[Path | None, typer.Option("--reference", help="Folder of real clips.")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Run folder whose stored frames are scored again.")] = None,
    metrics: Annotated[str, typer.Option("--metrics", help="NAME or NAME@PROFILE, comma separated.")] = "",
    name: Annotated[str, typer.Option("--name", help="Method column; default: the folder's name.")] = "",
    align: Annotated[str, typer.Option("--align", help="prefix: score the common first frames.")] = "",
    flow: Annotated[
        Path | None, typer.Option("--flow", help="NPZ: CLIP (T-1, H, W, 2) true flow, CLIP.occlusion (T-1, H, W).")
    ] = None,
    labels_predictions: _Npz = None,
    labels_reference: Annotated[
        Path | None, typer.Option(help="NPZ: CLIP (T, H, W) uint8 labels, 0 = background (gives the person mask).")
    ] = None,
    keypoints_predictions: _Npz = None,
    keypoints_reference: _Npz = None,
    features_predictions: _Npz = None,
    features_reference: _Npz = None,
) -> None:
    """Score generated videos."""
    from bench.evaluation.scores import write_scores
    from bench.evaluation.select import select_metrics

    wanted = [part.strip() for part in metrics.split(",") if part.strip()]
    specs = select_metrics(wanted or None)
    if not wanted and run is None:
        given = {"reference"} | ({"flow"} if flow else set()) | ({"mask"} if labels_reference else set())
        specs = [spec for spec in specs if not spec.stands_in_for or not spec.stands_in_for <= given]
    unused = {
        "--keypoints": (keypoints_predictions, keypoints_reference),
        "--features": (features_predictions, features_reference),
        "--labels-predictions": (labels_predictions,),
    }
    for option, files in unused.items():
        if any(files):
            raise MissingInputError(f"no metric of this version reads {option}", "leave it out")
    if align not in ("", "prefix"):
        raise UsageError(f"--align {align!r} is not known", "the only rule is: --align prefix")
    if run is not None:
        if predictions or reference:
            raise UsageError("--run has its own frames and references", "leave out --predictions and --reference")
        scores = _score_run(run, specs)
    else:
        scores = _score_folders(predictions, reference, specs, name, align, flow, labels_reference)
    write_scores(scores, out)
    _report(scores, out)
    _require(scores, specs if wanted else [])


def _score_folders(
    predictions: Path | None,
    reference: Path | None,
    specs: list[MetricSpec],
    name: str,
    align: str,
    flow: Path | None,
    labels: Path | None,
) -> pd.DataFrame:
    from bench.evaluation.folders import FolderPair, score_folders
    from bench.evaluation.truth_files import TruthFiles
    from bench.progress import Progress

    if predictions is None or reference is None:
        raise UsageError("bench evaluate needs --predictions and --reference (or --run)", "bench evaluate --help")
    job = FolderPair(predictions, reference, name, align == "prefix", TruthFiles(flow, labels))
    with Progress() as progress:
        return score_folders(job, specs, progress)


def _score_run(path: Path, specs: list[MetricSpec]) -> pd.DataFrame:
    from bench.evaluation.rescore import rescore
    from bench.progress import Progress

    with Progress() as progress:
        return rescore(path, specs, progress)


def _report(scores: pd.DataFrame, out: Path) -> None:
    """The aggregate rows, and how many rows have no value."""
    for row in scores[(scores["pair"] == "*") & (scores["region"] == "whole")].itertuples():
        profile = "" if row.profile == "default" else f"@{row.profile}"
        shown = f"{row.value:.6g}" if row.status == "ok" else f"{row.status}: {row.reason}"
        typer.echo(f"{f'{row.protocol} ' if row.protocol else ''}{row.metric}{profile}  {shown}")
    missing = scores[(scores["pair"] != "*") & (scores["status"] != "ok") & (scores["region"] == "whole")]
    for (status, reason), rows in missing.groupby(["status", "reason"], sort=True):
        typer.echo(f"{len(rows)} without a value ({status}): {reason}", err=True)
    typer.echo(f"{out / 'scores.csv'}: {len(scores)} rows")


def _require(scores: pd.DataFrame, asked: list[MetricSpec]) -> None:
    """Raise where a metric broke, or one asked for by name has no value for want of an input."""
    broken = scores[scores["reason"].str.startswith("the metric ") & (scores["status"] == "failed")]
    if len(broken):
        raise GenerationError(str(broken["reason"].iloc[0]), "the other scores are written")
    total = scores[(scores["pair"] == "*") & (scores["region"] == "whole")]
    for spec in asked:
        row = total[(total["metric"] == spec.name) & (total["profile"] == spec.profile)]
        if len(row) and (row["status"] == "missing-input").all():
            raise MissingInputError(f"{spec.id} has no value: {row['reason'].iloc[0]}", f"it needs: {_needs(spec)}")


def _needs(spec: MetricSpec) -> str:
    option = {"flow": "--flow", "mask": "--labels-reference", "reference": "--reference"}
    return ", ".join(f"{kind} ({option[kind]})" if kind in option else kind for kind in sorted(spec.needs))
