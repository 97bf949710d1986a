"""``bench sweep`` as a user runs it: with processes that are killed, and what it leaves for eyes and programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from planted import Planted, sweep

from bench.cli import main
from leaderboard.report import write_report
from leaderboard.sweep_page import sweep_views
from sweeps.request import Budget, Objective, SweepRequest, read_request
from sweeps.summary import write_result

ROOT = Path(__file__).resolve().parents[2]
SET = ["batch=2", "appearance_steps=2", "video_steps=60", "width=4", "frames=2"]


def test_the_report_has_a_page_a_sweep(request_of: Callable[..., SweepRequest], url: str, tmp_path: Path) -> None:
    request = request_of(methods=("toy", "tps"), budget=Budget(trials=8), name="both")
    studies = sweep(request, url, Planted())
    write_result(request, studies)
    two = (Objective("val.l1", "minimize"), Objective("cost.memory", "minimize"))
    front = request_of(objectives=two, name="front <b>", budget=Budget(trials=6))
    write_result(front, sweep(front, url, Planted()))
    (tmp_path / "sweeps" / "broken").mkdir()
    (tmp_path / "sweeps" / "broken" / "sweep.json").write_text('{"schema": 1, "methods": [{}]}')
    first, second = sweep_views(tmp_path / "runs")
    assert [len(m.rows) for m in first.methods] == [8, 8] and first.methods[0].published["number"] == 1  # type: ignore[index]
    assert first.methods[0].history and len(first.methods[0].slices) == 2 and first.methods[0].coordinates
    assert second.methods[0].front and second.methods[0].best is None
    page = write_report(tmp_path / "runs").parent / first.page
    text = page.read_text()
    assert "8 trials" in text and "bench run --method toy" in text and "as published" in text
    other = (page.parents[1] / second.page).read_text()
    assert "<b>&gt;" not in other and "front &lt;b&gt;" in other and "style=" not in text
    assert first.page in (page.parents[1] / "sweeps.html").read_text()


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (
            ["run", "--method", "tps", "--dataset", "synthetic", "--objective", "test.l1"],
            2,
            "not of the validation split",
        ),
        (["run", "--method", "tsp", "--dataset", "synthetic"], 3, "no search space"),
        (["run", "--method", "tps", "--dataset", "synthetci"], 2, "did you mean 'synthetic'"),
        (["run", "--method", "tps", "--dataset", "synthetic", "--budget", "20"], 2, "--budget trials=20"),
        (["run", "--method", "tps", "--dataset", "synthetic", "--pruner", "medain"], 2, "did you mean 'median'"),
        (["run", "--method", "tps", "--dataset", "synthetic", "--executor", "rya"], 2, "did you mean 'ray'"),
        (["show", "nothing"], 3, "no sweep 'nothing'"),
        (["resume", "nothing"], 3, "known: none"),
    ],
)
def test_bad_input_gets_one_sentence(
    args: list[str], status: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *args, "--runs", str(tmp_path / "runs")]) == status
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error


def test_a_request_is_kept_whole(request_of: Callable[..., SweepRequest], tmp_path: Path) -> None:
    request = request_of(constraints={"cost.memory": 1e9}, overrides={"a.b": [1, 2]}, budget=Budget(seconds=3.5))
    request.write()
    assert read_request(tmp_path / "runs", "s") == request


def processes_of(words: str) -> list[int]:
    """Pids of processes whose command line has these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words in path.read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_killed_workers_and_a_killed_head_lose_no_trial(tmp_path: Path) -> None:
    site = tmp_path / "site" / "toys-1.0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    points = "[bench.methods]\ntoy = bench.testing.toy:SPEC\n[bench.datasets]\ntoy-world = bench.testing.world:SPEC\n"
    (site / "entry_points.txt").write_text(points)
    space = tmp_path / "space.toml"
    space.write_text('[space]\n"lr" = {type = "float", low = 1e-4, high = 1e-2, log = true}\n')
    environment = os.environ | {"PYTHONPATH": f"{site.parent}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    runs = tmp_path / "runs"
    command = [sys.executable, "-m", "bench", "sweep", "run", "--method", "toy", "--dataset", "toy-world:32x6"]
    command += ["--preset", "tiny", "--budget", "trials=4", "--space", str(space), "--name", "s", "--workers", "2"]
    command += ["--track", "none", "--device", "cpu", "--runs", str(runs), *(w for s in SET for w in ("--set", s))]
    results = tmp_path / "sweeps" / "s" / "results"

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_for(count: int) -> None:
        deadline = time.monotonic() + 400
        while len(list(results.glob("*.json"))) < count or not processes_of(str(tmp_path / "sweeps" / "s" / "trials")):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    head = start()
    wait_for(0)
    os.kill(processes_of(f"sweeps.trial {tmp_path}")[0], signal.SIGKILL)  # a worker
    wait_for(1)
    head.kill()
    head.wait()
    deadline = time.monotonic() + 60
    while processes_of(str(tmp_path / "sweeps")):  # nothing goes on without its head
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert start().wait(900) == 0
    found = json.loads((tmp_path / "sweeps" / "s" / "sweep.json").read_text())["methods"][0]
    assert {t["state"] for t in found["trials"]} <= {"complete", "pruned"} and found["finished"] == 4
    assert len({json.dumps(t["values"]) for t in found["trials"]}) == 4
    logs = [path.read_text() for path in (tmp_path / "sweeps" / "s" / "logs").glob("*.log")]
    assert sum(text.count("$ ") for text in logs) >= 5  # four trials, and what was killed was started again


def test_a_tuned_row_says_so_and_is_not_ranked_beside_published_ones(tmp_path: Path) -> None:
    from leaderboard.runs import RunData
    from leaderboard.tables import Row

    info = {"method": "toy", "overrides": {"lr": 0.1}, "tuned": {"budget": "20 trials", "sweep": "s"}}
    row = Row("toy", "", "standard", "lr=0.1", (RunData(tmp_path, "a", info),))
    assert row.tuned == "20 trials"
    assert Row("toy", "", "standard", "lr=0.1", (RunData(tmp_path, "a", info | {"tuned": {}}),)).tuned == ""
