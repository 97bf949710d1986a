"""Generate every pair of a protocol: frames are streamed from the method to lossless PNG files and a preview.

A pair's folder appears whole or not at all (a temporary folder, then a rename), with ``frames.json`` that states the
number of frames and the SHA-256 of their bytes. So a killed run goes on with the pair it was at, and a damaged one is
found and made again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from bench.driving import ClipDriving, batch_of, rgb_tensor, uint8_frames
from datasets.base import Array, Clip, Dataset, Pair, Trial
from datasets.errors import GenerationError, MissingInputError, SuiteError
from datasets.files import atomic_path, read_json, sha256_of, storage_errors, sweep_temporaries, write_json
from datasets.video_write import FRAME_NAME, write_mp4
from methods.base import AnimateOptions

if TYPE_CHECKING:
    from torch import Tensor

    from methods.base import Driving, Method

Progress = Callable[[int, int, str], None]
MANIFEST = "frames.json"
PREVIEW = "preview.mp4"
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
    source = batch_of(_require(trial, spec.needs), rendering.device)
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


def _require(trial: Trial, needs: frozenset[str]) -> Any:
    missing = sorted((needs - set(trial.source.annotations)) | (needs - trial.driving.kinds))
    if missing:
        raise MissingInputError(
            f"pair {trial.pair.id} has no annotation {missing[0]!r}", "use a data set that has it (bench list datasets)"
        )
    return type(trial.source)(trial.source.rgb, {k: v for k, v in trial.source.annotations.items() if k in needs})


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
            self_driven = pair.source == pair.driving
            stream = animate_trial(method, trial, mode, dataset.size, rendering, self_driven)
            about = {"method": method.spec.name, "mode": mode, "pair": pair.id, "protocol": protocol, "generated": True}
            write_pair(folder, stream, trial.driving.fps, about)
        frames += pair.stop - pair.start
        progress(i + 1, len(pairs), f"generate {protocol}")
    return frames


def write_pair(folder: Path, frames: Iterator[Array], fps: float, about: Mapping[str, Any]) -> None:
    """Write frames as ``%06d.png`` with a preview beside; the folder appears when it is whole.

    Raises:
        StorageError: full disk, or a folder that cannot be written.
    """
    _replace(folder, lambda new: _write_frames(new, frames, fps, about))


def _replace(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder and put it in the place of what may lie at ``folder``."""
    if folder.exists():
        shutil.rmtree(folder)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        fill(temporary)


def _write_frames(
    folder: Path,
    frames: Iterator[Array],
    fps: float = 0.0,
    about: Mapping[str, Any] | None = None,
    first_scored: int = 0,
) -> None:
    """PNG files and their manifest; a preview too where ``fps`` is given.

    ``first_scored`` is stated by references, so that ``bench evaluate`` on the stored frames gives the run's values.
    """
    hasher = hashlib.sha256()
    stream = _record(folder, frames, hasher)
    count = write_mp4(folder / PREVIEW, stream, fps, about) if fps else sum(1 for _ in stream)
    write_json(folder / MANIFEST, {"frames": count, "sha256": hasher.hexdigest(), "first_scored": first_scored})


def _record(folder: Path, frames: Iterator[Array], hasher: hashlib._Hash) -> Iterator[Array]:
    """Pass frames on, leaving each as a PNG file; level 1, since it is fast and a run writes thousands."""
    for i, frame in enumerate(frames):
        data = cv2.imencode(".png", frame[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
        hasher.update(data)
        with storage_errors(folder):
            (folder / FRAME_NAME.format(i)).write_bytes(data)
        yield frame


def is_whole(folder: Path) -> bool:
    """Whether a pair's folder holds the frames that its manifest states, byte for byte."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        manifest = read_json(folder / MANIFEST)
        hasher = hashlib.sha256()
        for i in range(int(manifest["frames"])):
            hasher.update((folder / FRAME_NAME.format(i)).read_bytes())
    except (SuiteError, OSError, KeyError, TypeError, ValueError):
        return False
    return bool(hasher.hexdigest() == manifest["sha256"])


def read_pair(folder: Path) -> Iterator[Array]:
    """The frames of a pair's folder, (H, W, 3) uint8, in order.

    Raises:
        GenerationError: a frame is missing or cannot be read.
    """
    for i in range(int(read_json(folder / MANIFEST)["frames"])):
        image = cv2.imread(str(folder / FRAME_NAME.format(i)), cv2.IMREAD_COLOR)
        if image is None:
            raise GenerationError(f"{folder / FRAME_NAME.format(i)} cannot be read", "run the same command again")
        yield np.ascontiguousarray(image[..., ::-1])


# -- what every run of a dataset shares --------------------------------------------------------------------------
def write_references(
    dataset: Dataset,
    protocol: str,
    pairs: Sequence[Pair],
    out: Path,
    progress: Progress = lambda done, total, what: None,
) -> None:
    """Write what every run is compared with, once for all runs of a data set.

    ``out/<pair>/`` gets ``source.png``, ``driving.mp4`` and, where there is a truth, ``reference.mp4``;
    ``out/frames/<pair>/`` gets the truth's lossless frames, so that ``bench evaluate`` can read them.
    """
    sweep_temporaries(out, older_than_s=600)  # another run may be writing here
    for i, pair in enumerate(pairs):
        if not is_whole(out / pair.id):
            about = {"pair": pair.id, "protocol": protocol, "generated": False}
            _write_reference(out, dataset.open(protocol, pair), about)
        progress(i + 1, len(pairs), f"references of {protocol}")


def _write_reference(out: Path, trial: Trial, about: Mapping[str, Any]) -> None:
    fps, truth = trial.driving.fps, trial.reference
    if truth is not None and not is_whole(out / "frames" / trial.pair.id):
        skip = trial.pair.first_scored
        _replace(out / "frames" / trial.pair.id, lambda new: _write_frames(new, _frames(truth), first_scored=skip))

    def fill(folder: Path) -> None:
        write_mp4(folder / "driving.mp4", _frames(trial.driving), fps, about)
        if truth is not None:
            write_mp4(folder / "reference.mp4", _frames(truth), fps, about)
        cv2.imwrite(str(folder / "source.png"), trial.source.rgb[0][..., ::-1])
        write_json(folder / MANIFEST, {"frames": 0, "sha256": hashlib.sha256().hexdigest()})

    _replace(out / trial.pair.id, fill)


def _frames(clip: Clip) -> Iterator[Array]:
    return (frame for stack in clip.stream() for frame in stack.rgb)
