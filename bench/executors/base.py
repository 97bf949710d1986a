"""The executor interface: idempotent commands in, outcomes out; retries, cancelling and giving up are decided here.

A unit of work is a command that resumes by itself (``python -m bench.cli.unit``). Each attempt runs under a supervisor
(:mod:`bench.executors.supervise`) that dies with whoever started it and takes the command's process group along. An
executor only starts, asks and kills attempts; :class:`Executor` holds the rest, so that all of them behave alike.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.locks import ATTEMPT
from datasets.errors import UsageError

#: Exit statuses of a unit that was stopped by somebody else with its state saved: worth another attempt.
STOPPED = (130, 143)
_POLL_S = 0.05


@dataclass(frozen=True)
class Task:
    """One unit of work.

    Attributes:
        id: unique in its executor, safe as a file name.
        command: idempotent: started again, it goes on where it stopped.
        log: file that its output is appended to.
        folder: working directory.
        environment: variables beside the executor's own.
        timeout_s: seconds for each attempt, 0 for no limit. cpus, gpus: what one attempt occupies.
        retries: further attempts after one that was killed, stopped or lost with its machine. A command that ended by
            itself with an error is never tried again.
    """

    id: str
    command: tuple[str, ...]
    log: Path
    folder: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 0.0
    cpus: int = 1
    gpus: int = 0
    retries: int = 2


@dataclass(frozen=True)
class Ended:
    """How one attempt ended.

    Attributes:
        status: exit status, negative for a signal; None where the attempt was lost with its supervisor or machine.
    """

    status: int | None
    seconds: float
    timed_out: bool = False
    where: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        kind: ``done``, ``failed`` (exit status not 0), ``timeout``, ``killed`` (in every attempt), ``cancelled``.
        seconds: of all attempts. where: host of the last one.
    """

    task: Task
    kind: str
    status: int | None
    seconds: float
    attempts: int
    where: str = ""
    reason: str = ""


@dataclass
class _Flight:
    """A task that was started."""

    task: Task
    handle: Any
    attempt: int
    since: float
    spent: float = 0.0
    cancelled: bool = False


