"""What scanners share: clips from files and folders, metadata tables, and lists of names."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from datasets.base import Array
from datasets.errors import CorruptVideoError, MissingInputError, SuiteError, UsageError
from datasets.store.geometry import Crop
from datasets.store.items import Finding, Item
from datasets.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES, frame_files, natural_key, open_video, read_image

#: Marks between the parts of an official clip name.
_NUMBER = re.compile(r"(\d+)")


# -- clips -------------------------------------------------------------------------------------------------------
def plain_name(path: Path) -> str:
    """The official name of a clip file or folder: without a video suffix (folders of frames may have one too)."""
    suffixes = VIDEO_SUFFIXES if path.is_dir() else VIDEO_SUFFIXES + IMAGE_SUFFIXES
    return path.stem if path.suffix.lower() in suffixes else path.name


def clip_paths(folder: Path) -> list[Path]:
    """Clips of a folder in natural order: video files, strips, and folders of frames."""
    if not folder.is_dir():
        return []
    entries = [p for p in folder.iterdir() if not p.name.startswith(".")]
    found = [p for p in entries if p.is_dir() or p.suffix.lower() in VIDEO_SUFFIXES + IMAGE_SUFFIXES]
    return sorted(found, key=lambda p: natural_key(p.name))


def read_clip(path: Path) -> Callable[[], Iterator[Array]]:
    """A function that opens a clip and gives its frames, so that nothing is read before it is needed."""

    def frames() -> Iterator[Array]:
        if path.is_dir():
            yield from read_frames(frame_files(path), path)
        else:
            yield from open_video(path)

    return frames


def read_frames(files: Sequence[Path], clip: Path) -> Iterator[Array]:
    """Image files as the frames of one clip. Raises CorruptVideoError where there are none or their sizes differ."""
    shape: tuple[int, ...] = ()
    for i, file in enumerate(files):
        if file.stat().st_size == 0:
            raise CorruptVideoError(f"frame {i} ({file.name}) is an empty file")
        frame = read_image(file)
        if shape and frame.shape != shape:
            h, w = frame.shape[:2]
            raise CorruptVideoError(f"frame {i} ({file.name}) is {w}x{h}, but the first one is {shape[1]}x{shape[0]}")
        shape = frame.shape
        yield frame
    if not shape:
        raise CorruptVideoError(f"{clip.name} has no frames")


def clip_item(path: Path, name: str, split: str, **known: Any) -> Item:
    """An item of a video file, strip or folder of frames; ``known`` are further fields of it.

    The rate, range and matrix that a container states are read here; a damaged file says so when it is imported.
    """
    files = tuple(frame_files(path)) if path.is_dir() else (path,)
    flags: tuple[str, ...] = tuple(known.pop("flags", ()))
    rate = None
    if not path.is_dir() and path.suffix.lower() in VIDEO_SUFFIXES:
        rate, said = stated(path)
        flags += said
    if path.is_dir() and not is_padded([file.name for file in files]):
        flags += ("unpadded",)
    names = tuple(file.name for file in files) if path.is_dir() else ()
    if path.suffix.lower() == ".gif":
        rate = None  # the timing of a gif is not meant
    return Item(name, split, read_clip(path), files or (path,), frame_names=names, rate=rate, flags=flags, **known)


def is_padded(names: Sequence[str]) -> bool:
    """Whether text order is number order, so that a reader that sorts names gets the frames in time order."""
    return sorted(names) == sorted(names, key=natural_key)


def stated(path: Path) -> tuple[float | None, tuple[str, ...]]:
    """(frames per second, flags) that a container states; nothing for a file that cannot be opened."""
    import av

    try:
        with av.open(path) as container:
            if not container.streams.video:
                return None, ()
            stream = container.streams.video[0]
            context = stream.codec_context
            colour = f"{getattr(context, 'color_range', 0)}/{getattr(context, 'colorspace', 2)}"
            first = next(container.decode(stream), None)
            turned = bool(first is not None and first.rotation)
            rate = stream.average_rate
            return (float(rate) if rate else None), (f"colour={colour}", *(["rotated"] if turned else []))
    except (av.FFmpegError, OSError):
        return None, ()


# -- metadata of the FOMM family -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Listed:
    """A row of a metadata table.

    Attributes:
        start, end: frame numbers at ``fps``. box: left, top, right, bottom in a frame of ``size`` = (H, W); None where
            the table has none.
        name: the official clip name.
    """

    video: str
    start: int
    end: int
    fps: float
    box: tuple[int, int, int, int] | None
    size: tuple[int, int]
    split: str
    person: str

    @property
    def name(self) -> str:
        """``[person#]video#start#end``."""
        person = f"{self.person}#" if self.person else ""
        return f"{person}{self.video}#{self.start:06d}#{self.end:06d}"


def read_metadata(path: Path) -> list[Listed]:
    """The rows of a metadata table (``video_id,start,end,bbox,fps,width,height,partition[,person_id]``).

    The table of TED-talks that lies in its repository has start = end = 0 and the range inside ``video_id``: it is
    read from there.

    Raises:
        SuiteError: a column is missing or a number is none.
    """
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    try:
        return [_listed(line) for line in lines]
    except (KeyError, ValueError, TypeError) as error:
        raise SuiteError(f"{path} is no metadata table of the FOMM family: {error!r}") from None


def _listed(line: dict[str, str]) -> Listed:
    video, start, end = line["video_id"], int(line["start"]), int(line["end"])
    hidden = re.fullmatch(r"(.+)#(\d+)#(\d+)", video)
    if hidden and start == end == 0:
        video, start, end = hidden[1], int(hidden[2]), int(hidden[3])
    # Sides may be negative where a box reaches beyond the picture.
    sides = re.fullmatch(r"(-?\d+)-(-?\d+)-(-?\d+)-(-?\d+)", line.get("bbox") or "")
    box = (int(sides[1]), int(sides[2]), int(sides[3]), int(sides[4])) if sides else None
    size = (int(float(line["height"])), int(float(line["width"])))
    person = line.get("person_id") or ""
    return Listed(video, start, end, float(line["fps"]), box, size, line["partition"].strip().lower(), person)


def duplicate_rows(rows: Iterable[Listed]) -> list[Finding]:
    """A finding for every row that repeats an earlier one."""
    seen: dict[tuple[str, int, int], int] = {}
    for row in rows:
        key = (row.name, row.start, row.end)
        seen[key] = seen.get(key, 0) + 1
    return [
        Finding("E", 4, name, f"the metadata table has {count} rows of this clip", "count and train it once")
        for (name, _, _), count in seen.items()
        if count > 1
    ]


def cut_from_video(path: Path, row: Listed, size: tuple[int, int], stretch: bool) -> Item:
    """A clip cut out of a whole video as a metadata table says.

    Box and time are scaled to the resolution and rate that the video has. The video is decoded from its start.
    """
    rate, flags = stated(path)
    scale = (rate or row.fps) / row.fps
    start, end = round(row.start * scale), round(row.end * scale)

    def frames() -> Iterator[Array]:
        yield from islice(open_video(path), start, end)

    def crop(shape: tuple[int, int]) -> Crop:
        y, x = shape[0] / row.size[0], shape[1] / row.size[1]
        left, top, right, bottom = row.box or (0, 0, row.size[1], row.size[0])
        box = round(left * x), round(top * y), max(1, round((right - left) * x)), max(1, round((bottom - top) * y))
        if not stretch:
            side = max(box[2], box[3])
            box = box[0] - (side - box[2]) // 2, box[1] - (side - box[3]) // 2, side, side
        return Crop(*box, size)

    kind = "stretched" if stretch else "padded"
    return Item(
        row.name, row.split, frames, (path,), identity=row.person or row.video, motion=row.name,
        source_video=row.video, start=row.start, end=row.end, fps=rate or row.fps, rate=rate, crop=crop,
        expected_frames=end - start, flags=(f"crop={kind}", *flags),
    )  # fmt: skip


# -- lists -------------------------------------------------------------------------------------------------------
def read_list(path: Path) -> tuple[str, ...]:
    """The lines of a text file without blanks and comments. Raises MissingInputError."""
    if not path.is_file():
        raise MissingInputError(f"the list {path} does not exist")
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("//"))


