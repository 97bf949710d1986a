"""Tracking of a run: our own JSONL, always, and Weights & Biases beside it, offline unless asked otherwise.

The JSONL file is the truth (one write a line, so a killed process loses nothing that was logged). W&B stands behind a
guard: whatever happens inside it is said once and never reaches training.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

from datasets.errors import UsageError
from datasets.files import safe_name, storage_errors

LOG_NAME = "train.jsonl"
PROJECT = "motion-transfer-bench"
#: Variable that names the W&B group of a run: the matrix or the sweep that it belongs to.
GROUP = "BENCH_GROUP"
#: Beside ConnectionError, what W&B raises (from private modules) where its own process is gone.
_GONE = frozenset({"HandleAbandonedError", "MailboxClosedError"})


class Tracker(Protocol):
    """Where numbers and videos of a run go. ``run`` is the content of ``run.json``."""

    def start(self, run: Mapping[str, Any]) -> None:
        """Begin, or go on after a resume."""

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Scalars of one step."""

    def video(self, path: Path, name: str, step: int) -> None:
        """An encoded video."""

    def finish(self, status: str) -> None:
        """End with the status of the run."""


def open_tracker(kind: str, folder: Path, online: bool = False) -> Tracker:
    """JSONL in ``folder``, and W&B where ``kind`` is ``wandb``.

    Args:
        kind: ``wandb`` or ``none``.
        folder: the run folder; nothing is written anywhere else.
        online: try the W&B server; without one the run is logged offline, with one warning.

    Raises:
        UsageError: another kind.
    """
    log = JsonlTracker(folder / LOG_NAME)
    if kind == "none":
        return log
    if kind == "wandb":
        return MultiTracker([log, Guard(WandbTracker(folder, online), "W&B")])
    raise UsageError(f"there is no tracker {kind!r}", "choose --track wandb or none")


# -- JSONL -----------------------------------------------------------------------------------------------------------
class JsonlTracker:
    """``train.jsonl``: one object a line with ``step`` and the metrics, floats exact, NaN and infinities as null.

    Raises:
        StorageError: a line cannot be written (full disk): an untracked run is no run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def start(self, run: Mapping[str, Any]) -> None:
        """Open for appending; half a line that a killed process left is cut off."""
        self._open()

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Append one line."""
        self._append({"step": int(step)} | {key: _number(value) for key, value in metrics.items()})

    def video(self, path: Path, name: str, step: int) -> None:
        """Append a line that names the file."""
        place = path.relative_to(self.path.parent) if path.is_relative_to(self.path.parent) else path
        self._append({"step": int(step), "video": name, "path": place.as_posix()})

    def finish(self, status: str) -> None:
        """Close the file (the status is in ``run.json``)."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            with storage_errors(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
                _cut_torn_line(self._descriptor)
        return self._descriptor

    def _append(self, row: Mapping[str, Any]) -> None:
        data = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()
        with storage_errors(self.path):
            os.write(self._open(), data)


def _cut_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    keep = size
    while keep and os.pread(descriptor, 1, keep - 1) != b"\n":
        keep -= 1
    if keep != size:
        os.ftruncate(descriptor, keep)


def _number(value: Any) -> Any:
    """A JSON value: numpy scalars and zero-dimensional tensors become numbers, what is not finite becomes None."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, int | float | str | None) else str(value)


# -- several, guarded ------------------------------------------------------------------------------------------------
class MultiTracker:
    """Several trackers as one, called in order."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self.trackers = tuple(trackers)

    def start(self, run: Mapping[str, Any]) -> None:
        """Start all."""
        for tracker in self.trackers:
            tracker.start(run)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Log to all."""
        for tracker in self.trackers:
            tracker.log(metrics, step)

    def video(self, path: Path, name: str, step: int) -> None:
        """Hand a video to all."""
        for tracker in self.trackers:
            tracker.video(path, name, step)

    def finish(self, status: str) -> None:
        """Finish all."""
        for tracker in self.trackers:
            tracker.finish(status)


