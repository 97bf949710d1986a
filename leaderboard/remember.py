"""Results that are slow to compute, remembered under the hash of everything they are computed from.

A report is written after every run, and most of its numbers have not changed since the last one. A result is found by
the hash of the values, of the arguments and of the code that computes it, so it cannot be out of date; the same store
gives the same report with or without what is remembered.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bench.closure import code_closure
from datasets.files import cache_root, digest, sha256_of

#: What no report asked for in so many days is forgotten.
DAYS = 60
_SCHEMA = "create table if not exists results (key text primary key, value text not null, used integer not null)"


@cache
def code_of(module: str) -> str:
    """Hash of a module's code and of all that it imports from the suite."""
    return digest(dict(code_closure([module])))


class Remembered:
    """A small database of JSON results; where it cannot be opened or written it remembers nothing, and says nothing."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._used: list[str] = []
        self._database: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._open(path)
        except sqlite3.DatabaseError:
            self._database = self._anew(path)
        except OSError:
            pass

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, timeout=10, check_same_thread=False)
        database.execute("pragma synchronous = off")  # what is lost is computed again
        database.execute(_SCHEMA)
        return database

    def _anew(self, path: Path) -> sqlite3.Connection | None:
        """Replace a damaged file."""
        try:
            path.unlink(missing_ok=True)
            return self._open(path)
        except (OSError, sqlite3.Error):
            return None

    def get(self, key: str, compute: Callable[[], Any]) -> Any:
        """The JSON value kept under ``key``, else what ``compute`` gives, which is kept."""
        found = self._find(key)
        if found is not None:
            return json.loads(found)
        value = compute()
        self._keep(key, json.dumps(value))
        return value

    def _find(self, key: str) -> str | None:
        if self._database is None:
            return None
        try:
            with self._lock:
                row = self._database.execute("select value from results where key = ?", (key,)).fetchone()
        except sqlite3.Error:
            return None
        if row is not None:
            self._used.append(key)
        return str(row[0]) if row else None

    def _keep(self, key: str, value: str) -> None:
        if self._database is None:
            return
        try:
            with self._lock:
                row = (key, value, int(time.time()))
                self._database.execute("insert or replace into results values (?, ?, ?)", row)
        except sqlite3.Error:
            return

    def save(self) -> None:
        """Commit, and forget what no report asked for in a long time."""
        if self._database is None:
            return
        now = int(time.time())
        try:
            with self._lock:
                self._database.executemany("update results set used = ? where key = ?", [(now, k) for k in self._used])
                self._database.execute("delete from results where used < ?", (now - DAYS * 86400,))
                self._database.commit()
        except sqlite3.Error:
            return
        finally:
            self._used.clear()


@cache
def _store(path: Path) -> Remembered:
    return Remembered(path)


def store() -> Remembered:
    """The store in the cache folder of this process."""
    return _store(cache_root() / "report" / "results.sqlite")


def remembered(module: str, name: str, arguments: Sequence[bytes | str], compute: Callable[[], Any]) -> Any:
    """A JSON result of ``module`` (its code is part of the key), computed where it is not known yet.

    Args:
        name: what is computed; ``arguments``: everything it depends on beside the code.
    """
    return store().get(sha256_of(code_of(module), name, *arguments), compute)
