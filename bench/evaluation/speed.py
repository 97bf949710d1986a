"""How fast a method animates and what it costs: frames per second, parameters, FLOPs and peak memory.

Measured on the first pair of a protocol, after a warm-up, as the median over rounds. The generator alone is the
method's ``animate`` on tensors that are in memory and a photo that is encoded; end to end adds reading frames and
annotations from the data set (rendered, decoded and detected ones come from its cache), encoding the photo, and the
checked uint8 frames. Published speeds mix the two and leave out pose detectors: a number without its split compares
with nothing.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.graph import increment_version
from torch.utils.flop_counter import FlopCounterMode

from bench.driving import batch_of
from bench.evaluation.memory import PeakMemory
from bench.generate import Rendering, animate_trial, photo_of
from datasets.base import Dataset, Pair, Trial
from datasets.clips import SubClip
from methods.base import AnimateOptions

if TYPE_CHECKING:
    from torch import Tensor

    from methods.base import Driving, Method

ROUNDS = 5
#: Seconds for the rounds of all measurements together; a slower method gets fewer rounds, never less than one.
BUDGET_S = 3.0
_PROBED, _FEWEST, _MOST = 4, 4, 200  # frames
_WARM_UP = 50  # frames, or as many as a round has where that is slow


class LoadedDriving:
    """Driving frames in memory (see :class:`methods.base.Driving`).

    Args:
        batch: ``{"rgb": (T, 3, H, W), "<kind>": (T, ...)}`` on the method's device. fps: of the video.
        most: at most so many frames in a chunk, whatever the method asks for (0: no limit).

    Attributes:
        largest: frames in the largest chunk that was handed out.
    """

    def __init__(self, batch: dict[str, Tensor], fps: float, most: int = 0) -> None:
        self.fps, self.largest, self._batch, self._most = fps, 0, batch, most

    def __len__(self) -> int:
        return len(self._batch["rgb"])

    def first(self, frames: int, most: int = 0) -> LoadedDriving:
        """The first frames alone."""
        return LoadedDriving({name: value[:frames] for name, value in self._batch.items()}, self.fps, most)

    def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Tensor]]:
        """Frames start..stop-1 in order, at most ``size`` (and ``most``) at a time."""
        stop = len(self) if stop is None else min(stop, len(self))
        step = min(size, self._most or size)
        for i in range(start, stop, step):
            chunk = {name: value[i : min(i + step, stop)] for name, value in self._batch.items()}
            self.largest = max(self.largest, len(chunk["rgb"]))
            yield chunk


def measure_speed(
    method: Method,
    dataset: Dataset,
    protocol: str,
    pair: Pair,
    mode: str,
    rendering: Rendering | None = None,
    budget_s: float = BUDGET_S,
) -> dict[str, Any]:
    """Measure a loaded method on one pair.

    Args:
        budget_s: seconds for the rounds together; bounds the number of frames and of rounds.

    Returns:
        ``end_to_end_fps``, ``generator_fps`` (in chunks of ``batch`` frames, as the method asks for them),
        ``generator_fps_batch_1`` (one frame in a chunk), ``encode_seconds`` (the photo, once a video): medians over at
        least ``rounds`` rounds of ``frames`` frames. ``cpu_share``: CPU seconds of this process over ``threads`` times
        the wall-clock of the rounds; far below 1 on a CPU, other processes took the machine and the speeds mean little.
        ``parameters``: of ``networks``, those that animating calls; ``parameters_all``: of all. ``flops_per_frame``,
        ``flops_per_video`` (the photo, and what is done once before the frames): 2 per multiply-add, of convolutions,
        matrix products and attention alone (``torch.utils.flop_counter``). ``peak_memory_bytes`` and, in
        ``peak_memory``, what it is (:class:`bench.evaluation.memory.PeakMemory`); None where it cannot be known.

    Raises:
        MissingInputError, GenerationError: as :func:`bench.generate.animate_trial` does.
    """
    return _Measurement(method, dataset, protocol, pair, mode, rendering or Rendering(), budget_s).run()


def measured(
    load: Callable[[], Method],
    dataset: Dataset,
    protocol: str,
    pair: Pair,
    mode: str,
    rendering: Callable[[], Rendering],
) -> dict[str, Any]:
    """``{"status": "ok", ...}`` as :func:`measure_speed` says, or ``failed`` and the reason.

    A measurement comes after the frames that it could not change, so nothing of it may fail the run that has them.
    """
    try:
        return {"status": "ok", "reason": ""} | measure_speed(load(), dataset, protocol, pair, mode, rendering())
    except Exception as error:  # noqa: BLE001 - the guard of a by-product; an interruption passes
        return {"status": "failed", "reason": f"{type(error).__name__}: {error}"}


class _Measurement:
    """One measurement: a loaded pair and how its frames are animated."""

    def __init__(
        self,
        method: Method,
        dataset: Dataset,
        protocol: str,
        pair: Pair,
        mode: str,
        rendering: Rendering,
        budget_s: float,
    ) -> None:
        self.method, self.dataset, self.protocol, self.pair = method, dataset, protocol, pair
        self.mode, self.rendering, self.budget_s = mode, rendering, budget_s
        self.device = torch.device(rendering.device)
        self.options = AnimateOptions(mode, pair.source == pair.driving, rendering.precision)
        self.frames = min(pair.stop - pair.start, _MOST)
        self.wall = self.cpu = 0.0  # seconds of all rounds
        trial = self._open()
        needs = method.spec.needs
        self.source = batch_of(photo_of(trial, method.spec), self.device)
        self.driving = LoadedDriving(
            batch_of(trial.driving.read(range(self.frames), needs), self.device), trial.driving.fps
        )
        method.nets.eval()

    def run(self) -> dict[str, Any]:
        """Every number."""
        used, memory = _Called(self.method), PeakMemory(self.device)
        with used, memory:
            state = self._encode()
            self._animate(state, self.driving.first(_PROBED))
        probe = self._seconds(lambda: self._animate(state, self.driving.first(_PROBED)))
        self.frames = self._affordable(probe / min(_PROBED, self.frames))
        driving, single = self.driving.first(self.frames), self.driving.first(self.frames, most=1)
        with memory:
            self._animate(state, driving)  # also warms up
        for _ in range(min(_WARM_UP // self.frames, ROUNDS) if probe < self.budget_s / ROUNDS else 0):
            self._animate(state, driving)
        rounds: list[int] = []

        def fps(work: Callable[[], None]) -> float:
            seconds = self._rounds(work)
            rounds.append(len(seconds))
            return _short(self.frames / statistics.median(seconds))

        return {
            "generator_fps": fps(lambda: self._animate(state, driving)),
            "generator_fps_batch_1": fps(lambda: self._animate(state, single)),
            "end_to_end_fps": fps(self._end_to_end),
            "encode_seconds": _short(statistics.median(self._rounds(self._encode))),
            "batch": driving.largest,
            "frames": self.frames,
            "rounds": min(rounds),
            "cpu_share": _short(self.cpu / (self.wall * torch.get_num_threads())),
            **self._flops(state),
            **used.parameters(),
            "peak_memory_bytes": memory.bytes,
            "peak_memory": memory.meaning,
            "device": device_name(self.device),
            "threads": torch.get_num_threads(),
            "precision": self.rendering.precision,
            "size": self.dataset.size,
            "protocol": self.protocol,
            "pair": self.pair.id,
            "mode": self.mode,
        }

    # -- what is timed -----------------------------------------------------------------------------------------------
    def _encode(self) -> Any:
        with torch.inference_mode():
            return self.method.encode(self.source)

    def _animate(self, state: Any, driving: Driving) -> None:
        stream = iter(self.method.animate(state, driving, self.options))
        with torch.inference_mode():
            for _ in stream:
                pass

    def _end_to_end(self) -> None:
        stream = animate_trial(
            self.method, self._open(), self.mode, self.dataset.size, self.rendering, self.options.self_driven
        )
        for _ in stream:
            pass

    def _open(self) -> Trial:
        """The pair, opened anew, with the frames that a round has."""
        trial = self.dataset.open(self.protocol, self.pair)
        return replace(trial, driving=SubClip(trial.driving, 0, self.frames))

    def _flops(self, state: Any) -> dict[str, int]:
        """What one more frame costs, and what a video costs before its frames."""
        n = min(_PROBED, self.frames)
        some, half = (self._animation_flops(state, k) for k in (n, n // 2))
        frame = (some - half) // (n - n // 2)
        return {"flops_per_frame": frame, "flops_per_video": _flops(self._encode) + some - n * frame}

    def _animation_flops(self, state: Any, frames: int) -> int:
        return _flops(lambda: self._animate(state, self.driving.first(frames))) if frames else 0

    # -- how it is timed ---------------------------------------------------------------------------------------------
    def _seconds(self, work: Callable[[], Any]) -> float:
        self._wait()
        begun, cpu = time.perf_counter(), time.process_time()
        work()
        self._wait()
        seconds = time.perf_counter() - begun
        self.wall, self.cpu = self.wall + seconds, self.cpu + time.process_time() - cpu
        return seconds

    def _rounds(self, work: Callable[[], Any]) -> list[float]:
        seconds: list[float] = []
        while len(seconds) < ROUNDS and (not seconds or sum(seconds) < self.budget_s / 3):
            seconds.append(self._seconds(work))
        return seconds

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _affordable(self, seconds_a_frame: float) -> int:
        """Frames of a round, so that all rounds of the three measurements fit into the budget."""
        affordable = int(self.budget_s / (3 * ROUNDS * max(seconds_a_frame, 1e-6)))
        return min(self.frames, max(affordable, _FEWEST))


class _Called:
    """Which networks of a method run inside the block.

    A method may animate with copies of its networks, which it makes again when their tensors have changed: so they
    count as changed at both ends of the block, and copies of this time carry the hooks.
    """

    def __init__(self, method: Method) -> None:
        self._method = method
        self._names: set[str] = set()
        self._handles: list[Any] = []

    def __enter__(self) -> _Called:
        for name, net in self._method.nets.items():
            for module in net.modules():
                self._handles.append(module.register_forward_pre_hook(lambda *_, name=name: self._names.add(name)))
        self._touch()
        return self

    def __exit__(self, *exception: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._touch()

    def _touch(self) -> None:
        increment_version([*self._method.nets.parameters(), *self._method.nets.buffers()])

    def parameters(self) -> dict[str, Any]:
        """``parameters`` of ``networks``, and ``parameters_all``; a shared one counts once."""
        nets = self._method.nets
        called = {id(p): p.numel() for name in self._names for p in nets[name].parameters()}
        every = sum(p.numel() for p in nets.parameters())
        return {"parameters": sum(called.values()), "parameters_all": every, "networks": sorted(self._names)}


def _flops(work: Callable[[], Any]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def device_name(device: torch.device) -> str:
    """Model of the GPU or of the CPU, as far as the system tells."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not on every system
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"cpu ({next(iter(named), '') or platform.processor() or platform.machine()})"