class Guard:
    """Keeps a tracker's failures away from the run: the first one is said, then the tracker is left alone."""

    def __init__(self, tracker: Tracker, name: str, warn: Callable[[str], None] | None = None) -> None:
        self.tracker: Tracker | None = tracker
        self._name, self._warn = name, warn or _warn

    def start(self, run: Mapping[str, Any]) -> None:
        """Start, or give up."""
        self._call("start", run)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Log, or give up."""
        self._call("log", metrics, step)

    def video(self, path: Path, name: str, step: int) -> None:
        """Hand over, or give up."""
        self._call("video", path, name, step)

    def finish(self, status: str) -> None:
        """Finish, or give up."""
        self._call("finish", status)

    def _call(self, action: str, *args: Any) -> None:
        if self.tracker is None:
            return
        try:
            getattr(self.tracker, action)(*args)
        except Exception as error:  # noqa: BLE001 - the tracker guard: nothing of a tracker may reach training
            tracker, self.tracker = self.tracker, None
            abandon = getattr(tracker, "abandon", None)
            if callable(abandon):
                abandon(error)
            text = str(error).splitlines()
            self._warn(f"{self._name} tracking stopped ({type(error).__name__}{': ' + text[0] if text else ''}); "
                       f"the run goes on, its log is {LOG_NAME}")  # fmt: skip


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)


# -- W&B -------------------------------------------------------------------------------------------------------------
class WandbTracker:
    """Weights & Biases with everything inside the run folder: no account, no look-up of any host, nothing about the
    machine, unless ``online``. Use it behind a :class:`Guard`.

    Resuming: offline W&B checks nothing, so the id is a function of the run and every step is given explicitly; the
    parts of one id are merged when the user syncs them.
    """

    def __init__(self, folder: Path, online: bool = False, init_timeout: float = 20.0) -> None:
        self.folder = folder.absolute()
        self._online, self._timeout = online, init_timeout
        self._run: Any = None

    def start(self, run: Mapping[str, Any]) -> None:
        """Begin logging under an id made from the run's place."""
        identifier = safe_name("-".join(self.folder.parts[-3:]), 60).replace("=", "-").replace("@", "-")
        if self._online:
            try:
                self._run = self._init(run, identifier, "online")
                return
            except Exception as error:  # noqa: BLE001 - whatever the server or the login does, offline must follow
                _warn(f"W&B cannot go online ({type(error).__name__}); this run is logged offline")
                identifier += "-offline"  # W&B's own process still holds the first one
        self._run = self._init(run, identifier, "offline")

    def _init(self, run: Mapping[str, Any], identifier: str, mode: Literal["online", "offline"]) -> Any:
        os.environ.update(self._environment(mode))  # before the import: W&B reads some of it only once
        import wandb

        wanted: dict[str, Any] = {
            "console": "off", "symlink": False, "disable_git": True, "save_code": False, "x_disable_stats": True,
            "x_disable_machine_info": True, "x_disable_meta": True, "x_save_requirements": False, "host": "-",
            "x_transaction_log_flush_interval": 2.0, "init_timeout": self._timeout,
            "login_timeout": max(1, int(self._timeout)), "silent": True,
        }  # fmt: skip
        known = {key: value for key, value in wanted.items() if key in wandb.Settings.model_fields}
        return wandb.init(
            project=PROJECT,
            id=identifier,
            name="/".join(self.folder.parts[-3:])[:120],
            group=safe_name(os.environ[GROUP], 60) if os.environ.get(GROUP) else None,
            dir=str(self.folder),
            config=json.loads(json.dumps(dict(run), default=str)),
            mode=mode,
            resume="allow" if mode == "online" else None,
            settings=wandb.Settings(**known),
        )

    def _environment(self, mode: str) -> dict[str, str]:
        inside = {"WANDB_DIR": "", "WANDB_CACHE_DIR": "cache", "WANDB_DATA_DIR": "data", "WANDB_CONFIG_DIR": "config"}
        places = {name: str(self.folder / "wandb" / part if part else self.folder) for name, part in inside.items()}
        return places | {"WANDB_MODE": mode, "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Log scalars."""
        if self._run is not None:
            self._run.log({key: _number(value) for key, value in metrics.items()}, step=step)

    def video(self, path: Path, name: str, step: int) -> None:
        """Log an mp4 by its path (W&B's own encoder needs another package)."""
        if self._run is not None:
            import wandb

            self._run.log({name: wandb.Video(str(path), format="mp4")}, step=step)

    def finish(self, status: str) -> None:
        """End the W&B run; any status but ``complete`` counts as failed there."""
        if self._run is not None:
            self._run.finish(exit_code=0 if status == "complete" else 1)
            self._run = None

    def abandon(self, error: Exception) -> None:
        """After a failure: let go of the run. Where W&B's own process is gone, its exit hook would only print a
        traceback about that at the end, so it is taken down now."""
        self._run = None
        if isinstance(error, ConnectionError) or type(error).__name__ in _GONE:
            import wandb

            with suppress(Exception):
                wandb.teardown()
