"""Run folders: ``runs/<dataset slug>/<method>[+variant]/<preset>-s<seed>-<identity 8>/``.

``run.json`` is the record. It is written atomically with its checksum beside it (``run.json.sha256``) and verified on
every read, so that a truncated or hand-edited record is reported as invalid instead of being believed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.locks import folder_lock
from datasets.errors import MissingInputError, StorageError, SuiteError, UsageError
from datasets.files import (
    atomic_path,
    canonical_json,
    checked_path,
    free_bytes,
    safe_name,
    stated_checksums,
    storage_errors,
)

if TYPE_CHECKING:
    from bench.spec import Run

SCHEMA = 1
#: Status of a run (a contract); ``invalid`` is only ever shown, for a record that cannot be believed.
STATUSES = ("complete", "running", "interrupted", "diverged", "oom", "timeout", "crashed", "missing-input")
#: Less than this and a run cannot even store its first checkpoints.
LEAST_FREE_BYTES = 32 * 2**20
_PROBE_BYTES = 2**20
_READS = 4
_REMAKE = "the same bench run command with --no-resume moves the old folder aside and makes it again"


class RunFolder:
    """One run folder; making the object touches nothing on disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    # -- places ------------------------------------------------------------------------------------------------------
    @property
    def json_path(self) -> Path:
        """``run.json``."""
        return self.path / "run.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def scores_path(self) -> Path:
        """``scores.parquet``."""
        return self.path / "scores.parquet"

    def generated(self, protocol: str, mode: str = "") -> Path:
        """Folder of a protocol's generated frames, one folder a pair in it; ``mode`` only where it is not the run's."""
        return self.path / "generated" / (safe_name(protocol) + (f"[{safe_name(mode)}]" if mode else ""))

    # -- the record --------------------------------------------------------------------------------------------------
    @property
    def json(self) -> dict[str, Any]:
        """The verified record.

        Raises:
            MissingInputError: there is none.
            SuiteError: it is damaged, was edited by hand, or comes from a newer version.
        """
        for attempt in range(_READS):
            record, data = self._read()
            if hashlib.sha256(data).hexdigest() in stated_checksums(self.json_path):
                return record
            time.sleep(0.02 * attempt)  # a writer may have replaced the record between the two reads
        raise SuiteError(f"{self.json_path} does not match its checksum: it was edited or damaged", _REMAKE)

    def _read(self) -> tuple[dict[str, Any], bytes]:
        try:
            data = self.json_path.read_bytes()
            record = json.loads(data)
        except FileNotFoundError:
            raise MissingInputError(f"{self.path} has no run.json", "bench list runs shows what there is") from None
        except ValueError as error:
            raise SuiteError(f"{self.json_path} is damaged: {error}", _REMAKE) from None
        if not isinstance(record, dict) or not isinstance(record.get("schema"), int):
            raise SuiteError(f"{self.json_path} is not the record of a run")
        if record["schema"] > SCHEMA:
            raise SuiteError(f"{self.json_path} was written by a newer version (schema {record['schema']})", "update")
        return record, data

    @property
    def exists(self) -> bool:
        """Whether there is a record, valid or not."""
        return self.json_path.is_file()

    @property
    def problem(self) -> str:
        """Why the record cannot be believed; "" where it can."""
        try:
            self.json  # noqa: B018 - reading verifies
        except SuiteError as error:
            return error.message
        except OSError as error:
            return f"{self.json_path} cannot be read: {error.strerror}"
        return ""

    @property
    def summary(self) -> dict[str, Any]:
        """The record, or where it is invalid what the folder's place says, with ``status`` ``invalid`` and the reason:
        always good enough to be shown as a row."""
        problem = self.problem
        if not problem:
            return self.json
        slug, name, leaf = ["?", "?", "?", *self.path.absolute().parts][-3:]
        method, _, variant = name.partition("+")
        preset, _, rest = leaf.partition("-s")
        seed = rest.partition("-")[0]
        return {
            "schema": SCHEMA, "method": method, "variant": variant, "mode": "", "dataset": slug, "dataset_slug": slug,
            "preset": preset, "seed": int(seed) if seed.isdecimal() else -1, "status": "invalid", "reason": problem,
        }  # fmt: skip

    def update(self, **fields: Any) -> dict[str, Any]:
        """Change top-level fields of the record and write it; returns the new record.

        Raises:
            SuiteError: the record on disk is invalid. StorageError: it cannot be written.
        """
        if "status" in fields and fields["status"] not in STATUSES:
            raise ValueError(f"unknown status {fields['status']!r}")
        record = self.json | fields
        self.write(record)
        return record

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a whole record.

        Killed at any moment, the record on disk stays valid.
        """
        text = json.dumps(json.loads(canonical_json(record)), indent=2, ensure_ascii=False) + "\n"
        with checked_path(self.json_path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def lock(self) -> AbstractContextManager[None]:
        """Hold this folder alone; see :func:`bench.locks.folder_lock`."""
        return folder_lock(self.path)


# -- all runs --------------------------------------------------------------------------------------------------------
def read_runs(root: str | Path) -> list[RunFolder]:
    """Every run folder below ``root`` in a fixed order, invalid ones included (ask :attr:`RunFolder.problem`).

    Folders that were moved aside (``<name>.old-<n>``) are left out; a missing root has no runs.
    """
    found = (p.parent for p in Path(root).glob("*/*/*/run.json") if ".old-" not in p.parent.name)
    return [RunFolder(p) for p in sorted(found)]


def find_run(root: str | Path, text: str) -> RunFolder:
    """The run that a user names: a path, a place below ``root``, or a part of such a place that only one run has.

    Raises:
        UsageError: no run, or several, go by that name.
    """
    for path in (Path(text), Path(root) / text):
        if (path / "run.json").is_file():
            return RunFolder(path)
    places = {run.path.relative_to(root).as_posix(): run for run in read_runs(root)}
    hits = [place for place in places if text in place]
    if len(hits) == 1:
        return places[hits[0]]
    if hits:
        raise UsageError(f"{len(hits)} runs go by {text!r}", f"say more of it: {', '.join(hits[:5])}")
    raise UsageError(f"there is no run {text!r} below {root}", "bench list runs shows what there is")


# -- opening one -----------------------------------------------------------------------------------------------------
def preflight(folder: Path) -> None:
    """Find out before any work whether a run can be stored.

    Raises:
        StorageError: the folder cannot be made or written, or the disk, quota or file size limit leaves no room.
    """
    probe = folder / "preflight.bin"
    try:
        with atomic_path(probe) as temporary:
            temporary.write_bytes(bytes(_PROBE_BYTES))
        probe.unlink()
    except StorageError as error:
        raise StorageError(error.message.replace(str(probe), str(folder)), error.hint) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise StorageError(f"cannot write {folder}: {reason}", "choose another folder with --runs") from error
    free = free_bytes(folder)
    if free < LEAST_FREE_BYTES:
        raise StorageError(f"cannot store a run in {folder}: only {free:,} bytes are free", "free some space")


def move_aside(folder: Path) -> Path | None:
    """Rename an existing run folder to ``<name>.old-<n>``; returns the new place, None where there was nothing.

    Raises:
        UsageError: a living process holds it. StorageError: it cannot be renamed.
    """
    if not folder.exists():
        return None
    with folder_lock(folder):
        free = (folder.with_name(f"{folder.name}.old-{n}") for n in itertools.count(1))
        target = next(path for path in free if not path.exists())
        with storage_errors(folder):
            folder.rename(target)
    (target / ".lock").unlink(missing_ok=True)
    return target


def open_run(run: Run, resume: bool = True) -> RunFolder:
    """The folder of a resolved run, ready to be written: checked, with a record of status ``running`` where there was
    none. Call it inside :meth:`RunFolder.lock` or take the lock right after.

    Args:
        resume: False moves an existing folder aside first; nothing is ever deleted.

    Raises:
        StorageError: it cannot be written. SuiteError: the record there is invalid.
    """
    from bench.record import new_record

    folder = RunFolder(run.folder)
    if not resume:
        move_aside(run.folder)
    preflight(run.folder)
    if not folder.exists:
        folder.write(new_record(run))
    elif folder.problem:
        raise SuiteError(folder.problem, _REMAKE)
    return folder