def find_file(folder: Path, *patterns: str) -> Path | None:
    """The first file that fits one of the patterns (``*`` also across folders with ``**/``), None where none does."""
    for pattern in patterns:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        if found:
            return found[0]
    return None


def refuse_to_invent(card_name: str, why: str) -> UsageError:
    """The error of a folder whose test split is not stated."""
    return UsageError(
        f"{why}: a test split of {card_name} would have to be invented, and no score on it could be compared",
        f"name the test clips: bench data prepare {card_name} --from DIR --test-list FILE (a clip name a line)",
    )


def numbered(name: str) -> int | None:
    """The last number in a file name, None where it has none."""
    found = _NUMBER.findall(Path(name).stem)
    return int(found[-1]) if found else None


# -- annotations -------------------------------------------------------------------------------------------------
def read_labels(files: Sequence[Path], channel: int | None = None) -> Array:
    """(T, H, W) uint8 of label images: stored values, of one channel where they are colour images.

    Raises:
        SuiteError: a file is damaged, a lossy image, or not an image of labels.
    """
    return np.stack([_labels(file, channel) for file in files]) if files else np.zeros((0, 1, 1), np.uint8)


def _labels(file: Path, channel: int | None) -> Array:
    image = read_exact(file)
    if image.ndim == 3 and channel is None:
        raise SuiteError(f"annotation {file.name} is a colour image, not labels")
    return image[..., channel or 0] if image.ndim == 3 else image


def read_exact(file: Path) -> Array:
    """(H, W) or (H, W, C) stored values of a lossless image; no colour conversion, since the values are data.

    Raises:
        SuiteError: a lossy format, or a damaged file.
    """
    from PIL import Image

    if file.suffix.lower() in (".jpg", ".jpeg", ".mp4", ".mov", ".gif"):
        raise SuiteError(f"annotation {file.name} is in a lossy format, its labels are lost")
    try:
        with Image.open(file) as image:
            return np.array(image, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise SuiteError(f"annotation {file.name} is damaged: {error}") from None
