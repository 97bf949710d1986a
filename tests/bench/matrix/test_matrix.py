"""A matrix plans, runs what is left, survives kills, and says of every cell how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.ablate import ablation_cells
from bench.cli import main
from bench.executors.base import Executor
from bench.matrix.drive import Demand, FailedCellsError, check_outcomes, run_matrix
from bench.matrix.file import cells_of, read_matrix
from bench.matrix.plan import Planned, estimate, plan, read_outcomes
from bench.spec import RunSpec
from bench.store import read_runs
from datasets.errors import UsageError

FILE = """\
methods = [{method = "toy", variants = ["full", "no-gan"]}, "copy-source"]
datasets = ["toy-world:32x6"]
presets = ["tiny"]
seeds = [0, 1]
protocols = ["self-reconstruction"]
device = "cpu"
"""
TOY_SET = "set = {batch = 2, appearance_steps = 2, video_steps = 2, width = 4}"


def write(path: Path, text: str) -> Path:
    path.write_text(text.replace('method = "toy",', f'method = "toy", {TOY_SET},'))
    return path


def outcomes(tmp_path: Path, name: str = "m") -> list[dict[str, str]]:
    return read_outcomes(tmp_path / "matrix" / name / "outcomes.csv")


def run(tmp_path: Path, file: Path, *more: str) -> int:
    return main(["matrix", str(file), "--track", "none", "--runs", str(tmp_path / "runs"), *more])


# -- the file --------------------------------------------------------------------------------------------------------
def test_cells_are_the_product_in_a_fixed_order(toys: Path, tmp_path: Path) -> None:
    text = FILE.replace('"copy-source"', '{method = "copy-source", variants = ["full"]}')
    cells = cells_of(read_matrix(write(tmp_path / "m.toml", text)), RunSpec("", "", runs=tmp_path))
    assert [(cell.row, cell.spec.seed) for cell in cells] == [
        (row, seed) for row in ("toy", "toy+no-gan", "copy-source") for seed in (0, 1)
    ]
    assert {c.spec.overrides.get("batch") for c in cells} == {2, None}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("seeds", "sedes"), "sedes: extra inputs"),
        (('"toy-world:32x6"', '"a", "a"'), "names something twice"),
        (('"full", "no-gan"', '"no-gun"'), "did you mean 'no-gan'"),
        (("[0, 1]", "[0"), "is no TOML"),
        (('"copy-source"', '"copy-sauce"'), "did you mean 'copy-source'"),
        (('"copy-source"', '"toy", "toy"'), "twice"),
    ],
)
def test_a_wrong_file_is_one_sentence_and_nothing_is_made(
    toys: Path, tmp_path: Path, change: tuple[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, write(tmp_path / "m.toml", FILE.replace(*change))) == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error
    assert not (tmp_path / "runs").exists() and not (tmp_path / "matrix").exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert run(tmp_path, tmp_path / "nowhere.toml") == 3


# -- running ---------------------------------------------------------------------------------------------------------
CHEAP = FILE.replace("[0, 1]", "[0]").replace(
    '{method = "toy", variants = ["full", "no-gan"]}, "copy-source"', '"crasher", "still"'
)


def planned(tmp_path: Path, text: str) -> list[Planned]:
    file = tmp_path / "m.toml"
    file.write_text(text)
    return plan(cells_of(read_matrix(file), RunSpec("", "", track="none", runs=tmp_path / "runs")))


def test_a_crash_leaves_the_others_alone_and_a_second_call_runs_only_what_failed_or_changed(
    toys: Path, tmp_path: Path, inline: Executor
) -> None:
    before = planned(tmp_path, CHEAP)
    assert {p.state for p in before} == {"missing"} and "unknown" in estimate(before, 2)
    assert not (tmp_path / "runs").exists()
    found = run_matrix("m", before, inline, Demand())
    assert {o.row: o.outcome for o in found} == {"crasher": "crashed", "still": "complete"}
    assert "the loss has no gradient" in found[0].reason and found[0].status == "4"
    with pytest.raises(FailedCellsError, match=r"1 of 2 cells failed.*no gradient") as error:
        check_outcomes(found, Path("outcomes.csv"))
    assert error.value.status == 6
    assert [row["outcome"] for row in outcomes(tmp_path)] == ["crashed", "complete"]
    assert (tmp_path / "report" / "index.html").is_file()

    again = planned(tmp_path, CHEAP)
    assert [p.state for p in again] == ["failed", "done"]
    assert estimate(again, 1).startswith("about")  # the complete cells were timed
    stamps = {r.path: r.json_path.stat().st_mtime_ns for r in read_runs(tmp_path / "runs")}
    run_matrix("m", again, inline, Demand())
    changed = [p.parent.name for p in stamps if (p / "run.json").stat().st_mtime_ns != stamps[p]]
    assert changed == ["crasher"]

    with (toys / "still.py").open("a") as file:
        file.write("    rows = 1\n")
    states = {p.cell.row: (p.state, p.why) for p in planned(tmp_path, CHEAP)}
    assert states["still"][0] == "stale" and "the code" in states["still"][1]


def test_what_is_missing_is_a_row_and_not_the_end(toys: Path, tmp_path: Path, inline: Executor) -> None:
    found = run_matrix("m", planned(tmp_path, CHEAP.replace("toy-world:32x6", "folder:nowhere")), inline, Demand())
    assert {o.outcome for o in found} == {"missing-input"} and "nowhere" in found[0].reason


def test_an_ablation_is_a_matrix_of_its_variants(toys: Path) -> None:
    cells = ablation_cells(RunSpec("toy", "toy-world"), None)
    assert [cell.row for cell in cells] == ["toy", "toy+no-gan"]
    with pytest.raises(UsageError, match="no variants"):
        ablation_cells(RunSpec("copy-source", "toy-world"), None)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_scores(toys: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "m.toml", FILE.replace("[0, 1]", "[0]").replace('"copy-source"', ""))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(toys), *sys.path[:1], str(Path.cwd())])}
    args = [sys.executable, "-m", "bench", "matrix", str(file), "--track", "none", "--runs", str(tmp_path / "runs")]
    driver = subprocess.Popen(args, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "runs").glob("*/*/*/train.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert {row["outcome"] for row in outcomes(tmp_path)} == {"pending"}
    assert run(tmp_path, file) == 0
    assert run(tmp_path / "whole", file) == 0
    killed, whole = (
        {r.path.parent.name: (r.path / "scores.csv").read_text() for r in read_runs(root / "runs") if "toy" in str(r)}
        for root in (tmp_path, tmp_path / "whole")
    )
    assert killed == whole and len(whole) > 1


def test_an_unknown_executor_is_refused(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, write(tmp_path / "m.toml", FILE), "--executor", "slurm") == 2
    assert "choose local, ray" in capsys.readouterr().err
    with pytest.raises(UsageError):
        read_matrix(write(tmp_path / "e.toml", "methods = []"))
