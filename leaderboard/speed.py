"""What animating costs, as run.json's ``speed`` section says (``bench/evaluation/speed.py`` measures it)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from leaderboard.runs import RunData

#: Below this share of the wall-clock time on its own processor, other work took the machine.
BUSY = 0.7
_UNITS = ("", "K", "M", "G", "T")


@dataclass(frozen=True)
class Speed:
    """The measured section of one run; a number that is not there, or is none, is None.

    Attributes:
        status: ``ok``, ``failed``, or "" where nothing was recorded; ``reason`` says why it failed.
        generator_fps, generator_fps_batch_1, end_to_end_fps: frames per second. batch: frames in a chunk.
        encode_seconds: for the source photo, once a video.
        parameters: of the networks that animating calls; parameters_all: of all.
        flops_per_frame, flops_per_video: 2 a multiply-add. peak_memory_bytes, with what it is in ``peak_memory``.
        cpu_share: CPU seconds over threads times wall-clock; far below 1 on a CPU the speeds mean little.
    """

    status: str
    reason: str
    generator_fps: float | None
    generator_fps_batch_1: float | None
    end_to_end_fps: float | None
    encode_seconds: float | None
    batch: float | None
    frames: float | None
    rounds: float | None
    parameters: float | None
    parameters_all: float | None
    flops_per_frame: float | None
    flops_per_video: float | None
    peak_memory_bytes: float | None
    cpu_share: float | None
    threads: float | None
    size: float | None
    peak_memory: str
    device: str
    precision: str
    protocol: str

    @property
    def ok(self) -> bool:
        """Whether it was measured."""
        return self.status == "ok"

    @property
    def busy(self) -> bool:
        """Whether other processes took the processor while it was measured."""
        return self.device.startswith("cpu") and self.cpu_share is not None and self.cpu_share < BUSY

    @property
    def overhead(self) -> float | None:
        """Share of the end-to-end time that is not the generator; None where it cannot be told."""
        if not self.generator_fps or not self.end_to_end_fps:
            return None
        return max(0.0, 1 - self.end_to_end_fps / self.generator_fps)


def speed_of(run: RunData) -> Speed:
    """The section of a run, whatever a foreign run.json holds there."""
    found = run.section("speed")

    def value(name: str) -> float | None:
        number = found.get(name)
        known = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        return float(number) if known and number >= 0 else None  # type: ignore[operator,arg-type]

    def text(name: str) -> str:
        return str(found.get(name) or "")

    fields = Speed.__dataclass_fields__.items()
    return Speed(**{n: text(n) if f.type == "str" else value(n) for n, f in fields})  # type: ignore[arg-type]


def first_measured(runs: Iterable[RunData]) -> Speed | None:
    """Of the training seeds of one row the first that was measured, else the first that says why it was not."""
    speeds = [speed for run in runs if (speed := speed_of(run)).status]
    return next((s for s in speeds if s.ok), next(iter(speeds), None))


def short(number: float | None, unit: str = "", step: float = 1000.0) -> str:
    """A number from 0 on with three digits and K, M, G or T (``1.51 M``, ``23.4``); "–" for none."""
    if number is None:
        return "–"
    at = 0
    while float(f"{number:.3g}") >= step and at < len(_UNITS) - 1:
        number, at = number / step, at + 1
    return f"{number:#.3g}".rstrip(".") + (f" {_UNITS[at]}{unit}" if _UNITS[at] or unit else "")
