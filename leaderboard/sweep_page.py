"""Sweeps in the report: a page a sweep, made from the ``sweep.json`` files beside the runs alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from datasets.files import safe_name
from leaderboard.sweep_plots import Scale, parallel, scale_of, scatter

RESULT = "sweep.json"
SCHEMA = 1


@dataclass(frozen=True)
class MethodView:
    """One method of a sweep: its own numbers and pictures."""

    data: Mapping[str, Any]
    rows: list[dict[str, Any]]
    published: Mapping[str, Any] | None
    best: Mapping[str, Any] | None
    history: Markup
    slices: list[tuple[str, Markup]]
    coordinates: Markup
    front: Markup


@dataclass(frozen=True)
class SweepView:
    """One sweep and the place of its page."""

    page: str
    data: Mapping[str, Any]
    methods: list[MethodView]


def sweep_views(runs: Path) -> list[SweepView]:
    """Every sweep beside a runs folder; files that cannot be read, or are newer than this, are left out."""
    views = []
    for path in sorted((runs.absolute().parent / "sweeps").glob(f"*/{RESULT}")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["schema"] != SCHEMA:
                continue
            methods = [_method(data, method) for method in data["methods"]]
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            continue
        views.append(SweepView(f"sweeps/{safe_name(path.parent.name)}.html", data, methods))
    return views


def _method(data: Mapping[str, Any], method: Mapping[str, Any]) -> MethodView:
    complete = [t for t in method["trials"] if t["state"] == "complete" and t["objectives"]]
    best = next((t for t in complete if t["number"] == method["best"]), None)
    rows = [
        {**trial, "best": trial["number"] in method["pareto"], "cells": [_cell(trial["values"].get(k)) for k in
         method["space"]]}
        for trial in method["trials"]
    ]  # fmt: skip
    return MethodView(
        method, rows, next((t for t in complete if t["published"]), None), best, _history(data, complete),
        _slices(data, method, complete), _coordinates(data, method, complete), _front(data, method, complete),
    )  # fmt: skip


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _history(data: Mapping[str, Any], complete: list[Any]) -> Markup:
    """The first objective by trial, and the best so far."""
    objective = data["objectives"][0]
    better = min if objective["direction"] == "minimize" else max
    best: list[tuple[Any, Any]] = []
    for trial in complete:
        value = trial["objectives"][0]
        best.append((trial["number"], better(value, best[-1][1]) if best else value))
    points = [(t["number"], t["objectives"][0], f"trial {t['number']}: {t['objectives'][0]:.5g}") for t in complete]
    x = Scale("trial", 1, max([2, *(t["number"] for t in complete)]))
    return scatter(points, x, scale_of(objective["name"], [p[1] for p in points] or [0]), best)


def _slices(data: Mapping[str, Any], method: Mapping[str, Any], complete: list[Any]) -> list[tuple[str, Markup]]:
    pictures = []
    for key, parameter in method["space"].items():
        known = [t for t in complete if key in t["values"]]
        if len(known) < 2:
            continue
        x = scale_of(key, [t["values"][key] for t in known], bool(parameter.get("log")))
        y = scale_of(data["objectives"][0]["name"], [t["objectives"][0] for t in known])
        points = [(t["values"][key], t["objectives"][0], f"trial {t['number']}") for t in known]
        pictures.append((key, scatter(points, x, y)))
    return pictures


def _coordinates(data: Mapping[str, Any], method: Mapping[str, Any], complete: list[Any]) -> Markup:
    keys = [k for k in method["space"] if all(k in t["values"] for t in complete)]
    if len(complete) < 2:
        return Markup("")
    scales = [
        scale_of(key, [t["values"][key] for t in complete], bool(method["space"][key].get("log"))) for key in keys
    ]
    scales.append(scale_of(data["objectives"][0]["name"], [t["objectives"][0] for t in complete]))
    lines = [([*(t["values"][k] for k in keys), t["objectives"][0]], t["number"] in method["pareto"]) for t in complete]
    return parallel(lines, scales, f"{len(lines)} trials of {method['method']} over their keys; the best are marked")


def _front(data: Mapping[str, Any], method: Mapping[str, Any], complete: list[Any]) -> Markup:
    """The first two objectives against each other, with the front as a line."""
    if len(data["objectives"]) < 2:
        return Markup("")
    good = [t for t in complete if all(math.isfinite(v) for v in t["objectives"][:2])]
    scales = [scale_of(o["name"], [t["objectives"][i] for t in good] or [0]) for i, o in
              enumerate(data["objectives"][:2])]  # fmt: skip
    line = sorted(tuple(t["objectives"][:2]) for t in good if t["number"] in method["pareto"])
    points = [(*t["objectives"][:2], f"trial {t['number']}") for t in good]
    return scatter(points, scales[0], scales[1], line)
