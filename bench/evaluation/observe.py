"""What judges say of frames: asked once a frame, shared by all metrics, and kept by content for the real side.

Every method is compared with the same real frames, so what a judge said of them stays on disk, under the hash of the
frame, of the judge and of its preprocessing. A kept answer is the very array that the judge gave.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from bench.evaluation.base import Array, FramePair, shared
from bench.evaluation.judges.base import FrameJudge, Judge
from datasets.files import cache_root, sha256_of

#: The file is started anew when it has grown beyond this.
MOST_BYTES = 4 << 30
#: Answers that each thread remembers, for frames that come again (a still video, an oracle).
_REMEMBERED = 512
_LOCAL = threading.local()


def observe(frame: FramePair, side: str, judge: Judge | None) -> Array:
    """A judge's answer for one side of a frame.

    Args:
        side: ``generated``, ``reference`` or ``driving``.
        judge: a :class:`FrameJudge` that reads single frames.
    """
    assert isinstance(judge, FrameJudge)
    image: Array = getattr(frame, side)
    answer: Array = shared(frame, f"{judge.card.name}-{side}", lambda: _ask(judge, image, side != "generated"))
    return answer


def _ask(judge: FrameJudge, image: Array, keep: bool) -> Array:
    key = sha256_of(f"{judge.card.name} {judge.fingerprint} {image.dtype} {image.shape}".encode() + image.tobytes())
    return remembered(key, lambda: judge.read(image), keep)


def remembered(key: str, compute: Callable[[], Array], keep: bool = True) -> Array:
    """The array under a content key, computed where it is known neither to this thread nor (``keep``) on disk.

    Args:
        key: hash of everything that the array depends on: the frames, and the code or weights that read them.
    """
    if not hasattr(_LOCAL, "recent"):
        _LOCAL.recent = OrderedDict()
    recent: OrderedDict[str, Array] = _LOCAL.recent
    if key in recent:
        recent.move_to_end(key)
        return recent[key]
    store = store_at(cache_root() / "observations.sqlite3")
    answer = store.get(key)
    if answer is None:
        answer = compute()
        if keep:
            store.put(key, answer)
    recent[key] = answer
    if len(recent) > _REMEMBERED:
        recent.popitem(last=False)
    return answer


@cache
def store_at(path: Path) -> ObservationStore:
    """The store in a file, opened once a process."""
    return ObservationStore(path)


class ObservationStore:
    """Arrays by key in one SQLite file, which several processes may use.

    It is a cache: where the file cannot be used, or is damaged, nothing is kept and nothing fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._usable = True

    def get(self, key: str) -> Array | None:
        """The array under a key, or None."""
        try:
            row = self._connection().execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            return None if row is None else np.load(io.BytesIO(row[0]), allow_pickle=False)
        except (sqlite3.Error, ValueError, EOFError, OSError):
            return None

    def put(self, key: str, answer: Array) -> None:
        """Keep an array under a key."""
        buffer = io.BytesIO()
        np.save(buffer, answer, allow_pickle=False)
        try:
            self._connection().execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, buffer.getvalue()))
        except (sqlite3.Error, OSError):
            self._usable = False

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection, opened at first use. Raises sqlite3.OperationalError where the file is no use."""
        if not self._usable:
            raise sqlite3.OperationalError("not usable")
        if not hasattr(self._local, "connection"):
            try:
                self._local.connection = self._open()
            except sqlite3.DatabaseError as error:
                if not isinstance(error, sqlite3.OperationalError):  # damaged, not merely locked or out of reach
                    self._path.unlink(missing_ok=True)
                self._usable = False
                raise
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.is_file() and self._path.stat().st_size > MOST_BYTES:
            self._path.unlink()
        # Autocommit; a row that is lost in a crash is asked again, so nothing waits for the disk.
        connection = sqlite3.connect(self._path, timeout=30.0, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer BLOB NOT NULL)")
        return connection
