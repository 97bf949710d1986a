"""``bench evaluate``: scores of folders of videos, of files of key points, labels or features, or of a run's frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import options as opt
from datasets.errors import GenerationError, MissingInputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bench.evaluation.base import MetricSpec
    from bench.evaluation.folders import FolderPair
    from bench.evaluation.given import GivenFiles

app = opt.application()
EPILOG = opt.examples(
    "bench evaluate --predictions out/ --reference truth/ --out scores/",
    "bench evaluate --predictions out/ --reference truth/ --metrics ssim,psnr,motion-ratio --name mine --out scores/",
    "bench evaluate --predictions out/ --reference truth/ --metrics ssim,psnr --profiles all --out scores/",
    "bench evaluate --predictions out/ --reference truth/ --profiles disco-2023 --out scores/",
    "bench evaluate --predictions out/ --reference truth/ --align prefix --flow flow.npz --out scores/",
    "bench evaluate --keypoints-predictions made.npz --keypoints-reference real.npz --metrics akd,mkr --out scores/",
    "bench evaluate --run runs/synthetic/tps/quick-s0-1a2b3c4d --out scores/",
    "",
    "Each folder holds one video, or one folder of frames, for each clip; clips pair by name. OUT gets scores.csv and",
    "scores.parquet. Lossy video changes scores: prefer folders of PNG.",
)
#: What a folder of videos can never have.
_NEVER_IN_FOLDERS = frozenset({"driving", "keypoints", "leak-keypoints", "observability"})

_Npz = Annotated[Path | None, typer.Option(help="NPZ with one array for each clip name.")]


@app.command(epilog=EPILOG)
def evaluate(
    out: Annotated[Path, typer.Option("--out", help="Folder for scores.csv and scores.parquet.")],
    predictions: Annotated[Path | None, typer.Option("--predictions", help="Folder of generated clips.")] = None,
    reference: Annotated[Path | None, typer.Option("--reference", help="Folder of real clips.")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Run folder whose stored frames are scored again.")] = None,
    metrics: Annotated[str, typer.Option("--metrics", help="NAME or NAME@PROFILE, comma separated.")] = "",
    profiles: Annotated[
        str,
        typer.Option(
            "--profiles",
            help="all: every profile of the metrics, side by side; disco-2023, disco-2024, styleganv, cdfvd: a "
            "published recipe with its faults, and the clean definition beside.",
        ),
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Method column; default: the folder's name.")] = "",
    align: Annotated[str, typer.Option("--align", help="prefix: score the common first frames.")] = "",
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="The clips show the synthetic world: its own judges measure.")
    ] = False,
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
    from bench.evaluation.folders import FolderPair
    from bench.evaluation.given import GivenFiles
    from bench.evaluation.scores import write_scores
    from bench.evaluation.truth_files import TruthFiles

    if align not in ("", "prefix"):
        raise UsageError(f"--align {align!r} is not known", "the only rule is: --align prefix")
    given = GivenFiles(
        (keypoints_predictions, keypoints_reference),
        (labels_predictions, labels_reference),
        (features_predictions, features_reference),
    )
    wanted = [part.strip() for part in metrics.split(",") if part.strip()]
    if run is not None and (predictions or reference):
        raise UsageError("--run has its own frames and references", "leave out --predictions and --reference")
    specs = _cards(wanted, profiles, run)
    if run is not None:
        scores = _score_run(run, specs, bool(wanted))
    elif predictions is not None and reference is not None:
        truth = TruthFiles(flow, labels_reference)
        job = FolderPair(predictions, reference, name, align == "prefix", truth, synthetic)
        has = {"reference"} | ({"flow"} if flow else set()) | ({"mask"} if labels_reference else set())
        scores = _score_folders(job, specs if wanted or profiles not in ("", "all") else _fitting(specs, has), given)
    else:
        scores = _score_files(given, specs, name, bool(wanted))
    write_scores(scores, out)
    if profiles not in ("", "all"):
        _report_recipe(scores, profiles)
    else:
        _report(scores)
    typer.echo(f"{out / 'scores.csv'}: {len(scores)} rows")
    _require(scores, _cards(wanted, "", run) if wanted else [])


def _cards(wanted: list[str], profiles: str, run: Path | None) -> list[MetricSpec]:
    """Cards of the named metrics, or of the defaults (of the run's preset); of all profiles with ``--profiles all``, or
    of a recipe."""
    from bench.evaluation.recipes import find_recipe, recipe_metrics
    from bench.evaluation.select import all_profiles, select_metrics
    from bench.store import RunFolder

    if profiles not in ("", "all"):
        return recipe_metrics(find_recipe(profiles), wanted)
    preset = "" if run is None else str(RunFolder(run).json["preset"])
    specs = select_metrics(wanted or None, preset)
    return all_profiles(specs) if profiles else specs


def _fitting(specs: list[MetricSpec], has: set[str]) -> list[MetricSpec]:
    """Of the default metrics those that folders with such truth can ever have; stand-ins only where they are needed."""
    return [
        spec
        for spec in specs
        if not spec.needs & _NEVER_IN_FOLDERS and not (spec.stands_in_for and spec.stands_in_for <= has)
    ]


def _score_folders(job: FolderPair, specs: list[MetricSpec], given: GivenFiles) -> pd.DataFrame:
    from bench.evaluation.folders import score_folders
    from bench.progress import Progress

    with Progress() as progress:
        return score_folders(job, specs, progress, given)


def _score_files(given: GivenFiles, specs: list[MetricSpec], name: str, named: bool) -> pd.DataFrame:
    """Scores of files alone, without any frame."""
    from bench.evaluation.evaluator import table
    from bench.evaluation.given import score_given

    files = [pair[0] for pair in (given.keypoints, given.labels, given.features) if pair[0]]
    if not files:
        raise UsageError(
            "bench evaluate needs --predictions and --reference, --run, or files such as --keypoints-predictions",
            "bench evaluate --help",
        )
    fitting = [spec for spec in specs if given.kind_of(spec)]
    if named and len(fitting) < len(specs):
        other = next(spec for spec in specs if spec not in fitting)
        raise MissingInputError(f"{other.id} cannot be computed from the given files", "give --predictions as well")
    return table(score_given(given, fitting), fitting, ("whole",), {"method": name or files[0].stem})


def _score_run(path: Path, specs: list[MetricSpec], asked: bool) -> pd.DataFrame:
    from bench.evaluation.rescore import rescore
    from bench.progress import Progress

    with Progress() as progress:
        return rescore(path, specs, progress, asked)


def _report_recipe(scores: pd.DataFrame, name: str) -> None:
    """A recipe's numbers with n and the clean definition's beside, under what must be known of it."""
    from bench.cli.text import table
    from bench.evaluation.recipes import find_recipe, recipe_text

    recipe = find_recipe(name)
    total = scores[(scores["pair"] == "*") & (scores["region"] == "whole")]
    clips = scores.loc[scores["pair"] != "*", "pair"].nunique()
    for line in recipe_text(recipe):
        typer.echo(line)
    for protocol, part in total.groupby("protocol", sort=False):
        found = {f"{row.metric}@{row.profile}": row for row in part.itertuples()}
        pairs = [pair for pair in recipe.metrics.items() if pair[0] in found]
        rows = [{"recipe": ours, **_numbers(found[ours], found[clean], clean)} for ours, clean in pairs]
        typer.echo(f"\n{protocol} {clips} clips".lstrip())
        typer.echo(table(rows, ("recipe", "value", "n", "clean", "clean value", "note")))


def _numbers(ours: Any, clean: Any, name: str) -> dict[str, str]:
    """Cells of a recipe's row: n counts frames, or windows where a metric reads windows."""
    same = (ours.metric, ours.profile) == (clean.metric, clean.profile)
    return {
        "value": f"{ours.value:.6g}" if ours.status == "ok" else ours.status,
        "n": str(ours.n_frames),
        "clean": "" if same else name,
        "clean value": "" if same else f"{clean.value:.6g}" if clean.status == "ok" else clean.status,
        "note": "; ".join(dict.fromkeys(filter(None, [ours.reason, clean.reason]))),
    }


def _report(scores: pd.DataFrame) -> None:
    """The aggregate rows, and how many rows have no value."""
    for row in scores[(scores["pair"] == "*") & (scores["region"] == "whole")].itertuples():
        profile = "" if row.profile == "default" else f"@{row.profile}"
        shown = f"{row.value:.6g}" if row.status == "ok" else f"{row.status}: {row.reason}"
        typer.echo(f"{f'{row.protocol} ' if row.protocol else ''}{row.metric}{profile}  {shown}")
    missing = scores[(scores["pair"] != "*") & (scores["status"] != "ok") & (scores["region"] == "whole")]
    for (status, reason), rows in missing.groupby(["status", "reason"], sort=True):
        typer.echo(f"{len(rows)} without a value ({status}): {reason}", err=True)


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
    needs = [f"{kind} ({option[kind]})" if kind in option else kind for kind in sorted(spec.needs)]
    return ", ".join([*needs, f"a judge of {spec.judge} (bench weights list)"] if spec.judge else needs)
