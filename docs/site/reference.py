"""The reference pages, from what the code says of itself: commands, cards and configs. Imports no torch."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import typer

from bench import registry
from bench.cli import VERBS
from bench.config import describe
from bench.evaluation.base import MetricSpec
from bench.evaluation.recipes import RECIPES, UNKNOWN
from datasets.errors import UsageError


# -- text ------------------------------------------------------------------------------------------------------------
def plain(value: Any) -> str:
    """A value inside a table cell: on one line, nothing in it is markup."""
    if isinstance(value, Mapping):
        value = ", ".join(f"{key}={item}" for key, item in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        value = ", ".join(map(str, sorted(value) if isinstance(value, set | frozenset) else value))
    text = html.escape(" ".join(str(value).split()), quote=False)
    for sign in "\\`*_[]|~#":
        text = text.replace(sign, f"&#{ord(sign)};")
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table of plain values; "" where there are no rows."""
    body = [f"| {' | '.join(plain(value) for value in row)} |" for row in rows]
    if not body:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *body]) + "\n"


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """A table of names and values; empty values are left out."""
    return table(("", ""), [(name, value) for name, value in pairs if value not in ("", (), 0, frozenset(), {}, None)])


def loaded(kind: str) -> list[tuple[str, Any]]:
    """(name, card) of what comes with the suite."""
    found = []
    for name, entry in registry.entries(kind).items():
        if entry.distribution:
            continue
        try:
            found.append((name, entry.load()))
        except UsageError:
            continue
    return found


# -- pages -----------------------------------------------------------------------------------------------------------
def commands() -> str:
    """Every verb with its options and examples."""
    parts = ["# Commands\n", table(("command", ""), [(f"bench {verb}", text) for verb, (_, text) in VERBS.items()])]
    for verb, (module, _) in VERBS.items():
        command = typer.main.get_command(import_module(module).app)
        parts += _command(f"bench {verb}", command, 2)
    return "\n".join(parts)


def _command(name: str, command: Any, level: int) -> list[str]:
    parts = [f"{'#' * level} {name}\n", plain(inspect.cleandoc(command.help or "")) + "\n"]
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        option = parameter.param_type_name == "option"
        label = ", ".join(parameter.opts) if option else str(parameter.name).upper()
        empty = parameter.default in (None, "", False) or parameter.required
        rows.append((label, getattr(parameter, "help", "") or "", "" if empty else parameter.default))
    parts.append(table(("option", "", "default"), rows))
    examples = [line for line in (command.epilog or "").splitlines() if line.strip().startswith(("bench", "torchrun"))]
    if examples:
        parts.append("```\n" + "\n".join(line.strip() for line in examples) + "\n```\n")
    for sub, inner in sorted(getattr(command, "commands", {}).items()):
        parts += _command(f"{name} {sub}", inner, level + 1)
    return parts


def methods() -> str:
    """Every method: card, modes, presets, variants, config; the sanity rows at the end."""
    parts = ["# Methods\n"]
    cards = loaded("methods")
    for _, spec in cards:
        if not spec.sanity:
            parts += _method(spec)
    rows = [(name, spec.title, ", ".join(spec.modes.values())) for name, spec in cards if spec.sanity]
    parts += ["## Sanity rows\n", "Bars to read the others by; they stand on every board and need no training.\n",
              table(("name", "", "target"), rows)]  # fmt: skip
    return "\n".join(parts)


def _method(spec: Any) -> list[str]:
    about = [(name, getattr(spec, name)) for name in ("title", "paper", "venue", "year", "licence", "fidelity")]
    about += [
        ("annotations it reads", spec.needs or "images only"),
        ("official checkpoints", spec.official_checkpoints),
    ]
    fields = describe(registry.load_object(spec.config))
    presets = [(name, values or "the paper's values") for name, values in spec.presets.items()]
    return [
        f"## {spec.name}\n",
        facts(about),
        table(("mode", "target (pose/place)"), spec.modes.items()),
        table(("preset", "overrides"), presets),
        table(("variant", "", "compared with", "overrides"),
              [(slug, v.label, v.compare_to, v.overrides) for slug, v in spec.variants.items()]),
        table(("config", "default", ""), [(f["key"], f["default"], f["description"]) for f in fields]),
    ]  # fmt: skip


def datasets() -> str:
    """Every data set."""
    parts = ["# Data sets\n"]
    for name, spec in loaded("datasets"):
        fields = ("title", "licence", "where", "kinds", "protocols", "optional", "synthetic", "publishable")
        parts += [f"## {name}\n", facts([(field, getattr(spec, field)) for field in fields])]
    return "\n".join(parts)


def metrics() -> str:
    """Every metric with its profiles."""
    found: dict[str, list[MetricSpec]] = {}
    for _, spec in loaded("metrics"):
        found.setdefault(spec.name, []).append(spec)
    parts = ["# Metrics\n", "`bench show metric NAME` adds the judge with its hash, the peer and the metric audit.\n"]
    for name, specs in found.items():
        parts.append(f"## {name}\n")
        for spec in specs:
            parts += [f"### {spec.id}\n", _metric(spec)]
    return "\n".join(parts)


def _metric(spec: MetricSpec) -> str:
    low, high = spec.range
    return facts([
        ("title", spec.title), ("formula", spec.formula), ("better", spec.direction),
        ("range", f"{low:g} to {high:g}" + (f" {spec.unit}" if spec.unit else "")),
        ("averaged over", "the set of all videos" if spec.scope == "set" else spec.average),
        ("regions", spec.regions), ("needs", spec.needs), ("judge", spec.judge),
        ("caution", spec.flagged), ("a missing detection", spec.missing),
        ("measured by default", "yes" if spec.default else "no: asked for by name"),
    ])  # fmt: skip


def recipes() -> str:
    """Published recipes."""
    parts = [
        "# Published recipes\n",
        "`bench evaluate --profiles NAME` measures one, with the clean definition beside.\n",
    ]
    for recipe in RECIPES.values():
        parts += [
            f"## {recipe.name}\n",
            facts([("", recipe.title), ("windows", recipe.windows), ("covariance", recipe.covariance)]),
            table(("as published", "clean definition"), recipe.metrics.items()),
            table(("fault, kept on purpose",), [(fault,) for fault in recipe.faults]),
            table(("reported so by", ""), recipe.reported.items()),
        ]
    parts += ["## Recipes that are not known\n", table(("paper", ""), UNKNOWN.items())]
    return "\n".join(parts)


def card() -> str:
    """The values of a card."""
    from bench.exchange.card import described

    return "# The card of predictions\n\n`bench export` writes one to fill in.\n\n" + table(
        ("value", ""), described().items()
    )


PAGES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "methods": methods,
    "datasets": datasets,
    "metrics": metrics,
    "recipes": recipes,
    "card": card,
}
