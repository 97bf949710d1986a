"""The Ray executor keeps the same contract, on a real cluster of two machines' worth of processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from contract import DRIVER, ExecutorContract, alive, until

from bench.executors.base import Executor
from datasets.errors import MissingInputError

pytestmark = pytest.mark.cluster
for name, value in {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(name, value)
pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores and two nodes with one each; its address in ``RAY_ADDRESS``."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    os.environ["RAY_ADDRESS"] = made.address
    yield made
    del os.environ["RAY_ADDRESS"]
    made.shutdown()


def worker_of(task: str) -> int:
    """The Ray worker that runs a task: Ray names its process after it."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().split(b"\0")[0].split(b" ")[0] == f"ray::{task}".encode():
                return int(path.parent.name)
    raise AssertionError(f"no worker runs {task}")


@pytest.fixture(scope="class")
def executor(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """One for all tests: joining a cluster takes seconds."""
    from bench.executors.cluster import RayExecutor

    made = RayExecutor(cluster.address, tmp_path_factory.mktemp("store"))
    yield made
    made.close()


class TestRay(ExecutorContract):
    driver_code = DRIVER.format(
        imports="import os\nfrom bench.executors.cluster import RayExecutor",
        make="RayExecutor(os.environ['RAY_ADDRESS'], folder)",
    )
    long = 2000

    def kill_worker(self, unit: int) -> None:
        os.kill(worker_of("t"), signal.SIGKILL)

    def test_a_killed_driver_takes_its_units_along(self, cluster: Any, work: Path) -> None:  # type: ignore[override]
        super().test_a_killed_driver_takes_its_units_along(work)

    def test_closing_leaves_nothing_behind(self, executor: Executor, work: Path) -> None:
        executor.submit(self.task(work, "t", self.long, "stubborn"))
        self.started(executor, work, "t", 2)
        Executor.close(executor)  # without leaving the cluster
        until(lambda: not any(alive(pid) for pid in self.starts(work, "t")), 30)

    def test_a_lost_node_moves_its_task_to_the_other(self, cluster: Any, executor: Executor, work: Path) -> None:
        extra = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        executor.cpus = 3  # type: ignore[attr-defined]
        for name in ("t", "u", "v"):
            executor.submit(self.task(work, name, 600))
        early = {}
        until(
            lambda: (
                early.update({o.task.id: o for o in executor.wait(0.05)}) or all(self.starts(work, n) for n in "tuv")
            ),
            240,
        )
        cluster.remove_node(extra, allow_graceful=False)
        found = early | self.finish(executor)
        assert {o.kind for o in found.values()} == {"done"}
        assert sorted(o.attempts for o in found.values()) == [1, 1, 2]
        assert all((work / name).read_text().split() == [str(i) for i in range(600)] for name in "tuv")
        until(lambda: not any(alive(pid) for name in "tuv" for pid in self.starts(work, name)), 10)


def test_a_machine_that_does_not_see_the_store_or_has_other_code_is_named(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    from bench.executors import cluster as module

    monkeypatch.setattr(module, "versions", lambda: {"code of the suite": "other"})
    with pytest.raises(MissingInputError, match="has another code of the suite"):
        module.RayExecutor(cluster.address, tmp_path)
    assert not ray.is_initialized()
    monkeypatch.undo()
    monkeypatch.setattr(module, "write_text", lambda path, text: None)
    with pytest.raises(MissingInputError, match="does not see"):
        module.RayExecutor(cluster.address, tmp_path)


def test_no_cluster_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.executors.cluster import RayExecutor

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(MissingInputError, match="no Ray cluster answers"):
        RayExecutor("127.0.0.1:1", tmp_path)
