"""What watches over a training: signals that ask it to stop, a watchdog for hangs, and out-of-memory as an outcome."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from datasets.errors import TrainingError

#: seconds between the polite end of a hung training (an exception in its main thread) and the hard one
GRACE_SECONDS = 20.0
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


class Signals:
    """SIGTERM and SIGINT become a request that is looked at between steps; a second one ends the process at once.

    Only the main thread can catch signals; elsewhere this does nothing.

    Args:
        patience: seconds in which a second signal counts as the first one again (torchrun passes on what the terminal
            has already sent to the whole group).
    """

    def __init__(self, patience: float = 0.0) -> None:
        self.received = 0
        self._patience, self._first = patience, 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            if time.monotonic() - self._first >= self._patience:
                os._exit(128 + number)
            return
        self.received, self._first = number, time.monotonic()
        os.write(2, b"stopping after this step; the state is saved (once more to stop at once)\n")

    def stop(self) -> None:
        """End the way the signal asks: KeyboardInterrupt for SIGINT, else exit status 143."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + (self.received or signal.SIGTERM))


class Watchdog:
    """Ends a training that makes no step for a while: :meth:`beat` at every step keeps it alive.

    It writes the stacks of all threads to ``report`` and raises ``TrainingError(outcome="timeout")`` in the main
    thread. Where that thread does not answer either, ``on_hang(error)`` is called and the process exits with status 4.

    Args:
        seconds: without a beat.
        report: file for the stacks.
    """

    def __init__(
        self,
        seconds: float,
        report: Path,
        on_hang: Callable[[TrainingError], None] | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._seconds, self._report, self._on_hang, self._grace = seconds, report, on_hang, grace
        self._last = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._before: Any = None
        self._is_main = threading.current_thread() is threading.main_thread()

    def beat(self, *_: object) -> None:
        """Training is alive."""
        self._last = time.monotonic()

    def __enter__(self) -> Watchdog:
        if self._is_main:
            self._before = signal.signal(signal.SIGUSR1, self._raise)
        self.beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._is_main:
            signal.signal(signal.SIGUSR1, self._before)

    def _error(self) -> TrainingError:
        return TrainingError(
            f"training made no step for {self._seconds:.0f} s and was ended; the stacks are in {self._report}",
            "run the same command again: it goes on from the last checkpoint",
            outcome="timeout",
        )

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if not self._ended.is_set():
            raise self._error()

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self._seconds / 4)):
            if time.monotonic() - self._last > self._seconds:
                self._end()
                return

    def _end(self) -> None:
        with self._report.open("w", encoding="utf-8") as file:
            faulthandler.dump_traceback(file)
        if self._is_main:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            if self._ended.wait(self._grace):
                return
        error = self._error()
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        sys.stderr.flush()
        if self._on_hang is not None:
            self._on_hang(error)
        os._exit(error.status)


@contextmanager
def memory_errors(config: Mapping[str, Any]) -> Iterator[None]:
    """Turn running out of memory into ``TrainingError(outcome="oom")`` with the batch size to lower.

    Args:
        config: the method's resolved config; its keys that name a batch size are suggested.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not known and not any(text in str(error) for text in _NO_MEMORY):
            raise
        wanted = [f"--set {name}={max(1, value // 2)}" for name, value in batch_keys(config)]
        reason = str(error).partition("\n")[0]
        raise TrainingError(
            f"out of memory while training{': ' + reason if reason else ''}",
            f"try a smaller batch: {' '.join(wanted)}" if wanted else "try a smaller preset or batch",
            outcome="oom",
        ) from error


def batch_keys(config: Mapping[str, Any], path: str = "") -> list[tuple[str, int]]:
    """Dotted keys of a config that name a batch size, with their values."""
    found: list[tuple[str, int]] = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            found += batch_keys(value, f"{path}{name}.")
        elif "batch" in name and isinstance(value, int) and not isinstance(value, bool):
            found.append((path + name, value))
    return found
