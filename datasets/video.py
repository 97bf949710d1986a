"""Videos as streams of RGB frames, one frame in memory at a time.

What is a video: a file (``.mp4 .mov .gif .webm .mkv``), a folder of ``.png``/``.jpg`` frames in natural order, or a
wide ``.png``/``.jpg`` strip of square frames side by side (a square image is one frame; an image whose width is no
multiple of its height is one frame of that shape).

Every frame comes as (H, W, 3) uint8 RGB, as displayed: grey is spread to RGB, transparency is laid on white, 10-bit
and more is reduced to 8, rotation metadata (video and EXIF) is applied. Pixels are taken as square.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from datasets.base import Array
from datasets.errors import CorruptVideoError, MissingInputError, UsageError
from datasets.letterbox import letterbox, unletterbox
from datasets.video_write import write_frames, write_mp4

if TYPE_CHECKING:
    import av
    from PIL import Image

__all__ = [
    "Video",
    "is_video",
    "letterbox",
    "natural_key",
    "open_video",
    "probe",
    "read_image",
    "unletterbox",
    "write_frames",
    "write_mp4",
]

VIDEO_SUFFIXES = (".mp4", ".mov", ".gif", ".webm", ".mkv")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
#: Frames per second of folders and strips, which do not say.
DEFAULT_FPS = 25.0
#: A container that announces more frames than this share delivers is truncated (edit lists hide a few frames).
_COMPLETE = 0.9


@dataclass(frozen=True)
class Video:
    """A video that can be iterated again and again; each iteration decodes anew and holds one frame.

    Attributes:
        path: the file or folder.
        kind: ``container``, ``frames`` or ``strip``.
        fps: frames per second (``DEFAULT_FPS`` for frames and strips).
        size: (H, W) in pixels, as displayed.
        n_frames: number of frames; None where the container does not say, and its claim where it does.
    """

    path: Path
    kind: str
    fps: float
    size: tuple[int, int]
    n_frames: int | None

    def __iter__(self) -> Iterator[Array]:
        """(H, W, 3) uint8 RGB frames in order. Raises CorruptVideoError naming the frame that cannot be read."""
        read = {"container": _container_frames, "frames": _folder_frames, "strip": _strip_frames}[self.kind]
        index = -1
        for index, frame in enumerate(read(self.path)):
            if frame.shape[:2] != self.size:
                h, w = frame.shape[:2]
                raise CorruptVideoError(
                    f"{self.path}: frame {index} is {w}x{h}, but the first one is {self.size[1]}x{self.size[0]}",
                    "all frames of a video must have one size",
                )
            yield frame
        if self.n_frames is not None and index + 1 < _COMPLETE * self.n_frames:
            raise CorruptVideoError(f"{self.path} is cut short: {index + 1} of {self.n_frames} frames can be read")


# -- opening -----------------------------------------------------------------------------------------------------
def open_video(path: str | Path) -> Video:
    """Open a video file, a folder of frames or a strip, and decode its first frame.

    Raises:
        MissingInputError: nothing at ``path``, or a folder without frames.
        UsageError: a file of a kind that is no video here.
        CorruptVideoError: damaged, empty, or without a picture; the message says why.
    """
    path = Path(path)
    if path.is_dir():
        frames = frame_files(path)
        if not frames:
            raise MissingInputError(f"{path} has no .png or .jpg frames")
        return Video(path, "frames", DEFAULT_FPS, _shape(read_image(frames[0])), len(frames))
    if not path.exists():
        raise MissingInputError(f"{path} does not exist")
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        h, w = _shape(read_image(path))
        return Video(path, "strip", DEFAULT_FPS, (h, h if w % h == 0 else w), w // h if w % h == 0 else 1)
    if suffix in VIDEO_SUFFIXES:
        return _open_container(path)
    raise UsageError(
        f"{path} is no video: its suffix is not one of {' '.join(VIDEO_SUFFIXES + IMAGE_SUFFIXES)}",
        "give a video file, a folder of frames or a strip of square frames",
    )


def probe(path: str | Path) -> Video:
    """What :func:`open_video` says of ``path``, without decoding further. Raises as it does."""
    return open_video(path)


def is_video(path: Path) -> bool:
    """Whether ``path`` looks like a video by its name, or is a folder that holds frames; nothing is decoded."""
    if path.is_dir():
        return bool(frame_files(path))
    return path.suffix.lower() in VIDEO_SUFFIXES + IMAGE_SUFFIXES


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which ``f2`` comes before ``f10``; names that differ only in leading zeros keep text order."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return (*((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts), (-1, 0, name))


def frame_files(folder: Path) -> list[Path]:
    """The ``.png``/``.jpg`` files of a folder in natural order; hidden ones are left out."""
    found = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return sorted(found, key=lambda p: natural_key(p.name))


def _shape(image: Array) -> tuple[int, int]:
    return int(image.shape[0]), int(image.shape[1])


# -- images ------------------------------------------------------------------------------------------------------
def read_image(path: str | Path) -> Array:
    """An image file as (H, W, 3) uint8 RGB, whole (strips are not cut). Raises MissingInputError, CorruptVideoError."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise MissingInputError(f"{path} does not exist") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CorruptVideoError(f"{path} cannot be read as an image: {error}") from None


