"""The local executor keeps the contract."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract import DRIVER, ExecutorContract

from bench.executors.base import Executor, Task
from bench.executors.local import LocalExecutor


@pytest.fixture
def executor() -> Iterator[Executor]:
    with LocalExecutor(2, ()) as made:
        yield made


class TestLocal(ExecutorContract):
    driver_code = DRIVER.format(imports="from bench.executors.local import LocalExecutor", make="LocalExecutor(2, ())")

    def kill_worker(self, unit: int) -> None:
        parent = int(Path(f"/proc/{unit}/stat").read_text().rpartition(")")[2].split()[1])
        assert parent != os.getpid()
        os.kill(parent, signal.SIGKILL)

    def test_each_task_sees_gpus_of_its_own(self, work: Path) -> None:
        said = "import os, time; print('GPUS', os.environ['CUDA_VISIBLE_DEVICES'], flush=True); time.sleep(0.5)"
        with LocalExecutor(8, ("3", "5", "7")) as executor:
            for name, gpus in (("a", 2), ("b", 1), ("c", 0)):
                executor.submit(Task(name, (sys.executable, "-c", said), work / f"{name}.log", gpus=gpus))
            self.finish(executor)
        lines = [line for name in "abc" for line in (work / f"{name}.log").read_text().splitlines()]
        assert [line[5:] for line in lines if line.startswith("GPUS")] == ["3,5", "7", ""]
