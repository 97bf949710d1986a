"""Write frames to disk: losslessly as PNG files, or as an mp4 preview that carries its provenance."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from datasets.base import Array
from datasets.errors import GenerationError, UsageError
from datasets.files import atomic_path, canonical_json, storage_errors

if TYPE_CHECKING:
    import av

FRAME_NAME = "{:06d}.png"
_FRAME = re.compile(r"\d{6}\.png")
_BT709 = 1  # matrix, primaries and transfer alike in ITU-T H.273


# -- lossless frames ---------------------------------------------------------------------------------------------
def write_frames(folder: str | Path, frames: Iterable[Array]) -> int:
    """Write (H, W, 3) uint8 RGB frames as ``000000.png``, ``000001.png``, ... into a folder that appears when complete.

    An existing folder is replaced only if it is empty or holds nothing but such frames.

    Returns:
        The number of frames.

    Raises:
        UsageError: the folder holds other files.
        StorageError: full disk, or a folder that cannot be written.
    """
    folder = Path(folder)
    _check_replaceable(folder)
    count = 0
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for count, frame in enumerate(frames, start=1):
            _write_png(temporary / FRAME_NAME.format(count - 1), frame)
        if folder.exists():
            shutil.rmtree(folder)
    return count


def _check_replaceable(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file, not a folder for frames", "choose another output")
    other = next((p for p in sorted(folder.iterdir()) if not _FRAME.fullmatch(p.name)), None)
    if other is not None:
        raise UsageError(
            f"{folder} already holds {other.name}, which is no frame of ours", "choose an empty or a new folder"
        )


def _write_png(path: Path, frame: Array) -> None:
    import cv2

    _, encoded = cv2.imencode(".png", frame[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 2])
    with path.open("wb") as file:
        file.write(encoded.tobytes())
        file.flush()
        os.fsync(file.fileno())


# -- mp4 ---------------------------------------------------------------------------------------------------------
def write_mp4(
    path: str | Path,
    frames: Iterable[Array],
    fps: float,
    metadata: Mapping[str, Any] | None = None,
    label: str | None = None,
) -> int:
    """Encode (H, W, 3) uint8 RGB frames as they come; the file appears when complete.

    H.264 (CRF 16) where libx264 is built in, else MPEG-4 part 2; yuv420p, BT.709, one encoder thread and no time stamp,
    so that the same frames give the same bytes with one build of FFmpeg. Odd sides are padded by one repeated row or
    column.

    Args:
        metadata: provenance; stored as canonical JSON in the container's ``comment``.
        label: a small visible text, lower left (scored frames are never marked: mark previews only).

    Returns:
        The number of frames.

    Raises:
        GenerationError: there are no frames, or their size changes.
        StorageError: full disk, or a path that cannot be written.
    """
    path = Path(path)
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise GenerationError(f"there are no frames to write to {path}")
    with atomic_path(path) as temporary:
        return _encode(temporary, path, chain([first], stream), first.shape, fps, metadata or {}, label)


def read_mp4_metadata(path: str | Path) -> str:
    """The ``comment`` of a container (canonical JSON where :func:`write_mp4` made it), empty where there is none."""
    import av

    with av.open(Path(path)) as container:
        return container.metadata.get("comment", "")


def _encode(
    temporary: Path,
    path: Path,
    frames: Iterable[Array],
    shape: tuple[int, ...],
    fps: float,
    metadata: Mapping[str, Any],
    label: str | None,
) -> int:
    import av

    rate = Fraction(fps).limit_denominator(30000)
    count = 0
    # FFmpeg opens the file itself and would report a full disk under its own name.
    with storage_errors(path), temporary.open("wb") as file, av.open(file, "w", format="mp4") as container:
        container.flags |= cast(int, av.container.Flags.bitexact.value)
        if metadata:
            container.metadata["comment"] = canonical_json(metadata)
        stream = _video_stream(container, rate, shape)
        convert = av.video.reformatter.VideoReformatter()  # kept, since making one costs more than converting a frame
        for count, frame in enumerate(frames, start=1):
            if frame.shape != shape:
                raise GenerationError(f"frame {count - 1} for {path} is {frame.shape}, the first one is {shape}")
            picture = av.VideoFrame.from_ndarray(_even(draw_label(frame, label) if label else frame), format="rgb24")
            picture.pts, picture.time_base = count - 1, 1 / rate
            container.mux(stream.encode(convert.reformat(picture, format="yuv420p", dst_colorspace=_BT709)))
        container.mux(stream.encode(None))
    return count


def _video_stream(container: av.container.OutputContainer, rate: Fraction, shape: tuple[int, ...]) -> av.VideoStream:
    import av

    if "libx264" in av.codecs_available:
        # Measured: x264's macroblock tree reads uninitialised memory on small frames, so that one input
        # gave up to 8 different files in 25; without it all 150 of 6 sizes agreed.
        options = {"crf": "16", "preset": "veryfast", "x264-params": "mbtree=0"}
        stream = container.add_stream("libx264", rate=rate, options=options)
    else:
        stream = container.add_stream("mpeg4", rate=rate, options={"qscale": "2"})
    stream.height, stream.width = (side + side % 2 for side in shape[:2])
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.thread_count = 1
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return stream


def _even(frame: Array) -> Array:
    h, w = frame.shape[:2]
    return np.ascontiguousarray(np.pad(frame, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge"))


def draw_label(frame: Array, text: str) -> Array:
    """A copy of an (H, W, 3) uint8 frame with ``text`` small in the lower left, white on a dark outline."""
    import cv2

    out = np.ascontiguousarray(frame).copy()
    h, w = out.shape[:2]
    font, unit = cv2.FONT_HERSHEY_SIMPLEX, 1.0
    (text_width, _), _ = cv2.getTextSize(text, font, unit, 1)
    scale = min(max(0.3, h / 640), 0.9 * w / max(1, text_width))
    origin = (max(1, w // 64), h - max(3, h // 40))
    thickness = max(1, round(scale))
    cv2.putText(out, text, origin, font, scale, (20, 20, 20), thickness + 2, cv2.LINE_AA)
    cv2.putText(out, text, origin, font, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return out