class Executor(ABC):
    """Runs tasks in the order they were given, as many at once as there is room for.

    Use it as a context manager: leaving the block cancels what still runs and leaves no process behind.
    """

    name = ""

    def __init__(self) -> None:
        self._token = secrets.token_hex(4)
        self._waiting: list[tuple[Task, int, float]] = []
        self._flights: dict[str, _Flight] = {}
        self._outcomes: list[Outcome] = []

    # -- for users ---------------------------------------------------------------------------------------------------
    def submit(self, task: Task) -> None:
        """Queue a task.

        Raises:
            UsageError: it asks for more than any machine here has.
        """
        self.check(task)
        self._waiting.append((task, 1, 0.0))

    def wait(self, timeout_s: float = 1.0) -> list[Outcome]:
        """Start what there is room for; outcomes since the last call, as soon as there are some or time is over."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._start_waiting()
            self._collect()
            if self._outcomes or not self.busy or time.monotonic() >= deadline:
                found, self._outcomes = self._outcomes, []
                return found
            time.sleep(_POLL_S)

    def cancel(self, task_id: str) -> None:
        """End a task: it is asked to stop, then killed with all it started; its outcome comes from :meth:`wait`."""
        for entry in [entry for entry in self._waiting if entry[0].id == task_id]:
            self._waiting.remove(entry)
            self._outcomes.append(Outcome(entry[0], "cancelled", None, entry[2], entry[1] - 1))
        flight = self._flights.get(task_id)
        if flight is not None and not flight.cancelled:
            flight.cancelled = True
            self.stop(flight.handle)

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs."""
        return bool(self._waiting or self._flights)

    @property
    def running(self) -> dict[str, float]:
        """Task id -> seconds of its current and earlier attempts."""
        now = time.monotonic()
        return {name: flight.spent + now - flight.since for name, flight in self._flights.items()}

    def close(self) -> None:
        """Cancel everything, and wait until it is gone."""
        self._waiting.clear()
        for name in list(self._flights):
            self.cancel(name)
        while self._flights:
            self.wait(1.0)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- policy ------------------------------------------------------------------------------------------------------
    def _start_waiting(self) -> None:
        for entry in list(self._waiting):
            task, attempt, spent = entry
            if not self.has_room(task):
                return  # in order: a large task is not starved by small ones behind it
            self._waiting.remove(entry)
            environment = dict(task.environment) | {ATTEMPT: f"{self._token}/{task.id}:{attempt}"}
            handle = self.start(task, environment)
            self._flights[task.id] = _Flight(task, handle, attempt, time.monotonic(), spent)

    def _collect(self) -> None:
        for name, flight in list(self._flights.items()):
            ended = self.poll(flight.handle)
            if ended is not None:
                del self._flights[name]
                self._settle(flight, ended)

    def _settle(self, flight: _Flight, ended: Ended) -> None:
        spent = flight.spent + ended.seconds
        lost = ended.status is None or ended.status < 0 or ended.status in STOPPED
        if lost and not (flight.cancelled or ended.timed_out) and flight.attempt <= flight.task.retries:
            self._waiting.insert(0, (flight.task, flight.attempt + 1, spent))
            return
        kind = "done" if ended.status == 0 else "killed" if lost else "failed"
        kind = "timeout" if ended.timed_out else "cancelled" if flight.cancelled and kind != "done" else kind
        reason = ended.reason or _reason(kind, ended, flight)
        self._outcomes.append(Outcome(flight.task, kind, ended.status, spent, flight.attempt, ended.where, reason))

    # -- for implementations -----------------------------------------------------------------------------------------
    @abstractmethod
    def check(self, task: Task) -> None:
        """Raise UsageError where no machine can ever run the task."""

    @abstractmethod
    def has_room(self, task: Task) -> bool:
        """Whether an attempt can be started now."""

    @abstractmethod
    def start(self, task: Task, environment: Mapping[str, str]) -> Any:
        """Start an attempt under a supervisor; returns a handle."""

    @abstractmethod
    def poll(self, handle: Any) -> Ended | None:
        """How the attempt ended; None while it runs."""

    @abstractmethod
    def stop(self, handle: Any) -> None:
        """Make the attempt end soon: first politely, then by force."""


def _reason(kind: str, ended: Ended, flight: _Flight) -> str:
    if kind == "timeout":
        return f"stopped after {flight.task.timeout_s:g} s"
    if kind == "killed" and ended.status is not None and ended.status < 0:
        return f"killed by signal {-ended.status} in {flight.attempt} attempts (out of memory?)"
    if kind == "killed":
        return f"stopped or lost in {flight.attempt} attempts"
    return f"exit status {ended.status}" if kind == "failed" else ""


# -- what every attempt is started with ------------------------------------------------------------------------------
def supervised(task: Task) -> list[str]:
    """The command line of an attempt: the supervisor, then the task's own."""
    options = ["--log", str(task.log.absolute()), "--folder", str(task.folder.absolute()), "--timeout"]
    return [sys.executable, "-m", "bench.executors.supervise", *options, str(task.timeout_s), "--", *task.command]


def import_path() -> str:
    """``PYTHONPATH`` by which another process imports the very code that this one does."""
    return os.pathsep.join(str(Path(p).absolute()) for p in sys.path if p and Path(p).exists())


def thread_variables(cpus: int) -> dict[str, str]:
    """As many threads as cores are reserved: results on a CPU may depend on their number."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(cpus))


def refuse(task: Task, cpus: int, gpus: int, where: str) -> None:
    """Raise UsageError where a task asks for more than there is."""
    if task.cpus > cpus or task.gpus > gpus:
        raise UsageError(
            f"{task.id} asks for {task.cpus} cores and {task.gpus} GPUs, but {where} has {cpus} and {gpus}",
            "ask for less, or add a machine",
        )
