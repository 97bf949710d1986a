"""``bench list``: what there is. Cards only, so nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import registry
from bench.cli import options as opt
from bench.cli.text import print_json, table
from datasets.errors import UsageError

app = opt.application()
Row = dict[str, Any]


@app.command(
    name="list",
    epilog=opt.examples(
        "bench list",
        "bench list methods",
        "bench list metrics --json",
        "bench list runs --runs runs",
        "bench list variants --method tps",
    ),
)
def list_(
    what: Annotated[
        str, typer.Argument(help="methods | datasets | metrics | runs | variants | presets; default: the first three.")
    ] = "",
    method: Annotated[str, typer.Option("--method", help="Only this method's variants or presets.")] = "",
    runs: opt.Runs = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List methods, data sets, metrics, runs, variants or presets."""
    if what and what not in SECTIONS:
        from bench.spec import check_choice

        check_choice("bench list", what, tuple(SECTIONS))
    if method and what not in ("variants", "presets"):
        raise UsageError("--method goes with variants and presets only", f"bench list variants --method {method}")
    names = (what,) if what else ("methods", "datasets", "metrics")
    found = {name: list(SECTIONS[name][0](method, runs)) for name in names}
    if as_json:
        print_json(found[what] if what else found)
        return
    for name, rows in found.items():
        if not what:
            typer.echo(f"{name}:")
        typer.echo(table(rows, SECTIONS[name][1]) if rows else f"there are no {name}")
        if not what:
            typer.echo()


# -- rows ------------------------------------------------------------------------------------------------------------
def _cards(kind: str, describe: Callable[[Any], Row]) -> Iterator[Row]:
    """One row a name; a plugin that cannot be imported is a row with its reason."""
    for name, entry in registry.entries(kind).items():
        row: Row = {"name": name, "from": entry.distribution or "built in", "status": "ok"}
        try:
            yield row | describe(entry.load())
        except UsageError as error:
            yield row | {"status": "broken", "title": f"BROKEN: {error.message}"}
        except (AttributeError, TypeError) as error:  # a card that is no card
            yield row | {"status": "broken", "title": f"BROKEN: its card is not valid: {error}"}


def _methods(_method: str, _runs: Path) -> Iterator[Row]:
    return _cards("methods", lambda spec: {
        "title": spec.title, "venue": f"{spec.venue} {spec.year or ''}".strip(), "sanity": spec.sanity,
        "input": ", ".join(sorted(spec.needs)) or "image only", "modes": list(spec.modes),
        "presets": list(spec.presets), "variants": list(spec.variants), "licence": spec.licence,
    })  # fmt: skip


def _datasets(_method: str, _runs: Path) -> Iterator[Row]:
    return _cards("datasets", lambda spec: {
        "title": spec.title, "licence": spec.licence, "synthetic": spec.synthetic, "protocols": list(spec.protocols),
        "kinds": sorted(spec.kinds), "where": spec.where,
    })  # fmt: skip


def _metrics(_method: str, _runs: Path) -> Iterator[Row]:
    return _cards("metrics", lambda spec: {
        "id": spec.id, "title": spec.title, "direction": spec.direction, "family": spec.family,
        "default": spec.default, "regions": list(spec.regions), "needs": sorted(spec.needs),
    })  # fmt: skip


def _runs(_method: str, runs: Path) -> Iterator[Row]:
    from bench.store import read_runs

    for run in read_runs(runs):
        record = run.summary
        yield {
            "run": run.path.relative_to(runs).as_posix(),
            "status": record["status"],
            "mode": record.get("mode", ""),
            "size": record.get("size", ""),
            "protocols": list(record.get("protocols", {})),
            "finished": record.get("provenance", {}).get("finished", ""),
            "reason": record.get("reason", ""),
        }


def _chosen(method: str) -> Iterator[Any]:
    if method:
        yield registry.get("methods", method)
        return
    for entry in registry.entries("methods").values():
        try:
            yield entry.load()
        except UsageError:  # bench list methods says so
            continue


def _variants(method: str, _runs: Path) -> Iterator[Row]:
    for spec in _chosen(method):
        for slug, variant in spec.variants.items():
            yield {
                "method": spec.name, "variant": slug, "label": variant.label, "compare to": variant.compare_to,
                "overrides": dict(variant.overrides),
            }  # fmt: skip


def _presets(method: str, _runs: Path) -> Iterator[Row]:
    for spec in _chosen(method):
        for preset, overrides in spec.presets.items():
            yield {"method": spec.name, "preset": preset, "overrides": dict(overrides)}


#: name -> (rows, columns of the text form)
SECTIONS: dict[str, tuple[Callable[[str, Path], Iterator[Row]], tuple[str, ...]]] = {
    "methods": (_methods, ("name", "venue", "input", "modes", "title")),
    "datasets": (_datasets, ("name", "licence", "protocols", "title")),
    "metrics": (_metrics, ("name", "direction", "family", "title")),
    "runs": (_runs, ("run", "status", "mode", "protocols", "finished", "reason")),
    "variants": (_variants, ("method", "variant", "compare to", "label", "overrides")),
    "presets": (_presets, ("method", "preset", "overrides")),
}
