"""What every executor promises, with real processes killed for real; test classes inherit the contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.executors.base import Executor, Outcome, Task
from datasets.errors import UsageError

#: A unit of work: counts to ``total`` in a file, going on where an earlier attempt stopped; each start leaves a line.
UNIT = """
import os, signal, subprocess, sys, time
from pathlib import Path
place, total, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with place.with_suffix(".starts").open("a") as f: f.write(f"{os.getpid()}\\n")
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c",
        "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"])
    with place.with_suffix(".starts").open("a") as f: f.write(f"{child.pid}\\n")
if how == "memory": os.kill(os.getpid(), signal.SIGKILL)
if how == "error": print("error: it broke", flush=True); sys.exit(4)
done = len(place.read_text().splitlines()) if place.exists() else 0
for i in range(done, total):
    with place.open("a") as f: f.write(f"{i}\\n")
    time.sleep(0.05)
"""
#: A driver that starts two long units and waits; ``make`` is an expression that makes its executor.
DRIVER = """
import sys
from pathlib import Path
from bench.executors.base import Task
{imports}
folder = Path(sys.argv[1])
with {make} as executor:
    for name in ("a", "b"):
        command = (sys.executable, str(folder / "unit.py"), str(folder / name), "4000", "stubborn")
        executor.submit(Task(name, command, folder / (name + ".log"), environment={{"BENCH_GRACE_S": "0.3"}}))
    while executor.busy: executor.wait()
"""


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that has to happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


class ExecutorContract:
    """Modules give the fixture ``executor`` (room for two tasks of one core), subclasses the rest."""

    driver_code: str
    long = 400

    @pytest.fixture
    def work(self, tmp_path: Path) -> Path:
        (tmp_path / "unit.py").write_text(UNIT)
        return tmp_path

    def task(self, work: Path, name: str, total: int = 2, how: str = "well", **fields: object) -> Task:
        command = (sys.executable, str(work / "unit.py"), str(work / name), str(total), how)
        quick = {"BENCH_GRACE_S": "0.3"}
        return Task(name, command, work / f"{name}.log", environment=quick, **fields)  # type: ignore[arg-type]

    def starts(self, work: Path, name: str) -> list[int]:
        path = work / f"{name}.starts"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    def finish(self, executor: Executor) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        until(lambda: found.update({o.task.id: o for o in executor.wait(0.5)}) or not executor.busy, 240)
        return found

    def started(self, executor: Executor, work: Path, name: str, processes: int = 1) -> None:
        until(lambda: executor.wait(0.05) == [] and len(self.starts(work, name)) >= processes)

    # -- the promises ------------------------------------------------------------------------------------------------
    def test_every_task_is_run_once_and_never_more_at_once_than_there_is_room(
        self, executor: Executor, work: Path
    ) -> None:
        for i in range(5):
            executor.submit(self.task(work, f"t{i}", 4))
        most, found = 0, {}
        while executor.busy:
            found |= {o.task.id: o for o in executor.wait(0.05)}
            most = max(most, len(executor.running))
        assert {o.kind for o in found.values()} == {"done"} and len(found) == 5 and most == 2
        assert all(len(self.starts(work, f"t{i}")) == 1 for i in range(5))
        assert all(o.attempts == 1 and o.status == 0 and o.where for o in found.values())

    def test_an_error_is_told_with_its_log_and_not_tried_again(self, executor: Executor, work: Path) -> None:
        executor.submit(self.task(work, "bad", how="error"))
        executor.submit(self.task(work, "good"))
        found = self.finish(executor)
        assert (found["bad"].kind, found["bad"].status, found["bad"].attempts) == ("failed", 4, 1)
        assert "error: it broke" in (work / "bad.log").read_text()
        assert found["good"].kind == "done" and len(self.starts(work, "bad")) == 1

    def test_a_killed_unit_resumes(self, executor: Executor, work: Path) -> None:
        executor.submit(self.task(work, "t", 30))
        until(lambda: executor.wait(0.05) == [] and (work / "t").exists())
        os.kill(self.starts(work, "t")[0], signal.SIGKILL)
        outcome = self.finish(executor)["t"]
        assert (outcome.kind, outcome.attempts, len(self.starts(work, "t"))) == ("done", 2, 2)
        assert (work / "t").read_text().split() == [str(i) for i in range(30)]

    def test_a_killed_worker_leaves_no_orphan_and_its_task_resumes(self, executor: Executor, work: Path) -> None:
        executor.submit(self.task(work, "t", 60))
        self.started(executor, work, "t")
        first = self.starts(work, "t")[0]
        self.kill_worker(first)
        outcome = self.finish(executor)["t"]
        assert (outcome.kind, outcome.attempts) == ("done", 2) and not alive(first)
        assert (work / "t").read_text().split() == [str(i) for i in range(60)]

    def kill_worker(self, unit: int) -> None:
        """Kill what stands between the executor and the unit."""
        raise NotImplementedError

    def test_a_timeout_kills_the_whole_group(self, executor: Executor, work: Path) -> None:
        executor.submit(self.task(work, "t", self.long, "stubborn", timeout_s=3.0))
        outcome = self.finish(executor)["t"]
        assert (outcome.kind, outcome.attempts) == ("timeout", 1) and "3 s" in outcome.reason
        assert len(self.starts(work, "t")) == 2
        until(lambda: not any(alive(pid) for pid in self.starts(work, "t")), 30)

    def test_a_cancelled_task_is_gone_with_all_it_started(self, executor: Executor, work: Path) -> None:
        for name in ("t", "u"):
            executor.submit(self.task(work, name, self.long if name == "t" else 3, "stubborn" if name == "t" else "x"))
        self.started(executor, work, "t", 2)
        executor.cancel("t")
        found = self.finish(executor)
        assert found["t"].kind == "cancelled" and found["u"].kind == "done"
        until(lambda: not any(alive(pid) for pid in self.starts(work, "t")), 30)

    def test_what_is_killed_every_time_is_given_up(self, executor: Executor, work: Path) -> None:
        executor.submit(self.task(work, "t", how="memory", retries=1))
        outcome = self.finish(executor)["t"]
        assert (outcome.kind, outcome.attempts) == ("killed", 2) and "memory" in outcome.reason

    def test_what_no_machine_can_run_is_refused_at_once(self, executor: Executor, work: Path) -> None:
        with pytest.raises(UsageError, match="asks for 1000 cores"):
            executor.submit(self.task(work, "t", cpus=1000))

    def test_closing_leaves_nothing_behind(self, executor: Executor, work: Path) -> None:
        executor.submit(self.task(work, "t", self.long, "stubborn"))
        self.started(executor, work, "t", 2)
        executor.close()
        until(lambda: not any(alive(pid) for pid in self.starts(work, "t")), 5)

    def test_a_killed_driver_takes_its_units_along(self, work: Path) -> None:
        driver = subprocess.Popen([sys.executable, "-c", self.driver_code, str(work)])
        try:
            until(lambda: len(self.starts(work, "a") + self.starts(work, "b")) == 4, 240)
        finally:
            driver.kill()
            driver.wait()
        until(lambda: not any(alive(pid) for name in "ab" for pid in self.starts(work, name)), 30)
