"""The ``ray`` executor: attempts as tasks of a Ray cluster (extra ``cluster``), placed by cores and GPUs.

Ray places an attempt and says when its machine is gone; what is tried again is decided in
:mod:`bench.executors.base`, because only there attempts are numbered, and a later one fences an earlier one. Nothing of
Ray's own storage is used: run folders lie where all machines see them, which is checked at the start.
"""

from __future__ import annotations

import logging
import os
import platform
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.executors.base import Ended, Executor, Task, import_path, refuse, supervised, thread_variables
from bench.executors.local import ended, read_said
from datasets.errors import MissingInputError
from datasets.files import source_digest, write_text

#: Seconds for a machine to answer the first question.
ANSWER_S = 300.0
_START = "start one with a script of scripts/ (docs/howto/cluster.md), or give its --address"


@dataclass
class _Attempt:
    """A task of Ray's."""

    ref: Any
    cpus: int
    began: float


class RayExecutor(Executor):
    """Machines of a Ray cluster.

    Args:
        address: ``auto`` (the cluster that this machine is in), ``HOST:PORT``, or ``local`` (a new one here).
        store: folder that every machine must see, usually that of the runs.

    Raises:
        MissingInputError: Ray is not installed, no cluster answers, or a machine does not see the store or has other
            code or versions.
    """

    name = "ray"

    def __init__(self, address: str, store: Path) -> None:
        super().__init__()
        self._ray = _connect(address)
        machines = [node for node in self._ray.nodes() if node["Alive"]]
        self._sizes = [
            (int(node["Resources"].get("CPU", 0)), int(node["Resources"].get("GPU", 0))) for node in machines
        ]
        self.cpus, self.gpus = (sum(size[i] for size in self._sizes) for i in (0, 1))
        self._used = 0
        self._run = self._ray.remote(attempt)
        try:
            _check_machines(self._ray, machines, store)
        except BaseException:
            self._ray.shutdown()
            raise

    def check(self, task: Task) -> None:
        """Raise UsageError where no single machine is large enough (Ray itself would wait for ever)."""
        fitting = max(self._sizes, key=lambda size: (size[0] >= task.cpus, size[1] >= task.gpus, size), default=(0, 0))
        refuse(task, *fitting, "the machine of the cluster that fits best")

    def has_room(self, task: Task) -> bool:
        """Whether the cluster has cores left; Ray waits for the right ones."""
        return not self._flights or self._used + task.cpus <= self.cpus

    def start(self, task: Task, environment: Mapping[str, str]) -> _Attempt:
        """Hand an attempt to Ray."""
        placed = self._run.options(
            num_cpus=task.cpus, num_gpus=task.gpus, max_retries=0, scheduling_strategy="SPREAD", name=task.id
        )
        variables = {"PYTHONPATH": import_path(), **thread_variables(task.cpus), **environment}
        self._used += task.cpus
        return _Attempt(placed.remote(supervised(task), sys.executable, variables), task.cpus, time.monotonic())

    def poll(self, handle: _Attempt) -> Ended | None:
        """How it ended; an attempt whose worker or machine died is lost."""
        done, _ = self._ray.wait([handle.ref], timeout=0)
        if not done:
            return None
        self._used -= handle.cpus
        seconds = time.monotonic() - handle.began
        try:
            said, where = self._ray.get(handle.ref)
        except self._ray.exceptions.RayError as error:
            return Ended(None, seconds, where="", reason=f"lost: {type(error).__name__}")
        return ended(read_said(said), seconds, where)

    def stop(self, handle: _Attempt) -> None:
        """Kill the worker: its supervisor notices, and ends the command."""
        self._ray.cancel(handle.ref, force=True)

    def close(self) -> None:
        """Cancel everything and leave the cluster (which goes on)."""
        super().close()
        self._ray.shutdown()


# -- on the machines -----------------------------------------------------------------------------------------------
def attempt(command: list[str], python: str, environment: dict[str, str]) -> tuple[bytes, str]:
    """Run a supervisor on this machine, with its own Python in the place of the driver's ``python``.

    Returns:
        What the supervisor said, and this machine's name.
    """
    own = [sys.executable if word == python else word for word in command]
    own.insert(own.index("--log"), "--detach")  # Ray kills a worker's children before they could end their own
    process = subprocess.Popen(
        own, env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    said = process.stdout.read()  # its input stays open: it closes when this worker dies
    process.wait()
    return said, socket.gethostname()


def look(path: str) -> dict[str, str]:
    """What a machine sees and has: the content of a file on the shared storage, its code and its versions."""
    try:
        seen = Path(path).read_text(encoding="utf-8")
    except OSError:
        seen = ""
    return {"store": seen, **versions()}


def versions() -> dict[str, str]:
    """The suite's code and what it computes with."""
    root = Path(__file__).resolve().parents[2]
    files = [p for package in ("bench", "methods", "datasets", "sweeps") for p in (root / package).rglob("*.py")]
    found = {"code of the suite": source_digest(files)[:8], "python": platform.python_version()}
    for package in ("torch", "numpy"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


# -- at the start ----------------------------------------------------------------------------------------------------
def _connect(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # the same on all machines; Ray's default changes with its version
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingInputError("ray is not installed", "uv sync --extra cluster, on every machine") from error
    options = {"include_dashboard": False} if address == "local" else {"address": address}
    try:
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR, namespace="bench")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise MissingInputError(f"no Ray cluster answers at {address}: {str(error).splitlines()[0]}", _START) from error
    return ray


def _check_machines(ray: Any, machines: list[dict[str, Any]], store: Path) -> None:
    """Every machine must see what this one writes, and have the same code: else results would differ or be lost."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nonce = store.absolute() / f".cluster-{secrets.token_hex(8)}"
    write_text(nonce, nonce.name)
    try:
        ours = {"store": nonce.name, **versions()}
        places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in machines]
        asked = [ray.remote(look).options(num_cpus=0, scheduling_strategy=place).remote(str(nonce)) for place in places]
        for node, ref in zip(machines, asked, strict=True):
            _check_machine(ray, node["NodeManagerHostname"], ref, ours, store)
    finally:
        nonce.unlink(missing_ok=True)


def _check_machine(ray: Any, host: str, ref: Any, ours: Mapping[str, str], store: Path) -> None:
    try:
        theirs = ray.get(ref, timeout=ANSWER_S)
    except ray.exceptions.RayError as error:
        raise MissingInputError(
            f"the machine {host} of the cluster cannot run the suite: {str(error).strip().splitlines()[-1]}",
            "install it there, in the same place and version",
        ) from error
    different = next((name for name in ours if theirs.get(name) != ours[name]), None)
    if different == "store":
        raise MissingInputError(f"the machine {host} does not see {store}", "give --runs on a storage that all share")
    if different is not None:
        raise MissingInputError(
            f"the machine {host} has another {different}: {theirs.get(different, 'none')}, here {ours[different]}",
            "bring all machines to the same version",
        )
