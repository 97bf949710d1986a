"""Every metric against its peer of ``tests/peers.toml``: another package, or the formula written again."""

from __future__ import annotations

import importlib.util
import math
import tomllib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

from bench.evaluation import BUILTIN
from bench.evaluation.base import ClipContext
from bench.evaluation.select import build_metric, find_metric

ROWS = tomllib.loads((Path(__file__).parents[2] / "peers.toml").read_text())
SPECS = {find_metric(name).id: find_metric(name) for name in BUILTIN}


@cache
def family(name):
    """A module of peers."""
    spec = importlib.util.spec_from_file_location(f"peers_{name}", Path(__file__).parent / "peers" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def cases(name):
    return family(name).cases()


def runs_here(row):
    return hasattr(family(row["call"].partition(":")[0]), "cases")


HERE = {key: row for key, row in ROWS.items() if runs_here(row)}


def ours(spec, case):
    """The outcome of our metric; frames are shown anew, so that nothing computed for another metric is reused."""
    metric = build_metric(spec, ("whole",))
    metric.judge = case.judges.get(spec.judge)
    metric.start(ClipContext(case.name, 25.0, case.frames[0].generated.shape[:2], len(case.frames)))
    for frame in case.frames:
        metric.update(type(frame)(frame.generated, frame.reference, frame.annotations, frame.driving))
    return metric.finish()["whole"]


def test_every_metric_has_a_peer():
    lacking = [key for key in SPECS if key not in ROWS]
    assert not lacking, f"tests/peers.toml has no row for {', '.join(lacking)}"


def test_every_row_names_a_metric_and_an_installed_peer():
    assert not set(ROWS) - set(SPECS)
    for key, row in ROWS.items():
        assert version(row["package"]) == row["version"], f"{key}: compare again with the installed {row['package']}"
        module, _, function = row["call"].partition(":")
        assert callable(getattr(family(module), function)), key
        assert 0 < row["tolerance"] <= 1e-5


@pytest.mark.parametrize("key", HERE)
def test_a_metric_equals_its_peer(key):
    row, values = HERE[key], 0
    module, _, function = row["call"].partition(":")
    for case in cases(module):
        if not SPECS[key].needs <= {"reference", "driving", *case.frames[0].annotations}:
            continue
        expected, outcome = getattr(family(module), function)(case), ours(SPECS[key], case)
        if math.isnan(expected):
            assert outcome.status == "undefined" and outcome.reason, (case.name, outcome)
            continue
        assert outcome.status == "ok", (case.name, outcome.reason)
        assert outcome.value == pytest.approx(expected, rel=row["tolerance"], abs=row["tolerance"]), case.name
        values += 1
    assert values, "no case has a value"
