"""Generate every pair of a protocol: frames are streamed from the method to disk, each one checked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.command.method import CommandMethod
from bench.driving import ClipDriving, batch_of, rgb_tensor, uint8_frames
from bench.exchange.taken import take
from bench.frames import is_whole, write_pair
from datasets.base import Array, Dataset, FrameStack, Pair, Trial
from datasets.errors import GenerationError, MissingInputError
from datasets.files import sha256_of, sweep_temporaries
from methods.base import AnimateOptions

if TYPE_CHECKING:
    from torch import Tensor

    from methods.base import Driving, Method, MethodSpec

Progress = Callable[[int, int, str], None]
_SLACK = 1e-3  # a bf16 sigmoid may end a rounding step outside [0, 1]


@dataclass(frozen=True)
class Rendering:
    """How frames are computed: the device, and ``fp32`` or ``bf16``.

    The precision is handed to the method (:class:`methods.base.AnimateOptions`), which knows what must stay in float32.
    """

    device: torch.device | str = "cpu"
    precision: str = "fp32"


def animate(
    method: Method,
    source: Mapping[str, Tensor],
    driving: Driving,
    options: AnimateOptions,
    size: tuple[int, int],
    what: str = "",
) -> Iterator[Array]:
    """Animate one photo; checks every frame.

    Args:
        source: ``{"rgb": (1, 3, H, W) in [0, 1], "<kind>": (1, ...)}`` on the method's device.
        size: (H, W) that the frames must have.
        what: the pair's name for messages.

    Yields:
        (H, W, 3) uint8 frames, floor(255 x + 0.5), ``len(driving)`` in all.

    Raises:
        GenerationError: wrong number of frames, shape or range, or values that are not finite.
    """
    name = f"method {method.spec.name!r}, pair {what or 'source'!r}"
    method.nets.eval()
    with torch.inference_mode():
        state = method.encode(source)
    stream = iter(method.animate(state, driving, options))
    done, total = 0, len(driving)
    while True:
        with torch.inference_mode():  # around each chunk, so that no mode leaks to whoever consumes the frames
            chunk = next(stream, None)
            if chunk is None:
                break
            frames = uint8_frames(_checked(chunk, size, name))
        done += len(frames)
        if done > total:
            break
        yield from frames
    if done != total:
        raise GenerationError(f"{name}: expected {total} frames, got {'more' if done > total else done}")


def _checked(chunk: Any, size: tuple[int, int], name: str) -> Tensor:
    """The chunk, if it is (n, 3, *size), finite and in [0, 1]."""
    if not isinstance(chunk, torch.Tensor) or not chunk.is_floating_point():
        got = f"a {chunk.dtype} tensor" if isinstance(chunk, torch.Tensor) else type(chunk).__name__
        raise GenerationError(f"{name}: expected a float tensor of frames, got {got}")
    if chunk.ndim != 4 or tuple(chunk.shape[1:]) != (3, *size):
        raise GenerationError(
            f"{name}: expected frames of shape (n, 3, {size[0]}, {size[1]}), got {tuple(chunk.shape)}"
        )
    low, high = (float(v) for v in torch.aminmax(chunk)) if chunk.numel() else (0.0, 0.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise GenerationError(f"{name}: expected finite values, got NaN or infinity")
    if low < -_SLACK or high > 1 + _SLACK:
        raise GenerationError(f"{name}: expected values in [0, 1], got {low:.4g} to {high:.4g}")
    return chunk


# -- one trial ---------------------------------------------------------------------------------------------------
def animate_trial(
    method: Method, trial: Trial, mode: str, size: int, rendering: Rendering | None = None, self_driven: bool = False
) -> Iterator[Array]:
    """Animate an opened pair with what the method's card asks for: annotations, or an oracle for a sanity row.

    Raises:
        MissingInputError: the data has no such annotation or oracle.
        GenerationError: see :func:`animate`.
    """
    rendering, spec = rendering or Rendering(), method.spec
    source = batch_of(photo_of(trial, spec), rendering.device)
    oracle = None
    if spec.oracle == "background":
        if trial.source_background is None:
            raise MissingInputError(f"pair {trial.pair.id} has no background for {spec.name}")
        source["background"] = rgb_tensor(trial.source_background()[None], rendering.device)
    elif spec.oracle:
        if spec.oracle not in trial.oracles:
            raise MissingInputError(f"pair {trial.pair.id} has no {spec.oracle!r} rendering for {spec.name}")
        oracle = trial.oracles[spec.oracle]()
    driving = ClipDriving(trial.driving, spec.needs, rendering.device, oracle)
    torch.manual_seed(int(sha256_of(trial.pair.id)[:8], 16))  # by pair, so that the order of pairs does not matter
    options = AnimateOptions(mode, self_driven, rendering.precision)
    yield from animate(method, source, driving, options, (size, size), trial.pair.id)


def photo_of(trial: Trial, spec: MethodSpec) -> FrameStack:
    """The photo of a trial with the annotations that a card needs, and those it uses where there are any.

    Raises:
        MissingInputError: photo or driving video has no annotation of a needed kind.
    """
    needs = spec.needs
    missing = sorted((needs - set(trial.source.annotations)) | (needs - trial.driving.kinds))
    if missing:
        raise MissingInputError(
            f"pair {trial.pair.id} has no annotation {missing[0]!r}", "use a data set that has it (bench list datasets)"
        )
    given = needs | (spec.uses & set(trial.source.annotations))
    return FrameStack(trial.source.rgb, {kind: trial.source.annotations[kind] for kind in sorted(given)})


# -- a protocol --------------------------------------------------------------------------------------------------
def generate(
    method: Method,
    dataset: Dataset,
    protocol: str,
    pairs: Sequence[Pair],
    mode: str,
    out: Path,
    rendering: Rendering | None = None,
    progress: Progress = lambda done, total, what: None,
) -> int:
    """Generate ``pairs`` into ``out/<pair>/``; pairs that are there and whole are kept.

    Returns:
        The number of frames of all pairs, generated now or before.

    Raises:
        GenerationError, MissingInputError: see :func:`animate_trial`.
        StorageError: the frames cannot be written.
    """
    sweep_temporaries(out, older_than_s=0)
    frames = 0
    for i, pair in enumerate(pairs):
        folder = out / pair.id
        if not is_whole(folder):
            trial = dataset.open(protocol, pair)
            about = {"method": method.spec.name, "mode": mode, "pair": pair.id, "protocol": protocol, "generated": True}
            if isinstance(method, CommandMethod):  # a frame that a program did not deliver is coverage, no failure
                photo_of(trial, method.spec)
                with tempfile.TemporaryDirectory(prefix="bench-command-") as scratch:
                    prediction = method.predict(trial, mode, Path(scratch))
                    take(folder, prediction, dataset.size, trial.driving.fps, about)
            else:
                self_driven = pair.source == pair.driving
                stream = animate_trial(method, trial, mode, dataset.size, rendering, self_driven)
                write_pair(folder, stream, trial.driving.fps, about)
        frames += pair.stop - pair.start
        progress(i + 1, len(pairs), f"generate {protocol}")
    return frames
