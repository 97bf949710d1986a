"""One lock per run folder: a file that names its holder (host, process, start time).

A holder that is an attempt of an executor's task says so. A later attempt of the same task takes the folder over even
where the earlier one's machine cannot be asked, and the earlier one, should it still live, is fenced: its next write
below the folder is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from datasets.errors import StorageError, SuiteError, UsageError
from datasets.files import fenced, storage_errors

NAME = ".lock"
#: Variable that names an executor's task and the number of its attempt: ``task:3``.
ATTEMPT = "BENCH_ATTEMPT"
#: A lock file without a readable holder this long after its creation was left by a process that died while writing it.
EMPTY_AFTER_S = 5.0


class FencedError(SuiteError):
    """A later attempt of the same work has taken the folder over (exit status 143: this one has to go)."""

    status = 143


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        born: start of the process in clock ticks since boot (0 where unknown): process numbers are used again.
        since: when the lock was taken, UTC.
        attempt: ``task:number`` of an executor ("" where nobody supervises it).
    """

    host: str
    pid: int
    born: int
    since: str
    attempt: str = ""

    def replaces(self, other: Holder) -> bool:
        """Whether this is a later attempt of the other one's task."""
        (task, _, number), (theirs, _, before) = self.attempt.rpartition(":"), other.attempt.rpartition(":")
        return bool(task) and task == theirs and int(number) > int(before)

    @property
    def alive(self) -> bool:
        """Whether that process still runs; a process of another host counts as running."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return not self.born or _born(self.pid) in (0, self.born)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


def _born(pid: int) -> int:
    """Start time of a process in clock ticks since boot; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    # A zombie has ended: its files are closed, only its parent has not asked yet.
    return -1 if fields[0] in "ZX" else int(fields[19])


def holder(folder: Path) -> Holder | None:
    """Who holds the lock of a folder; None where nobody does (or the lock file says nothing readable)."""
    try:
        return Holder(**json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder (made if missing) for the block.

    Raises:
        UsageError: another living process holds it; the message names it. The lock of a process that has died on this
            host is taken over.
        StorageError: the folder cannot be written.
    """
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    own = Holder(socket.gethostname(), os.getpid(), _born(os.getpid()), since, os.environ.get(ATTEMPT, ""))
    try:
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with _exclusive(folder):
                _take(folder, own)
    except OSError as error:
        raise StorageError(
            f"cannot write {folder}: {error.strerror}", "choose a folder that you may write to"
        ) from error
    try:
        with fenced(folder, lambda: _check_held(folder, own)):
            yield
    finally:
        if holder(folder) == own:
            with suppress(OSError):
                (folder / NAME).unlink()


def _check_held(folder: Path, own: Holder) -> None:
    """Refuse to write into a folder that somebody else has taken over, even where they are already done with it."""
    current = holder(folder)
    if current != own:
        who = f"taken over by {current}" if current is not None else "taken over, or its lock was removed"
        raise FencedError(f"{folder} was {who}", "this process has written nothing since")


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Only one process of this host at a time looks at the lock file and replaces it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # file systems without flock: the creation below is still exclusive
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _take(folder: Path, own: Holder) -> None:
    path = folder / NAME
    if path.exists():
        _refuse_if_held(folder, own)
        path.unlink(missing_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        raise UsageError(
            f"{folder} was taken by another process just now", "wait for it, or use another folder"
        ) from None
    try:
        os.write(descriptor, json.dumps(asdict(own)).encode())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _refuse_if_held(folder: Path, own: Holder) -> None:
    current = holder(folder)
    if current is None:
        with suppress(FileNotFoundError):
            if time.time() - (folder / NAME).stat().st_mtime < EMPTY_AFTER_S:
                raise UsageError(f"{folder} was taken by another process just now", "try again in a few seconds")
        return
    if not current.alive or own.replaces(current):
        return
    if current.host != socket.gethostname():
        hint = f"if that process is gone, remove {folder / NAME}"
    else:
        hint = "wait for it, stop it, or give another --seed or --runs"
    raise UsageError(f"{folder} is in use by {current}", hint)
