"""What ``bench animate`` is given: a photo and a driving video, as paths or as ``DATASET:CLIP[@FRAME]``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from bench import registry
from datasets.annotations import present_kinds, read_annotations, square_annotation
from datasets.base import Array, Clip, Dataset, FrameStack
from datasets.clips import check_indices
from datasets.errors import MissingInputError, UsageError
from datasets.letterbox import square
from datasets.video import IMAGE_SUFFIXES, Video, open_video, read_image


@dataclass(frozen=True)
class Opening:
    """How inputs are opened.

    Attributes:
        size: side in pixels of the square that everything is brought to.
        kinds: annotation kinds that the method needs.
        uses: further kinds of the photo, read where they are there.
        preset, annotation_class: of a data set that is named.
    """

    size: int
    kinds: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    preset: str = "quick"
    annotation_class: str = "exact"


class FileClip(Clip):
    """A video file, frame folder or strip as a clip of squares; one chunk of frames in memory.

    Args:
        video: what :func:`datasets.video.open_video` gives.
        size: side of the square in pixels (see :func:`datasets.letterbox.square`).
        folder: where annotations lie in the canonical encodings, for frames of the video's own size.
    """

    def __init__(self, video: Video, size: int, folder: Path | None = None) -> None:
        self.id = self.identity = video.path.name
        self.fps, self.size, self.factors = video.fps, (size, size), {}
        self.kinds = present_kinds(folder) if folder is not None else frozenset()
        self._video, self._folder, self._side = video, folder, size
        # A container's own count may be wrong, and the method is promised the length before the first frame.
        self._length = sum(1 for _ in video)
        self._notes: dict[str, Array] = {}

    def __len__(self) -> int:
        return self._length

    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """Frames at ``indices``; decodes from the start, so :meth:`stream` is the way to read in order."""
        index = check_indices(self, indices)
        wanted, found = set(index), {}
        for i, frame in enumerate(islice(self._video, max(index, default=-1) + 1)):
            if i in wanted:
                found[i] = square(frame, self._side)
        return self._stack([found[i] for i in index], index, kinds)

    def stream(
        self, kinds: frozenset[str] = frozenset(), start: int = 0, stop: int | None = None, chunk: int = 8
    ) -> Iterator[FrameStack]:
        """Frames start..stop-1 in one decoding pass."""
        stop = len(self) if stop is None else min(stop, len(self))
        frames = islice(self._video, start, stop)
        for first in range(start, stop, chunk):
            part = [square(frame, self._side) for frame in islice(frames, chunk)]
            yield self._stack(part, list(range(first, first + len(part))), kinds)

    def _stack(self, frames: list[Array], index: list[int], kinds: frozenset[str]) -> FrameStack:
        notes = {}
        for kind in sorted(kinds):
            raw = self._annotation(kind)[index]
            notes[kind] = np.stack([square_annotation(kind, a, self._video.size, self._side) for a in raw])
        return FrameStack(np.stack(frames), notes)

    def _annotation(self, kind: str) -> Array:
        if kind not in self._notes:
            if self._folder is None:
                raise MissingInputError(f"{self._video.path} has no annotation {kind!r}")
            self._notes |= read_annotations(self._folder, [kind], self._length, self._video.size)
        return self._notes[kind]


# -- opening -----------------------------------------------------------------------------------------------------
def open_source(given: str | Clip, opening: Opening, annotations: Path | None = None) -> FrameStack:
    """The photo (T = 1) with the needed annotations: an image, frame 0 of a video or clip, ``DATASET:CLIP[@FRAME]``.

    Raises:
        MissingInputError: nothing there, or no annotation of a needed kind (named).
        UsageError: neither a path nor a clip.
    """
    clip, frame = _named_clip(given, opening)
    if clip is not None:
        _require_kinds(clip, opening.kinds, f"the source {_title(given)}")
        return _squared(clip.read([frame], opening.kinds | (opening.uses & clip.kinds)), opening.size)
    path = _path(str(given))
    _require(opening.kinds, annotations, f"the source {path}", "--source-annotations")
    is_image = path.suffix.lower() in IMAGE_SUFFIXES
    image = read_image(path) if is_image else next(iter(open_video(path)))
    kinds = opening.kinds | (opening.uses & present_kinds(annotations) if annotations else frozenset())
    raw = read_annotations(annotations, kinds, 1, image.shape[:2]) if annotations else {}
    return _squared(FrameStack(image[None], {k: raw[k] for k in sorted(kinds)}), opening.size)


def open_driving(given: str | Clip, opening: Opening, annotations: Path | None = None) -> Clip:
    """The driving video with the needed annotations: a video, frame folder, strip, clip, or ``DATASET:CLIP``.

    Raises:
        MissingInputError, UsageError: see :func:`open_source`.
    """
    clip, first = _named_clip(given, opening)
    if clip is not None:
        _require_kinds(clip, opening.kinds, f"the driving video {_title(given)}")
        return _SquaredClip(clip, opening.size, first)
    path = _path(str(given))
    _require(opening.kinds, annotations, f"the driving video {path}", "--driving-annotations")
    return FileClip(open_video(path), opening.size, annotations)


def open_clip(text: str, preset: str, annotation_class: str = "exact") -> tuple[Dataset, Clip, int]:
    """``DATASET:CLIP[@FRAME]`` -> data set, clip and frame (0 where none is said). ``folder:PATH:CLIP`` works alike.

    Raises:
        UsageError: not of that form, an unknown data set, or no such frame.
        MissingInputError: no such clip.
    """
    from bench.spec import open_dataset

    name, _, rest = text.partition(":")
    if not rest:
        raise UsageError(f"{text!r} is not of the form DATASET:CLIP[@FRAME]", "for instance synthetic:CLIP@0")
    registry.get("datasets", name)
    argument, _, clip_text = rest.rpartition(":")
    dataset = open_dataset(f"{name}:{argument}" if argument else name, preset, annotation_class)
    match = re.fullmatch(r"(.+)@(\d+)", clip_text)
    clip_id, frame = (match[1], int(match[2])) if match else (clip_text, 0)
    clip = dataset.clip(clip_id)
    if frame >= len(clip):
        raise UsageError(f"clip {clip_id} has {len(clip)} frames, no frame {frame}", f"choose 0 to {len(clip) - 1}")
    return dataset, clip, frame


def driving_fps(text: str, opening: Opening) -> float:
    """Frames per second of what :func:`open_driving` opens. Raises as it does."""
    clip, _ = _named_clip(text, opening)
    return clip.fps if clip is not None else open_video(_path(text)).fps


def _named_clip(given: str | Clip, opening: Opening) -> tuple[Clip | None, int]:
    """The clip where one is given or named, and its frame; a path that exists wins over a name."""
    if isinstance(given, Clip):
        return given, 0
    if Path(given).exists() or given.partition(":")[0] not in registry.entries("datasets"):
        return None, 0
    _, clip, frame = open_clip(given, opening.preset, opening.annotation_class)
    return clip, frame


def _path(text: str) -> Path:
    if not Path(text).exists():
        raise MissingInputError(f"{text} does not exist", "give a path, or DATASET:CLIP[@FRAME] (bench list datasets)")
    return Path(text)


def _require(kinds: frozenset[str], folder: Path | None, what: str, option: str) -> None:
    have = present_kinds(folder) if folder is not None else frozenset()
    missing = sorted(kinds - have)
    if missing:
        where = f"{folder} has none" if folder is not None else f"{option} is not given"
        raise MissingInputError(
            f"the method needs the annotation {missing[0]!r} of {what}, but {where}",
            f"put {missing[0]}.npz into a folder and name it with {option} (bench data export shows the encoding)",
        )


def _require_kinds(clip: Clip, kinds: frozenset[str], what: str) -> None:
    missing = sorted(kinds - clip.kinds)
    if missing:
        has = ", ".join(sorted(clip.kinds)) or "none"
        raise MissingInputError(f"the method needs the annotation {missing[0]!r} of {what}, which has: {has}")


def _title(given: str | Clip) -> str:
    return given.id if isinstance(given, Clip) else given


def _squared(stack: FrameStack, size: int) -> FrameStack:
    shape = (int(stack.rgb.shape[1]), int(stack.rgb.shape[2]))
    if shape == (size, size):
        return stack
    notes = {
        kind: np.stack([square_annotation(kind, frame, shape, size) for frame in frames])
        for kind, frames in stack.annotations.items()
    }
    return FrameStack(np.stack([square(frame, size) for frame in stack.rgb]), notes)


class _SquaredClip(Clip):
    """Frames ``first``.. of a clip, brought to a square of another size."""

    def __init__(self, clip: Clip, size: int, first: int = 0) -> None:
        self.id, self.identity, self.fps = clip.id, clip.identity, clip.fps
        self.size, self.kinds, self.factors = (size, size), clip.kinds, clip.factors
        self._clip, self._side, self._first = clip, size, first

    def __len__(self) -> int:
        return len(self._clip) - self._first

    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """See :meth:`datasets.base.Clip.read`."""
        index = [i + self._first for i in check_indices(self, indices)]
        return _squared(self._clip.read(index, kinds), self._side)
