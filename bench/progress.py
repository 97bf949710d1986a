"""Progress with an estimate of the time left: a bar on a terminal, else a line on stderr every few seconds."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

#: seconds between lines where stderr is no terminal
LINE_SECONDS = 10.0


class Progress:
    """Callable ``(done, total, what)``; every ``what`` is a task of its own. ``close`` (or ``with``) ends the display.

    The estimate counts only what was done since the task was first reported, so a resumed run starts with a true one.

    Args:
        stream: where to write (stderr); a terminal gets a bar.
        seconds: least time between two lines where it is no terminal.
    """

    def __init__(self, stream: TextIO | None = None, seconds: float = LINE_SECONDS) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._seconds = seconds
        self._begun: dict[str, tuple[float, int]] = {}
        self._printed: dict[str, float] = {}
        self._bar: Bar | None = None
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, done: int, total: int, what: str) -> None:
        """Report that ``done`` of ``total`` units of ``what`` are done."""
        now = time.monotonic()
        begun, first = self._begun.setdefault(what, (now, done))
        if self._stream.isatty():
            self._show_bar(done, total, what)
            return
        last = self._printed.setdefault(what, begun)
        if now - last < self._seconds and not (done >= total and last > begun):
            return
        self._printed[what] = now
        left = time_left(now - begun, done - first, total - done)
        end = f", {span(now - begun)} taken" if done >= total else (f", about {span(left)} left" if left else "")
        self._stream.write(f"{what}: {done}/{total} ({100 * done / max(total, 1):.0f} %){end}\n")
        self._stream.flush()

    def _show_bar(self, done: int, total: int, what: str) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=Console(file=self._stream))
            self._bar.start()
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total, completed=done)
        self._bar.update(self._tasks[what], completed=done, total=total)

    def close(self) -> None:
        """End the display; the lines stay."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._tasks.clear()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def silent(done: int, total: int, what: str) -> None:
    """A progress that says nothing."""


def time_left(elapsed: float, done: int, left: int) -> float | None:
    """Seconds left at the mean speed so far; None before anything is done."""
    return elapsed * left / done if done > 0 else None


def span(seconds: float) -> str:
    """``42 s``, ``3 min 05 s`` or ``2 h 07 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
