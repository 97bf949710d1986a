"""``bench show``: one run, method, data set or metric in full."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import registry
from bench.cli import options as opt
from bench.cli.text import fields, print_json, table
from datasets.errors import UsageError

app = opt.application()
KINDS = ("run", "method", "dataset", "metric")


@app.command(
    epilog=opt.examples(
        "bench show method tps",
        "bench show run synthetic/tps/quick-s0-1a2b3c4d",
        "bench show run 1a2b3c4d --why",
        "bench show metric akd",
        "bench show metric ssim --json",
        "bench show dataset synthetic",
    )
)
def show(
    kind: Annotated[str, typer.Argument(help="run | method | dataset | metric.")],
    name: Annotated[str, typer.Argument(help="Its name; for a run its path or any part of it that is unique.")],
    why: Annotated[
        bool, typer.Option("--why", help="What a run depends on, and which part changed since it was made.")
    ] = False,
    runs: opt.Runs = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show one run, method, data set or metric in full."""
    from bench.spec import check_choice

    check_choice("bench show", kind, KINDS)
    if why and kind != "run":
        raise UsageError("--why is for runs", "bench show run NAME --why")
    if kind == "run":
        _show_run(name, runs, why, as_json)
    elif kind == "method":
        _show_method(registry.get("methods", name), as_json)
    elif kind == "dataset":
        _show_card(registry.get("datasets", name.partition(":")[0]), as_json)
    else:
        _show_metric(name, as_json)


# -- runs ------------------------------------------------------------------------------------------------------------
def _show_run(name: str, runs: Path, why: bool, as_json: bool) -> None:
    from bench.store import find_run

    run = find_run(runs, name)
    record = run.summary
    if why:
        changed = _changes(record, runs)
        if as_json:
            print_json({"run": str(run.path), "depends_on": record["identity"], "changed": changed})
            return
        typer.echo(f"{run.path} depends on:\n{_dependencies(record)}\n")
        typer.echo("Changed since it was made:" if changed else "Up to date: nothing of that has changed.")
        for line in changed:
            typer.echo(f"  {line}")
        return
    if as_json:
        print_json(record | {"path": str(run.path)})
        return
    shown = [(key.replace("_", " "), record.get(key)) for key in _RUN_FIELDS]
    typer.echo(fields([("run", run.path), *shown]))
    for title in ("training", "speed", "provenance"):
        if record.get(title):
            typer.echo(f"\n{title}:\n{fields(record[title].items())}")
    protocols = [{"protocol": name} | row for name, row in record.get("protocols", {}).items()]
    if protocols:
        typer.echo("\n" + table(protocols, ("protocol", "hash", "target", "pairs", "frames")))
    for line in record.get("findings", []):
        typer.echo(f"finding: {line}")


_RUN_FIELDS = (
    "status", "reason", "method", "variant", "mode", "dataset", "preset", "seed", "size", "annotation_class",
    "trained", "overrides", "config",
)  # fmt: skip


def _changes(record: dict[str, Any], runs: Path) -> list[str]:
    from bench.identity import explain
    from bench.spec import resolve, spec_from_json

    if record["status"] == "invalid":
        raise UsageError(record["reason"], "the record cannot be believed, so it cannot be compared")
    if record.get("trained") == "external predictions":
        from bench.exchange.take import run_of_record

        return explain(record, run_of_record(record, runs))
    return explain(record, resolve(spec_from_json(record, runs)))


def _dependencies(record: dict[str, Any]) -> str:
    """The three nested identities with their parts, in words."""
    from bench.identity import WORDS

    identity = record["identity"]
    lines = [f"training {identity['training'][:8]}"]
    lines += _parts(identity["parts"], WORDS)
    for kind in ("generation", "score"):
        for protocol, digest in identity.get(kind, {}).items():
            lines.append(f"{kind} of {protocol} {digest[:8]}")
            lines += _parts(identity.get(f"{kind}_parts", {}).get(protocol, {}), WORDS)
    return "\n".join(lines)


def _parts(parts: dict[str, str], words: Any) -> list[str]:
    short = {name: value[:8] if len(value) == 64 else value or "none" for name, value in parts.items()}
    return [f"  {words.get(name, name)}: {value}" for name, value in short.items()]


# -- cards -----------------------------------------------------------------------------------------------------------
def _show_card(spec: Any, as_json: bool) -> None:
    card = asdict(spec)
    if as_json:
        print_json(card)
    else:
        typer.echo(fields((key.replace("_", " "), value) for key, value in card.items()))


def _show_metric(name: str, as_json: bool) -> None:
    from bench.cli.metric_card import metric_card, metric_text
    from bench.evaluation.select import find_metric

    card = metric_card(find_metric(name))
    if as_json:
        print_json(card)
    else:
        typer.echo(metric_text(card))


def _show_method(spec: Any, as_json: bool) -> None:
    parameters = _config_fields(spec)
    if as_json:
        print_json(asdict(spec) | {"config_fields": parameters})
        return
    card = {k: v for k, v in asdict(spec).items() if k not in ("presets", "variants", "modes")}
    typer.echo(fields((key.replace("_", " "), value) for key, value in card.items()))
    modes = [{"mode": mode, "target (pose/place)": target} for mode, target in spec.modes.items()]
    typer.echo("\n" + table(modes, ("mode", "target (pose/place)")))
    presets = [{"preset": name, "overrides": dict(values)} for name, values in spec.presets.items()]
    variants = [{"variant": slug, **asdict(variant)} for slug, variant in spec.variants.items()]
    for rows, columns in (
        (presets, ("preset", "overrides")),
        (variants, ("variant", "compare_to", "label", "overrides")),
        (parameters, ("key", "default", "description")),
    ):
        if rows:
            typer.echo("\n" + table(rows, columns))


def _config_fields(spec: Any) -> list[dict[str, Any]]:
    """Dotted key, default and description of every hyper-parameter: what ``--set`` takes."""
    from bench.config import describe

    return describe(registry.load_object(spec.config))
