"""Two ranks (gloo) do what one process does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.checkpoints import Checkpoints, load_checkpoint
from bench.testing.training import train_toy

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


def flat(path: Path) -> dict[str, torch.Tensor]:
    return {f"{n}.{k}": v for n, net in load_checkpoint(path)["models"].items() for k, v in net.items()}


def two_ranks(action: Callable[[int], Any]) -> list[int]:
    """Run ``action(rank)`` in two forked processes that know of each other as torchrun's do; their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                torch.set_num_threads(1)
                names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_PORT": port}
                os.environ.update({k: str(v) for k, v in names.items()} | {"MASTER_ADDR": "127.0.0.1"})
                action(rank)
                status = 0
            except SystemExit as stop:
                status = int(stop.code or 0)
            finally:
                os._exit(status)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def assert_like_one_process(folder: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train_toy(tmp_path / "one")
    torch.set_num_threads(threads)
    ranks = [flat(folder / f"rank-{r}.pt") for r in range(2)]
    assert all(torch.equal(ranks[0][k], ranks[1][k]) for k in ranks[0])
    for name in ("final.pt", "best.pt"):
        two, one = flat(folder / "checkpoints" / name), flat(tmp_path / "one" / "checkpoints" / name)
        for k in one:
            torch.testing.assert_close(two[k], one[k], rtol=0, atol=1e-5)


def test_two_ranks_equal_one_process(tmp_path: Path) -> None:
    assert two_ranks(lambda rank: train_toy(tmp_path / "two")) == [0, 0]
    assert_like_one_process(tmp_path / "two", tmp_path)
    steps = [line.split(",")[0] for line in (tmp_path / "two" / "train.jsonl").read_text().splitlines()]
    assert len(steps) == len(set(steps)) == 12  # only rank 0 logs


def test_a_signal_to_one_rank_stops_both_at_the_same_step(tmp_path: Path) -> None:
    import signal

    def stopped(rank: int) -> None:
        def progress(done: int, total: int, what: str) -> None:
            if what == "train" and done == 7:
                os.kill(os.getpid(), signal.SIGTERM)  # rank 0 alone reports progress

        train_toy(tmp_path / "two", progress=progress)

    assert two_ranks(stopped) == [143, 143]
    newest = Checkpoints(tmp_path / "two" / "checkpoints").latest()
    assert newest is not None
    assert (newest["stage"], newest["step"]) == (1, 3)
    assert two_ranks(lambda rank: train_toy(tmp_path / "two")) == [0, 0]
    assert_like_one_process(tmp_path / "two", tmp_path)


@pytest.mark.slow
def test_torchrun(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, "-m", "bench.testing.training", str(tmp_path / "two")],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert_like_one_process(tmp_path / "two", tmp_path)
