"""One process at a time in a run folder; the dead do not hold locks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.locks import NAME, folder_lock, holder
from datasets.errors import StorageError, UsageError

HOLD = "import sys,time\nfrom pathlib import Path\nfrom bench.locks import folder_lock\n"
HOLD += "with folder_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


@pytest.fixture
def other(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock of ``tmp_path / 'run'``."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_lock_names_its_holder_and_is_gone_afterwards(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "new" / "run"):
        found = holder(tmp_path / "new" / "run")
        assert found is not None
        assert (found.host, found.pid) == (socket.gethostname(), os.getpid())
    assert not (tmp_path / "new" / "run" / NAME).exists()


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    says = f"in use by process {other.pid} on {socket.gethostname()}"
    with pytest.raises(UsageError, match=says) as caught, folder_lock(tmp_path / "run"):
        pass
    assert caught.value.status == 2
    found = holder(tmp_path / "run")
    assert found is not None and found.pid == other.pid


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    os.kill(other.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while holder(tmp_path / "run").alive and time.monotonic() < deadline:  # a zombie counts as dead
        time.sleep(0.01)
    assert (tmp_path / "run" / NAME).exists()
    with folder_lock(tmp_path / "run"):
        assert holder(tmp_path / "run").pid == os.getpid()


def test_a_reused_process_number_is_not_the_holder(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        stale = json.loads((tmp_path / NAME).read_text())
    (tmp_path / NAME).write_text(json.dumps(stale | {"born": stale["born"] - 1}))
    with folder_lock(tmp_path):
        pass


def test_the_lock_of_another_host_is_respected(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"host": "elsewhere", "pid": 1, "born": 0, "since": "2026"}))
    with pytest.raises(UsageError, match="process 1 on elsewhere since 2026") as caught, folder_lock(tmp_path):
        pass
    assert "remove" in caught.value.hint and NAME in caught.value.hint


def test_an_empty_lock_is_waited_for_only_shortly(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    with pytest.raises(UsageError, match="just now"), folder_lock(tmp_path):
        pass
    os.utime(tmp_path / NAME, (time.time() - 60,) * 2)
    with folder_lock(tmp_path):
        pass


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        with pytest.raises(UsageError, match="in use"), folder_lock(tmp_path):
            pass
        assert (tmp_path / NAME).exists()


def test_of_many_that_race_for_a_dead_lock_one_wins(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"host": socket.gethostname(), "pid": 2**22 + 1, "born": 1, "since": "x"}))
    race = "import sys,time\nfrom pathlib import Path\nfrom bench.locks import folder_lock\n"
    race += "from datasets.errors import UsageError\nsys.stdin.read(1)\n"
    race += "try:\n    with folder_lock(Path(sys.argv[1])):\n        print('won', flush=True); time.sleep(2)\n"
    race += "except UsageError:\n    print('lost', flush=True)\n"
    command = [sys.executable, "-c", race, str(tmp_path)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    time.sleep(0.5)
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("x")
        racer.stdin.flush()
    assert sorted(racer.communicate()[0].strip() for racer in racers) == ["lost", "lost", "lost", "won"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"), folder_lock(tmp_path / "file" / "run"):
        pass