def _to_rgb(image: Image.Image) -> Array:
    """8-bit RGB of any PIL image: 16-bit grey is scaled to 8, alpha is laid on white."""
    if image.mode.startswith("I"):  # 16-bit grey; PIL's own conversion would clip it at 255
        grey = np.clip(np.asarray(image).astype(np.float64) / 257.0 + 0.5, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _on_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def _on_white(rgba: Array) -> Array:
    """(H, W, 4) uint8 straight-alpha RGBA over white, rounded to the nearest value."""
    alpha = rgba[..., 3:].astype(np.uint32)
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _folder_frames(folder: Path) -> Iterator[Array]:
    return (read_image(path) for path in frame_files(folder))


def _strip_frames(path: Path) -> Iterator[Array]:
    image = read_image(path)
    h, w = _shape(image)
    step = h if w % h == 0 else w
    return (np.ascontiguousarray(image[:, x : x + step]) for x in range(0, w, step))


# -- containers --------------------------------------------------------------------------------------------------
def _open_container(path: Path) -> Video:
    frames = _container_frames(path)
    first = next(frames, None)
    frames.close()
    if first is None:
        raise CorruptVideoError(f"{path} has no frames")
    import av

    with av.open(path) as container:
        stream = _picture_stream(container, path)
        rate = stream.average_rate or stream.guessed_rate
        return Video(path, "container", float(rate or DEFAULT_FPS), _shape(first), stream.frames or None)


def _picture_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:  # the cover picture of a sound file is no video
            return stream
    raise CorruptVideoError(f"{path} has no video stream" + (", only sound" if container.streams.audio else ""))


def _container_frames(path: Path) -> Generator[Array, None, None]:
    """Displayed frames of a container. Raises CorruptVideoError with the number of the frame that failed."""
    import av

    count = 0
    try:
        if path.stat().st_size == 0:
            raise CorruptVideoError(f"{path} is an empty file")
        with av.open(path) as container:
            stream = _picture_stream(container, path)
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                yield _displayed(frame)
                count += 1
    except (av.FFmpegError, PermissionError) as error:
        raise CorruptVideoError(f"{path} cannot be decoded at frame {count}: {error.strerror}") from None


def _displayed(frame: av.VideoFrame) -> Array:
    """RGB of a decoded frame, turned as its display matrix says (degrees counter-clockwise, multiples of 90)."""
    if any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8":
        image = _on_white(frame.to_ndarray(format="rgba"))
    else:
        image = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
