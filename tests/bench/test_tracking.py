"""The log is exact and survives; W&B stays offline, inside the run folder, and never reaches the run."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.tracking import Guard, JsonlTracker, MultiTracker, open_tracker
from datasets.errors import StorageError, UsageError


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, all of which must be whole."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# -- JSONL -----------------------------------------------------------------------------------------------------------
def test_floats_are_exact_and_what_is_not_finite_is_null(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path / "train.jsonl")
    tracker.start({})
    values = {"loss": 0.1 + 0.2, "tiny": 5e-324, "single": np.float32(0.1), "nan": math.nan, "inf": -math.inf, "n": 3}
    tracker.log(values, 7)
    tracker.finish("complete")
    (row,) = read_log(tmp_path / "train.jsonl")
    assert row == {"step": 7, "loss": 0.1 + 0.2, "tiny": 5e-324, "single": float(np.float32(0.1)), "n": 3} | {
        "nan": None,
        "inf": None,
    }


def test_a_line_is_on_disk_as_soon_as_it_is_logged(tmp_path: Path) -> None:
    code = "import os,sys\nfrom pathlib import Path\nfrom bench.tracking import JsonlTracker\n"
    code += "t = JsonlTracker(Path(sys.argv[1]))\nt.start({})\n"
    code += "for i in range(50): t.log({'loss': i / 3}, i)\nos.kill(os.getpid(), 9)\n"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "train.jsonl")], check=False)
    assert [row["step"] for row in read_log(tmp_path / "train.jsonl")] == list(range(50))


def test_half_a_line_of_a_killed_process_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"step": 1, "loss": 2}\n{"step": 2, "lo')
    tracker = JsonlTracker(path)
    tracker.start({})
    tracker.log({"loss": 3}, 2)
    tracker.finish("complete")
    assert [row["step"] for row in read_log(path)] == [1, 2]


def test_videos_are_named_by_their_place_in_the_run(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path / "train.jsonl")
    tracker.video(tmp_path / "samples" / "a.mp4", "sample", 9)
    assert read_log(tmp_path / "train.jsonl") == [{"step": 9, "video": "sample", "path": "samples/a.mp4"}]


def test_a_log_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        JsonlTracker(tmp_path / "file" / "train.jsonl").start({})


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tracker 'mlflow'"):
        open_tracker("mlflow", tmp_path)


# -- guard -----------------------------------------------------------------------------------------------------------
class Failing(JsonlTracker):
    """A tracker whose connection breaks at the third line."""

    calls = 0

    def log(self, metrics: object, step: int) -> None:
        """Fail from the third call on."""
        self.calls += 1
        if self.calls >= 3:
            raise ConnectionResetError("gone\nand more")


def test_the_guard_says_a_failure_once_and_then_leaves_the_tracker_alone(tmp_path: Path) -> None:
    said: list[str] = []
    inner = Failing(tmp_path / "other.jsonl")
    log = JsonlTracker(tmp_path / "train.jsonl")
    tracker = MultiTracker([log, Guard(inner, "W&B", said.append)])
    tracker.start({})
    for step in range(6):
        tracker.log({"loss": 1.0}, step)
    tracker.video(tmp_path / "a.mp4", "sample", 6)
    tracker.finish("complete")
    assert inner.calls == 3
    assert len(said) == 1 and "(ConnectionResetError: gone)" in said[0] and "train.jsonl" in said[0]
    assert len(read_log(log.path)) == 7


def test_an_interruption_passes_the_guard(tmp_path: Path) -> None:
    class Interrupted(JsonlTracker):
        def log(self, metrics: object, step: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guard(Interrupted(tmp_path / "x"), "W&B").log({}, 0)


# -- W&B, in a process of its own ------------------------------------------------------------------------------------
RUN = """
import os, subprocess, sys
from pathlib import Path
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args[1:] if event == "socket.connect" else args))
                 if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname") else None)
from bench.tracking import open_tracker
folder, how = Path(sys.argv[1]), sys.argv[2]
tracker = open_tracker("wandb", folder, how == "online")


def kill():
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().split()
        except OSError:
            continue
        if stat[1].startswith("(wandb-core") and int(stat[3]) == os.getpid():
            os.kill(pid, 9)
            print("killed")


tracker.start({"method": "toy", "config": {"lr": 0.1}, "identity": {"parts": {"code": None}}})
for step in range(30):
    if how == "kill" and step == 10:
        kill()
    tracker.log({"loss": 1 / (step + 1), "bad": float("nan")}, step)
if how == "kill-at-the-end":
    kill()
tracker.finish("complete")
remote = [s for s in seen if s[0] != "socket.connect" or not isinstance(s[1][0], (str, bytes))]
print("remote", remote)
"""


def run_wandb(folder: Path, how: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Log 30 steps with W&B in another process whose home is beside ``folder``."""
    import os

    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    keep = {k: v for k, v in os.environ.items() if not k.startswith("WANDB")}
    env = keep | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")} | environment
    command = [sys.executable, "-c", RUN, str(folder), how]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


def test_offline_opens_no_connection_and_writes_only_into_the_run(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    done = run_wandb(tmp_path / "run", "normal")
    assert (done.returncode, done.stderr) == (0, "")
    assert "remote []" in done.stdout
    (stored,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    assert stored.stat().st_size > 500
    assert len(read_log(tmp_path / "run" / "train.jsonl")) == 30
    assert not [p for p in (tmp_path / "home").rglob("*") if p.is_file()]


def test_a_matrix_or_a_sweep_is_a_group(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    assert run_wandb(tmp_path / "run", "normal", BENCH_GROUP="papers-of-2022").returncode == 0
    (stored,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    assert b"papers-of-2022" in stored.read_bytes()


@pytest.mark.parametrize("how", ["kill", "kill-at-the-end"])
def test_a_killed_wandb_changes_nothing_but_one_warning(tmp_path: Path, how: str) -> None:
    pytest.importorskip("wandb")
    done = run_wandb(tmp_path / "run", how)
    assert done.returncode == 0
    assert "killed" in done.stdout
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("warning: W&B tracking stopped")
    rows = read_log(tmp_path / "run" / "train.jsonl")
    assert [(row["step"], row["loss"]) for row in rows] == [(s, 1 / (s + 1)) for s in range(30)]


def test_online_without_an_account_falls_back_with_one_warning(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    done = run_wandb(tmp_path / "run", "online")
    assert done.returncode == 0
    assert done.stderr.count("warning:") == 1 and "cannot go online" in done.stderr
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))
    assert len(read_log(tmp_path / "run" / "train.jsonl")) == 30


def test_without_wandb_installed_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "wandb.py").write_text("raise ModuleNotFoundError(\"No module named 'wandb'\")\n")
    done = run_wandb(tmp_path / "run", "normal", PYTHONPATH=str(tmp_path / "blocked"))
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1 and "No module named 'wandb'" in done.stderr
    assert len(read_log(tmp_path / "run" / "train.jsonl")) == 30
