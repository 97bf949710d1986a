"""A package of a third party, installed by pip: its method, data set and metric list, run and score."""

from __future__ import annotations

import ast
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

PLUGIN = Path(__file__).resolve().parents[1] / "plugin"


@pytest.fixture(scope="module")
def site(new_environment: Callable[[], Any]) -> Any:
    """An environment with the plugin in it."""
    environment = new_environment()
    source = shutil.copytree(PLUGIN, environment.work / "plugin", ignore=shutil.ignore_patterns("__pycache__"))
    environment.install(source, editable=False)
    return environment


def listed(site: Any, what: str) -> dict[str, dict[str, Any]]:
    done = site.bench("list", what, "--json")
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_the_plugin_imports_public_names_from_bench_only() -> None:
    for file in PLUGIN.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module in {"__future__", "bench", "pydantic"}, f"{file.name} imports {node.module}"
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {"torch", "numpy"}


@pytest.mark.parametrize(
    ("what", "name"), [("methods", "plugin-method"), ("datasets", "plugin-dataset"), ("metrics", "plugin-metric")]
)
def test_what_it_brings_is_listed_with_where_it_is_from(site: Any, what: str, name: str) -> None:
    row = listed(site, what)[name]
    assert (row["status"], row["from"]) == ("ok", "bench-plugin-example")


def test_a_broken_one_is_listed_as_broken_and_the_others_as_usual(site: Any) -> None:
    rows = listed(site, "methods")
    assert rows["plugin-broken"]["status"] == "broken"
    assert "plugin_example.absent" in rows["plugin-broken"]["title"]
    assert {row["status"] for name, row in rows.items() if name != "plugin-broken"} == {"ok"}


def test_running_a_broken_one_says_why(site: Any) -> None:
    done = site.bench("run", "--method", "plugin-broken", "--dataset", "plugin-dataset")
    assert done.returncode == 2
    assert "plugin-broken" in done.stderr and "bench-plugin-example" in done.stderr
    assert "plugin_example.absent" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_of_method_and_data_set_is_scored_by_the_metric(site: Any) -> None:
    done = site.bench(
        "run", "--method", "plugin-method", "--dataset", "plugin-dataset", "--preset", "tiny", "--track", "none",
        "--protocol", "self-reconstruction",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (site.work / "runs" / "plugin-dataset" / "plugin-method").iterdir()
    scores = pd.read_parquet(folder / "scores.parquet")
    mine = scores[scores["metric"] == "plugin-metric"]
    assert set(mine["pair"]) == {"square-5", "square-6", "*"}
    assert set(mine["status"]) == {"ok"}
    assert all(math.isfinite(value) and 0 <= value < 60 for value in mine["value"])
    assert {"l1", "ssim"} <= set(scores["metric"])  # ours, beside it
    assert "plugin-broken-metric" not in set(scores["metric"])
    assert (site.work / "report" / "index.html").is_file()

    again = site.bench("run", "--method", "plugin-method", "--dataset", "plugin-dataset", "--preset", "tiny",
                       "--track", "none", "--protocol", "self-reconstruction")  # fmt: skip
    assert again.returncode == 0
    assert "nothing to do" in again.stdout


def test_its_code_is_part_of_a_run_s_identity(site: Any) -> None:
    code = (
        "from bench import registry; from bench.identity import method_code; "
        "print(*method_code(registry.get('methods', 'plugin-method')))"
    )
    done = site.run(site.python, "-c", code)
    assert done.returncode == 0, done.stderr
    assert "plugin_example.method" in done.stdout.split()


def test_bench_check_passes(site: Any) -> None:
    done = site.bench("check", "plugin-method")
    assert done.returncode == 0, done.stdout + done.stderr
