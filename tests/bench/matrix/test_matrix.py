"""A matrix plans, runs what is left, survives kills, and says of every cell how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.cli import main
from bench.matrix.file import cells_of, read_matrix
from bench.matrix.plan import plan, read_outcomes
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
TOY_SET = 'set = {batch = 2, appearance_steps = 2, video_steps = 2, width = 4}'


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
def test_a_crash_leaves_the_others_alone_and_a_second_call_runs_only_it(
    toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "m.toml", FILE.replace('"copy-source"', '"crasher", "copy-source"').replace("[0, 1]", "[0]"))
    assert run(tmp_path, file, "--dry-run") == 0
    assert "4 cells: 4 missing; time unknown" in capsys.readouterr().out and not (tmp_path / "runs").exists()
    assert run(tmp_path, file, "--workers", "2") == 6
    out, err = capsys.readouterr()
    assert "1 of 4 cells failed" in err and "the loss has no gradient" in err and "outcomes.csv" in out
    rows = {row["row"]: row for row in outcomes(tmp_path)}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "toy": "complete", "toy+no-gan": "complete", "crasher": "crashed", "copy-source": "complete",
    }  # fmt: skip
    assert "the loss has no gradient" in rows["crasher"]["reason"] and rows["crasher"]["status"] == "4"
    assert (tmp_path / "report" / "index.html").is_file()
    stamps = {r.path: r.json_path.stat().st_mtime_ns for r in read_runs(tmp_path / "runs")}
    assert run(tmp_path, file) == 6
    out = capsys.readouterr().out
    assert "4 cells: 3 done, 1 failed" in out and "about" in out
    changed = [p for p in stamps if read_runs(p.parents[2]) and (p / "run.json").stat().st_mtime_ns != stamps[p]]
    assert [p.parent.name for p in changed] == ["crasher"]


def test_a_changed_setting_is_missing_and_changed_code_is_stale(toys: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "m.toml", FILE.replace('"copy-source"', "").replace(', "no-gan"', "").replace("[0, 1]", "[0]"))
    assert run(tmp_path, file) == 0
    like = RunSpec("", "", track="none", runs=tmp_path / "runs")
    (done,) = plan(cells_of(read_matrix(file), like))
    assert done.state == "done" and done.run is not None
    other = write(tmp_path / "o.toml", file.read_text().replace("width = 4", "width = 6"))
    (missing,) = plan(cells_of(read_matrix(other), like))
    assert missing.state == "missing" and missing.seconds and missing.seconds > 0
    folder = done.run.folder
    folder.rename(folder.with_name(folder.name[:-8] + "00000000"))  # as if the code had been another
    (stale,) = plan(cells_of(read_matrix(file), like))
    assert stale.state == "stale"


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
