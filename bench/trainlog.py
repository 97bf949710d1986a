"""``train.jsonl`` across attempts: a resumed training drops the lines it will write again, so each step stands once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from bench.tracking import LOG_NAME, Tracker


class TrainLog:
    """Where training logs to; without a tracker (on all ranks but 0) it does nothing."""

    def __init__(self, folder: Path, tracker: Tracker | None) -> None:
        self._path = folder / LOG_NAME
        self._tracker = tracker

    def write(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the scalars of a step (counted over all stages)."""
        if self._tracker is not None:
            self._tracker.log(metrics, step)

    def rewind(self, step: int) -> None:
        """Cut the log behind the last line of ``step``. In place, since the tracker may already hold the file open."""
        if self._tracker is None or not self._path.is_file():
            return
        keep = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n") or _step_of(line) > step:
                break
            keep += len(line)
        os.truncate(self._path, keep)


def _step_of(line: bytes) -> float:
    """The step of a line; infinity for a line that cannot be read."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
