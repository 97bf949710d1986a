"""Ready-made clips: arrays on disk (memory-mapped) or in memory, and a time range of another clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from datasets.base import Array, Clip, FrameStack
from datasets.errors import MissingInputError


class ArrayClip(Clip):
    """A clip whose frames lie in arrays: ``.npy`` files, which are memory-mapped on each read, or arrays in memory.

    Nothing is held open between reads, so a clip pickles small and its memory does not grow with its length.

    Args:
        clip_id: stable name, safe as a folder name.
        rgb: (T, H, W, 3) uint8, or the path of such a ``.npy``.
        annotations: kind -> array with leading axis T, or the path of such a ``.npy``.
        identity, fps, factors: see :class:`datasets.base.Clip`.
    """

    def __init__(
        self,
        clip_id: str,
        rgb: Array | str | Path,
        *,
        annotations: Mapping[str, Array | str | Path] | None = None,
        identity: str = "",
        fps: float = 25.0,
        factors: Mapping[str, float | str] | None = None,
    ) -> None:
        self.id = clip_id
        self.identity = identity or clip_id
        self.fps = fps
        self.factors = dict(factors or {})
        self._rgb = rgb
        self._annotations = dict(annotations or {})
        self.kinds = frozenset(self._annotations)
        shape = _open(rgb).shape
        if len(shape) != 4 or shape[-1] != 3:
            raise ValueError(f"clip {clip_id}: frames are (T, H, W, 3), got {shape}")
        self._length = int(shape[0])
        self.size = (int(shape[1]), int(shape[2]))

    def __len__(self) -> int:
        return self._length

    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """Frames at ``indices`` (any order, repeats allowed), copied. Raises MissingInputError, IndexError."""
        index = check_indices(self, indices)
        require_kinds(self, kinds)
        notes = {kind: _take(self._annotations[kind], index) for kind in sorted(kinds)}
        return FrameStack(_take(self._rgb, index), notes)


class SubClip(Clip):
    """Frames start..stop-1 of another clip as a clip of their own (what drives a pair, and the truth beside it).

    Args:
        clip: the whole clip.
        start, stop: the range; ``stop=None`` means to the end.
        clip_id: id of the part; the whole clip's id unless given.
    """

    def __init__(self, clip: Clip, start: int, stop: int | None = None, clip_id: str = "") -> None:
        stop = len(clip) if stop is None else stop
        if not 0 <= start <= stop <= len(clip):
            raise IndexError(f"clip {clip.id} has {len(clip)} frames, no range {start}..{stop}")
        self.id = clip_id or clip.id
        self.identity, self.fps, self.size = clip.identity, clip.fps, clip.size
        self.kinds, self.factors = clip.kinds, clip.factors
        self._clip, self._start, self._length = clip, start, stop - start

    def __len__(self) -> int:
        return self._length

    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """Frames at ``indices``, counted from the start of the range. Raises MissingInputError, IndexError."""
        return self._clip.read([i + self._start for i in check_indices(self, indices)], kinds)


def check_indices(clip: Clip, indices: Sequence[int]) -> list[int]:
    """``indices`` as plain ints. Raises IndexError for one outside 0..T-1 (negative ones are no wrap-around)."""
    index = [int(i) for i in indices]
    wrong = next((i for i in index if not 0 <= i < len(clip)), None)
    if wrong is not None:
        raise IndexError(f"clip {clip.id} has {len(clip)} frames, no frame {wrong}")
    return index


def require_kinds(clip: Clip, kinds: frozenset[str]) -> None:
    """Raise MissingInputError naming the first of ``kinds`` that the clip does not have."""
    missing = sorted(kinds - clip.kinds)
    if missing:
        has = ", ".join(sorted(clip.kinds)) or "none"
        from datasets.annotators.cards import how_to_annotate

        command = how_to_annotate("DATASET", missing)
        raise MissingInputError(
            f"clip {clip.id} has no annotation {missing[0]!r} (it has: {has})",
            f"make it: {command}; or use a data set that has it" if command else "use a data set that has it",
        )


def _open(array: Array | str | Path) -> Array:
    return np.load(array, mmap_mode="r") if isinstance(array, str | Path) else array


def _take(array: Array | str | Path, index: list[int]) -> Array:
    """A copy of the elements at ``index``; the memory map is closed on return, so its pages do not pile up."""
    return np.asarray(_open(array)[np.asarray(index, dtype=np.intp)])
