"""Run a program with a time limit: its whole process group dies with it, and what it said is kept in a log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from datasets.errors import GenerationError, MissingInputError
from datasets.files import storage_errors

#: Seconds between asking a process group to end and killing it.
GRACE_S = 2.0
_TAIL = 3
#: Variables of our own environment that would break a program's: its Python must find its packages, not ours.
_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")


def run_program(command: Sequence[str], folder: Path, timeout_s: float, log: Path, what: str) -> float:
    """Run a command to its end; returns the seconds that it took.

    It runs in a session of its own, without our Python's variables; output and errors go to ``log``, with the command
    before them and how it ended behind.

    Args:
        folder: working directory. what: the pair's name for messages.

    Raises:
        MissingInputError: the program or the working directory is not there.
        GenerationError: it timed out (everything it started is killed), or ended with a status other than 0.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    began = time.monotonic()
    with storage_errors(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("ab")
    with stream:
        _say(stream, f"$ {' '.join(command)}\n")
        try:
            process = subprocess.Popen(
                list(command), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise MissingInputError(
                f"the program {command[0]} cannot be run in {folder}: {error.strerror}",
                "give its path in the config's command, for instance that of the environment's own python",
            ) from None
        with _group(process):
            status = _wait(process, timeout_s)
        seconds = time.monotonic() - began
        ending = f"timed out after {timeout_s:g} s and was killed" if status is None else f"exit status {status}"
        _say(stream, f"[{ending}, {seconds:.1f} s]\n")
    if status != 0:
        raise GenerationError(f"the program {command[0]}, pair {what}: {ending}{_tail(log)}", f"its log is {log}")
    return seconds


def _say(stream: object, text: str) -> None:
    stream.write(text.encode())  # type: ignore[attr-defined]
    stream.flush()  # type: ignore[attr-defined]


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """The exit status (negative: killed by that signal), or None where time ran out."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def _group(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever ends the block, an interruption too, nothing that the program started outlives it."""
    try:
        yield
    finally:
        _signal(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        _signal(process.pid, signal.SIGKILL)
        process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left
        os.killpg(group, number)


def _tail(log: Path) -> str:
    """The program's last words, on one line."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[:-1]
    said = [line.strip() for line in lines if line.strip() and not line.startswith(("$ ", "["))][-_TAIL:]
    return f": {' | '.join(said)}" if said else ""
