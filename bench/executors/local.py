"""The ``local`` executor: a pool of processes on this machine that respects its cores and GPUs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bench.executors.base import Ended, Executor, Task, import_path, refuse, supervised, thread_variables


@dataclass
class _Attempt:
    """A running supervisor and what it holds."""

    process: subprocess.Popen[bytes]
    cpus: int
    gpus: tuple[str, ...]
    began: float = field(default_factory=time.monotonic)
    said: bytes = b""


class LocalExecutor(Executor):
    """Processes of this machine.

    Args:
        cpus: cores that tasks may occupy together (all). gpus: ids as in ``CUDA_VISIBLE_DEVICES`` (those there are).
    """

    name = "local"

    def __init__(self, cpus: int | None = None, gpus: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self._cpus = self._free_cpus = cores() if cpus is None else cpus
        self._gpus = gpu_ids() if gpus is None else gpus
        self._free_gpus = list(self._gpus)

    def check(self, task: Task) -> None:
        """Raise UsageError where this machine is too small."""
        refuse(task, self._cpus, len(self._gpus), "this machine")

    def has_room(self, task: Task) -> bool:
        """Whether enough cores and GPUs are free."""
        return task.cpus <= self._free_cpus and task.gpus <= len(self._free_gpus)

    def start(self, task: Task, environment: Mapping[str, str]) -> _Attempt:
        """Start an attempt on free cores and GPUs."""
        gpus = tuple(self._free_gpus[: task.gpus])
        self._free_cpus -= task.cpus
        del self._free_gpus[: task.gpus]
        own = {"PYTHONPATH": import_path(), "CUDA_VISIBLE_DEVICES": ",".join(gpus)} if self._gpus else {
            "PYTHONPATH": import_path()
        }  # fmt: skip
        process = subprocess.Popen(
            supervised(task), env={**os.environ, **thread_variables(task.cpus), **own, **environment},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return _Attempt(process, task.cpus, gpus)

    def poll(self, handle: _Attempt) -> Ended | None:
        """How the attempt ended; a killed supervisor is a lost attempt, whose group is killed for good."""
        over = handle.process.poll() is not None
        with suppress(TypeError):  # nothing there yet
            handle.said += handle.process.stdout.read() or b""  # type: ignore[union-attr]
        if not over:
            return None
        self._free_cpus += handle.cpus
        self._free_gpus += handle.gpus
        for pipe in (handle.process.stdin, handle.process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        said = read_said(handle.said)
        if "group" in said:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(said["group"], signal.SIGKILL)
        return ended(said, time.monotonic() - handle.began, socket.gethostname())

    def stop(self, handle: _Attempt) -> None:
        """Close the supervisor's input: it asks the command to stop, and kills it after a grace time."""
        with suppress(OSError):
            handle.process.stdin.close()  # type: ignore[union-attr]


def read_said(text: bytes) -> dict[str, Any]:
    """The fields of all whole lines that a supervisor printed."""
    found: dict[str, Any] = {}
    for line in text.splitlines(keepends=True):
        with suppress(ValueError):
            found |= json.loads(line) if line.endswith(b"\n") else {}
    return found


def ended(said: Mapping[str, Any], seconds: float, where: str) -> Ended:
    """An :class:`Ended` from a supervisor's fields."""
    if "status" not in said:
        return Ended(None, seconds, where=where)
    return Ended(int(said["status"]), float(said["seconds"]), bool(said["timed_out"]), where)


def cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def gpu_ids() -> tuple[str, ...]:
    """Ids of the GPUs that this process may use; empty where there is no driver."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return tuple(filter(None, os.environ["CUDA_VISIBLE_DEVICES"].split(",")))
    if shutil.which("nvidia-smi") is None:
        return ()
    asked = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    return tuple(done.stdout.split()) if done.returncode == 0 else ()
