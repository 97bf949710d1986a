"""Supervise one command: ``python -m bench.executors.supervise --log FILE -- COMMAND``; used by every executor.

It prints ``{"group": N}`` at once and ``{"status": S, "seconds": T, "timed_out": B}`` at the end. It holds a pipe on
its standard input: when that closes (whoever started it died, or cancels) the command's process group is asked to stop,
and killed after a grace time. Should the supervisor itself be killed, the kernel kills the command.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

#: Seconds between asking a group to stop (training saves its state) and killing it.
GRACE_S = 20.0
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.05


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command to its end; returns 0 whenever that end could be told."""
    parser = argparse.ArgumentParser(prog="supervise")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--timeout", type=float, default=0.0)
    parser.add_argument("--grace", type=float, default=float(os.environ.get("BENCH_GRACE_S", GRACE_S)))
    parser.add_argument("--detach", action="store_true", help="be no child of whoever started it")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(argv)
    if asked.detach:
        if os.fork():
            os._exit(0)
        os.setsid()
    stop = {"asked": False}
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.update(asked=True))
    asked.log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with asked.log.open("ab") as log:
        process = _start(asked.command, asked.folder, log)
        _tell(group=process.pid)
        timed_out = _watch(process, asked.timeout, stop)
        status = _end(process, asked.grace)
    _tell(status=status, seconds=time.monotonic() - began, timed_out=timed_out)
    return 0


def _start(command: Sequence[str], folder: Path, log: Any) -> subprocess.Popen[bytes]:
    log.write(f"$ {' '.join(command)}\n".encode())
    log.flush()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    parent = os.getpid()

    def die_with_parent() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

    return subprocess.Popen(
        list(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        preexec_fn=die_with_parent,  # safe: this process has one thread
    )  # fmt: skip


def _watch(process: subprocess.Popen[bytes], timeout: float, stop: dict[str, bool]) -> bool:
    """Wait for the command's end, for a request to stop it, or for its time to run out (True)."""
    began = time.monotonic()
    while process.poll() is None and not stop["asked"]:
        if timeout and time.monotonic() - began > timeout:
            return True
        with suppress(InterruptedError):
            ready, _, _ = select.select([0], [], [], _POLL_S)
            if ready and not os.read(0, 1):
                return False
    return False


def _end(process: subprocess.Popen[bytes], grace: float) -> int:
    """Nothing of the command's group outlives this; returns the command's own status."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    _signal(process.pid, signal.SIGKILL)
    return process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _tell(**fields: Any) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    sys.exit(main())
