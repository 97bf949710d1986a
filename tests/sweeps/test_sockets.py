"""With W&B offline no sweep, run or report opens a connection to anywhere but this machine's own processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def remote(trace: Path) -> list[str]:
    """Connections to an internet address that is not the loopback one, and datagrams to one."""
    lines = [line for line in trace.read_text(errors="replace").splitlines() if "AF_INET" in line]
    return [line for line in lines if not re.search(r'"127\.|"::1"', line)]


def test_a_sweep_and_its_report_open_no_connection(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("there is no strace here")
    site = tmp_path / "site" / "toys-1.0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    points = "[bench.methods]\ntoy = bench.testing.toy:SPEC\n[bench.datasets]\ntoy-world = bench.testing.world:SPEC\n"
    (site / "entry_points.txt").write_text(points)
    (tmp_path / "space.toml").write_text('[space]\n"lr" = {type = "float", low = 1e-4, high = 1e-2, log = true}\n')
    trace = tmp_path / "trace.txt"
    command = [
        strace,
        "-f",
        "-qq",
        "-e",
        "trace=connect,sendto,sendmsg",
        "-o",
        str(trace),
        sys.executable,
        "-m",
        "bench",
    ]
    command += ["sweep", "run", "--method", "toy", "--dataset", "toy-world:32x6", "--preset", "tiny", "--budget"]
    command += [
        "trials=1",
        "--space",
        str(tmp_path / "space.toml"),
        "--device",
        "cpu",
        "--runs",
        str(tmp_path / "runs"),
    ]
    short = ("batch=2", "appearance_steps=2", "video_steps=2", "width=4")
    command += [word for value in short for word in ("--set", value)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB")}
    environment |= {"PYTHONPATH": f"{site.parent}{os.pathsep}{ROOT}", "HOME": str(tmp_path / "home")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "runs").glob("*/*/*/wandb/offline-run-*"))  # W&B did run
    assert trace.stat().st_size > 0 and remote(trace) == []
