"""``bench sweep``: tune methods on the validation split, each on the same budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import options as opt
from bench.cli.text import fields, print_json, table

if TYPE_CHECKING:
    from sweeps.request import SweepRequest

app = opt.application()
Name = Annotated[str, typer.Argument(help="Of the sweep: its folder beside the runs.")]
BudgetText = Annotated[str, typer.Option("--budget", help="Of each method: trials=N, or seconds=S of device time.")]


@app.command(
    epilog=opt.examples(
        "bench sweep run --method tps --dataset synthetic --preset tiny --budget trials=12 --workers 2",
        "bench sweep run --method tps --method fomm --dataset synthetic --budget trials=20",
        "bench sweep run --method tps --dataset synthetic --objective val.ssim --objective cost.memory",
        "bench sweep run --method tps --dataset synthetic --space mine.toml --constraint 'cost.seconds<=600'",
        "",
        "The objective is measured on the split val; the test split is never opened. Run again, it goes on.",
    )
)
def run(
    method: Annotated[list[str], typer.Option("--method", help="Registered method; repeatable: same budget each.")],
    dataset: opt.Data,
    budget: BudgetText = "trials=20",
    preset: opt.Preset = "quick",
    objective: Annotated[
        list[str] | None, typer.Option("--objective", help="val.<metric> or cost.*; repeatable; default: val.l1.")
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option("--constraint", help="NAME<=VALUE of a cost; repeatable.")
    ] = None,
    space: Annotated[
        list[str] | None, typer.Option("--space", help="FILE, or METHOD=FILE; default: the suite's own spaces.")
    ] = None,
    overrides: opt.Overrides = None,
    name: Annotated[str, typer.Option("--name", help="Of the sweep; made from the rest where not given.")] = "",
    seed: opt.Seed = 0,
    sampler: Annotated[str, typer.Option("--sampler", help="tpe | gp | random.")] = "tpe",
    pruner: Annotated[str, typer.Option("--pruner", help="auto | halving | median | wilcoxon | none.")] = "auto",
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same trials every time: whole batches, told in order.")
    ] = False,
    storage: Annotated[str, typer.Option("--storage", help="URL of a PostgreSQL database; default: SQLite.")] = "",
    clips: Annotated[int, typer.Option("--val-clips", min=1, help="Validation clips of a metric.")] = 8,
    frames: Annotated[int, typer.Option("--val-frames", min=1, help="Frames of each of them.")] = 24,
    checkpoint: opt.Checkpoint = None,
    executor: opt.ExecutorName = "local",
    workers: opt.Workers = 0,
    cpus: opt.Cpus = None,
    gpus: opt.Gpus = None,
    address: opt.Address = "auto",
    device: opt.Device = "auto",
    precision: opt.Precision = "fp32",
    track: opt.Track = "wandb",
    online: opt.Online = False,
    runs: opt.Runs = Path("runs"),
    annotation_class: opt.Annotations = "exact",
) -> None:
    """Tune methods on the validation split."""
    from bench.config import parse_set
    from bench.executors.open import Room
    from bench.spec import check_choice
    from datasets.files import safe_name
    from sweeps.request import PRUNERS, SAMPLERS, SweepRequest, parse_budget, parse_constraints, parse_objective

    check_choice("--sampler", sampler, SAMPLERS)
    check_choice("--pruner", pruner, PRUNERS)
    methods = tuple(dict.fromkeys(method))
    request = SweepRequest(
        name or safe_name(f"{'+'.join(methods)}-{dataset}-{preset}"), methods, dataset, preset, parse_budget(budget),
        tuple(parse_objective(text) for text in objective or ["val.l1"]), parse_constraints(constraint or []),
        _spaces(space or [], methods), parse_set(overrides or []), seed, sampler, pruner, deterministic, storage,
        clips, frames, str(checkpoint.absolute()) if checkpoint else "", device, precision, track, online,
        annotation_class, str(runs),
    )  # fmt: skip
    _go(request, Room(executor, workers, cpus, gpus, address))


@app.command(epilog=opt.examples("bench sweep resume NAME", "bench sweep resume NAME --budget trials=40 --workers 2"))
def resume(
    name: Name,
    budget: Annotated[str, typer.Option("--budget", help="Another one than it was begun with.")] = "",
    executor: opt.ExecutorName = "local",
    workers: opt.Workers = 0,
    cpus: opt.Cpus = None,
    gpus: opt.Gpus = None,
    address: opt.Address = "auto",
    runs: opt.Runs = Path("runs"),
) -> None:
    """Go on with a sweep, perhaps with a larger budget."""
    from dataclasses import replace

    from bench.executors.open import Room
    from sweeps.request import parse_budget, read_request

    request = read_request(runs, name)
    if budget:
        request = replace(request, budget=parse_budget(budget))
    _go(replace(request, runs=str(runs)), Room(executor, workers, cpus, gpus, address))


@app.command(epilog=opt.examples("bench sweep show NAME", "bench sweep show NAME --json"))
def show(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    runs: opt.Runs = Path("runs"),
) -> None:
    """Trials and the best config of a sweep, while it runs too."""
    summary = _read(name, runs)
    if as_json:
        print_json(summary)
    else:
        print_summary(summary, every=True)


@app.command(epilog=opt.examples("bench sweep export NAME --out trials.csv"))
def export(
    name: Name,
    out: Annotated[Path, typer.Option("--out", help="A .csv (a line a trial) or a .json file.")],
    runs: opt.Runs = Path("runs"),
) -> None:
    """Write the trials of a sweep to a file."""
    from datasets.errors import UsageError
    from datasets.files import write_json, write_text
    from leaderboard.export import to_csv

    if out.suffix not in (".csv", ".json"):
        raise UsageError(f"{out} ends neither in .csv nor in .json")
    summary = _read(name, runs)
    if out.suffix == ".json":
        write_json(out, summary)
    else:
        write_text(out, to_csv([row for method in summary["methods"] for row in _rows(summary, method)]))
    typer.echo(f"{out}")


# -- parts -------------------------------------------------------------------------------------------------------
def _read(name: str, runs: Path) -> dict[str, Any]:
    from dataclasses import replace

    from sweeps.open import read_sweep
    from sweeps.request import read_request

    return read_sweep(replace(read_request(runs, name), runs=str(runs)))


def _spaces(items: list[str], methods: tuple[str, ...]) -> dict[str, str]:
    from datasets.errors import UsageError

    found = {}
    for item in items:
        method, sign, path = item.partition("=")
        if sign and method in methods:
            found[method] = str(Path(path).absolute())
        elif len(methods) == 1:
            found[methods[0]] = str(Path(item).absolute())
        else:
            raise UsageError(f"--space {item} does not say of which method", f"write {methods[0]}=FILE")
    return found


def _go(request: SweepRequest, room: Any) -> None:
    from bench.board import report_folder
    from bench.outcome import terminable
    from sweeps.open import run_sweep

    with terminable():
        summary = run_sweep(request, room)
    print_summary(summary)
    typer.echo(f"sweep: {request.folder} (bench sweep show {request.name})")
    typer.echo(f"report: {report_folder(Path(request.runs)) / 'index.html'}")


def _rows(summary: dict[str, Any], method: dict[str, Any]) -> list[dict[str, Any]]:
    """A line a trial: what it was, what came out, and every key."""
    rows = []
    for trial in method["trials"]:
        names = [o["name"] for o in summary["objectives"]]
        values = trial["objectives"] or [""] * len(names)
        shown = {k: trial[k] for k in ("number", "state", "published", "feasible", "seconds", "attempts", "where")}
        keys = {key: trial["values"].get(key, "") for key in method["space"]}
        row = {"method": method["method"]} | shown | dict(zip(names, values, strict=True)) | keys
        rows.append(row | {"run": trial["run"], "reason": trial["reason"]})
    return rows


def print_summary(summary: dict[str, Any], every: bool = False) -> None:
    """Budget, trials (``every`` or only the best) and the best config of each method as a ready command."""
    names = [o["name"] for o in summary["objectives"]]
    for method in summary["methods"]:
        typer.echo(fields([
            ("method", method["method"]), ("data", f"{summary['dataset']}, split val, preset {summary['preset']}"),
            ("budget", f"{summary['budget']} ({method['finished']} trials, {method['seconds']:.0f} s used)"),
        ]))  # fmt: skip
        rows = _rows(summary, method)
        shown = rows if every else [r for r in rows if r["number"] in method["pareto"] or r["published"]]
        brief = [
            {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()}
            | {"state": row["state"] + (", as published" if row["published"] else "")}
            for row in shown
        ]
        typer.echo(table(brief, ("number", "state", *names, *method["space"], "reason")))
        if method["importance"]:
            typer.echo("importance: " + ", ".join(f"{k} {v:.0%}" for k, v in method["importance"].items()))
        for number, text in method["commands"].items():
            typer.echo(f"trial {number}: {text}")
