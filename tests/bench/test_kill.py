"""Killed at any moment, a run that is started again ends as if it had never been stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from bench.checkpoints import load_checkpoint
from bench.progress import silent
from bench.run import execute
from bench.spec import resolve
from bench.store import RunFolder, read_runs
from bench.testing.running import toy_spec

HERE = Path(__file__).resolve()


def run_until(runs: Path, site: Path, *when: str) -> int:
    """Run in a process of its own; returns its status."""
    environment = os.environ | {"PYTHONPATH": f"{site}:{HERE.parents[2]}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench.testing.running", str(runs), *when]
    return subprocess.run(command, env=environment, capture_output=True, timeout=300).returncode


def frames_of(folder: RunFolder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder.path)): path.read_bytes()
        for path in sorted((folder.path / "generated").rglob("*.png"))
    }


def test_killed_in_training_generation_and_evaluation_it_ends_the_same(tmp_path: Path, toys: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = execute(resolve(toy_spec(tmp_path / "whole")), silent).folder
    finally:
        torch.set_num_threads(threads)
    killed = tmp_path / "killed"
    moments = (("train", "5"), ("generate cross-animation@1", "1"), ("evaluate cross-animation@1", "1"))
    for moment in moments:
        assert run_until(killed, toys, *moment) == -signal.SIGKILL
        assert RunFolder(resolve(toy_spec(killed)).folder).json["status"] == "running"
    assert run_until(killed, toys) == 0
    folder = RunFolder(resolve(toy_spec(killed)).folder)
    assert folder.json["status"] == "complete"
    assert frames_of(folder) == frames_of(whole)
    assert (folder.path / "scores.csv").read_bytes() == (whole.path / "scores.csv").read_bytes()
    ours, theirs = (load_checkpoint(f.checkpoints / "final.pt")["models"] for f in (folder, whole))
    for net, state in ours.items():
        for key, value in state.items():
            assert torch.equal(value, theirs[net][key]), f"{net}.{key}"


def test_an_interrupted_run_says_so_and_goes_on(tmp_path: Path, toys: Path) -> None:
    run = resolve(toy_spec(tmp_path / "runs"))

    def stop(done: int, total: int, what: str) -> None:
        if "generate" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(run, stop)
    record = RunFolder(run.folder).json
    assert (record["status"], record["reason"]) == ("interrupted", "interrupted during generate")
    done = execute(run, silent)
    assert "train" not in done.steps and done.folder.json["status"] == "complete"


def test_sigterm_ends_with_143_and_a_status(tmp_path: Path, toys: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{toys}:{HERE.parents[2]}", "OMP_NUM_THREADS": "1"}
    runs = tmp_path / "runs"
    args = ["run", "--method", "toy", "--dataset", "toy-world:32x8", "--preset", "tiny", "--track", "none"]
    args += ["--set", "video_steps=5000", "--device", "cpu", "--runs", str(runs)]
    process = subprocess.Popen([sys.executable, "-m", "bench", *args], env=environment, stderr=subprocess.DEVNULL)
    try:
        logs = None
        deadline = time.monotonic() + 120
        while not logs and time.monotonic() < deadline:  # training has begun
            time.sleep(0.05)
            logs = [p for p in runs.glob("*/*/*/train.jsonl") if p.stat().st_size]
        process.terminate()
        assert process.wait(120) == 143
    finally:
        process.kill()
    record = read_runs(runs)[0]
    assert record.json["status"] == "interrupted" and list(record.checkpoints.glob("step-*.pt"))
