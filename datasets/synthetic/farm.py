"""Rendering in parallel processes: workers are plain child processes fed by lines of JSON.

They are no forks (so threads of the parent do no harm) and do not import the parent's main module; they end when the
parent ends, because their standard input closes.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from datasets.errors import StorageError, SuiteError

from .store import Job, Store

_IN_PROCESS = 3  # so few jobs are not worth starting processes for
_MOST = 16


def worker_count() -> int:
    """Processes to use: the CPUs this process may run on."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cpus = os.cpu_count() or 1
    return max(1, min(cpus, _MOST))


def render_all(store: Store, jobs: Sequence[Job], done: Callable[[int], None], workers: int | None = None) -> None:
    """Render what is missing of ``jobs``; ``done(n)`` is called when n are finished.

    Raises:
        StorageError: the cache cannot be written.
        SuiteError: a worker died.
    """
    workers = min(workers or worker_count(), len(jobs))
    if workers <= 1 or len(jobs) <= _IN_PROCESS:
        for n, job in enumerate(jobs, 1):
            store.ensure(job)
            done(n)
        return
    todo: queue.SimpleQueue[list[Job]] = queue.SimpleQueue()
    for _, batch in groupby(jobs, key=lambda job: job.spec.camera.holds):
        todo.put(list(batch))  # people are built once for all chunks and clips that show them
    results: queue.SimpleQueue[SuiteError | None] = queue.SimpleQueue()
    children = [_start(store.root) for _ in range(workers)]
    threads = [threading.Thread(target=_feed, args=(c, todo, results), daemon=True) for c in children]
    try:
        for thread in threads:
            thread.start()
        for n in range(1, len(jobs) + 1):
            error = results.get()
            if error is not None:
                raise error
            done(n)
    finally:
        for child in children:
            child.kill()  # writes are atomic, so nothing half-done stays
            child.wait()


def _start(root: Path) -> subprocess.Popen[str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(p for p in sys.path if p)
    package = str(Path(__file__).resolve().parents[2])
    env = {**os.environ, **threads, "PYTHONPATH": os.pathsep.join([package, path])}
    command = [sys.executable, "-m", "datasets.synthetic.worker", str(root)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


def _feed(
    child: subprocess.Popen[str], todo: queue.SimpleQueue[list[Job]], results: queue.SimpleQueue[SuiteError | None]
) -> None:
    """Hand jobs to one child until none is left; every job gives one result."""
    while True:
        try:
            batch = todo.get_nowait()
        except queue.Empty:
            return
        for job in batch:
            error = _ask(child, job)
            results.put(error)
            if error is not None:
                return


def _ask(child: subprocess.Popen[str], job: Job) -> SuiteError | None:
    """Let a child render one job; what went wrong, or None."""
    assert child.stdin is not None and child.stdout is not None
    line = {"spec": job.spec.to_json(), "chunk": job.chunk, "groups": job.groups}
    try:
        child.stdin.write(json.dumps(line) + "\n")
        child.stdin.flush()
        answer = child.stdout.readline()
    except (OSError, ValueError):
        answer = ""
    if not answer:
        return SuiteError("a rendering process died", "free some memory, then run the command again")
    problem = json.loads(answer)
    return StorageError(problem["message"], problem["hint"]) if problem else None
