"""The hard end of a hang, and the hint for running out of memory."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from bench.guards import Signals, Watchdog, batch_keys
from datasets.errors import TrainingError


def test_a_thread_that_hears_nothing_is_ended_hard(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        told = tmp_path / "told.txt"
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # stands for a call that never comes back
        with Watchdog(0.2, tmp_path / "hang.txt", lambda error: told.write_text(error.outcome) and None, grace=0.2):
            time.sleep(30)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == TrainingError.status
    assert (tmp_path / "told.txt").read_text() == "timeout"
    assert "test_guards.py" in (tmp_path / "hang.txt").read_text()


def test_beats_keep_it_alive(tmp_path: Path) -> None:
    with Watchdog(0.4, tmp_path / "hang.txt") as watchdog:
        for _ in range(8):
            time.sleep(0.1)
            watchdog.beat()
    assert not (tmp_path / "hang.txt").exists()


def test_a_hang_raises_in_the_main_thread(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="made no step"), Watchdog(0.2, tmp_path / "hang.txt"):
        time.sleep(30)


def test_batch_keys() -> None:
    config = {"batch": 4, "train": {"batch_size": 8, "lr": 0.1, "batch_norm": True}, "avd": {"batch": 64}}
    assert batch_keys(config) == [("batch", 4), ("train.batch_size", 8), ("avd.batch", 64)]


def test_a_signal_that_is_passed_on_twice_counts_once() -> None:
    with Signals(patience=30) as signals:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signals.received == signal.SIGTERM
