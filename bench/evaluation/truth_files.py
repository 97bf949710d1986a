"""Truth from NPZ files: one array a clip name. Loaded clip by clip, never with pickle."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bench.evaluation.base import Array, InvalidInputError
from datasets.errors import MissingInputError, UsageError

NpzFile = np.lib.npyio.NpzFile
#: What numpy and zipfile raise on damaged, foreign or encrypted files, and on sizes that no memory holds.
_UNREADABLE = (ValueError, OSError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
#: Names behind a clip's that are no clips: ``<clip>.occlusion``.
_EXTRAS = (".occlusion", ".leak")


@dataclass(frozen=True)
class ClipTruth:
    """Truth of one clip: kind -> array with leading axis time (``flow`` and ``occlusion`` have one element less)."""

    arrays: Mapping[str, Array] = field(default_factory=dict)

    @property
    def kinds(self) -> set[str]:
        """Annotation kinds that there are."""
        return set(self.arrays)

    def at(self, frame: int) -> dict[str, Array]:
        """Annotations of a frame; what ends before it is left out."""
        return {kind: array[frame] for kind, array in self.arrays.items() if frame < len(array)}

    def check_length(self, frames: int) -> None:
        """Raise InvalidInputError where an array does not fit a clip of that many frames."""
        for kind, array in self.arrays.items():
            expected = frames - (kind in ("flow", "occlusion"))
            if len(array) != expected:
                raise InvalidInputError(f"the {kind} has {len(array)} elements for {frames} frames, not {expected}")


class TruthFiles:
    """Files of truth for many clips; a context manager that closes them.

    Args:
        flow: NPZ with ``<clip>`` (T-1, H, W, 2) forward pixels, and ``<clip>.occlusion`` (T-1, H, W), nonzero = hidden.
        labels: NPZ with ``<clip>`` (T, H, W) uint8 labels of the reference, 0 = background; they give the person mask.

    Raises:
        MissingInputError: a file that does not exist.
        UsageError: a file that is no NPZ.
    """

    def __init__(self, flow: Path | None = None, labels: Path | None = None) -> None:
        self._flow, self._labels = _open(flow), _open(labels)

    def __enter__(self) -> TruthFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in (self._flow, self._labels):
            if file is not None:
                file.close()

    def clip(self, name: str, size: tuple[int, int]) -> ClipTruth:
        """What there is for a clip of frames of ``size`` (H, W).

        Raises:
            UsageError: an array of another shape than stated above, or flow that is not finite.
        """
        arrays: dict[str, Array] = {}
        if self._flow is not None and name in self._flow:
            arrays["flow"] = _array(self._flow, name, (None, *size, 2))
            if not np.isfinite(arrays["flow"]).all():
                raise UsageError(f"the flow of clip {name!r} is not finite")
            if f"{name}.occlusion" in self._flow:
                arrays["occlusion"] = _array(self._flow, f"{name}.occlusion", arrays["flow"].shape[:3])
        if self._labels is not None and name in self._labels:
            arrays["mask"] = (_array(self._labels, name, (None, *size)) != 0).astype(np.uint8)
        return ClipTruth(arrays)


class ArrayFile:
    """One NPZ with an array for each clip, read clip by clip; a context manager that closes it.

    Attributes:
        names: of its clips (``<clip>.leak`` and the like are none). problem: why it is no NPZ, "" where it is one.

    Raises:
        MissingInputError: the file does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self._file: NpzFile | None = None
        try:
            self._file = _open(path)
        except UsageError as error:
            self.problem = error.message
        found = set(self._file.files) if self._file is not None else set()
        self.names = {name for name in found if not any(name.removesuffix(e) in found - {name} for e in _EXTRAS)}

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, name: str) -> Array | None:
        """The array of that name, None where there is none.

        Raises:
            InvalidInputError: it is damaged or would need pickle, or the file is no NPZ.
        """
        if self._file is None:
            raise InvalidInputError(self.problem)
        if name not in self._file.files:
            return None
        try:
            array: Array = self._file[name]
        except _UNREADABLE as error:
            raise InvalidInputError(f"the array {name!r} cannot be read: {error}") from None
        return array


def _open(path: Path | None) -> NpzFile | None:
    if path is None:
        return None
    if not path.is_file():
        raise MissingInputError(f"the file {path} does not exist")
    try:
        file = np.load(path, allow_pickle=False)
    except _UNREADABLE as error:
        # numpy's own words may be the advice to unpickle the file
        raise UsageError(f"{path} is no NPZ file, or a damaged one ({type(error).__name__})") from None
    if not isinstance(file, NpzFile):
        raise UsageError(f"{path} holds one array, not one array for each clip", "save it with numpy.savez")
    return file


def _array(file: NpzFile, name: str, shape: tuple[Any, ...]) -> Array:
    try:
        array = file[name]
    except _UNREADABLE as error:
        raise UsageError(f"the array {name!r} cannot be read: {error}") from None
    fits = array.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in "fiub":
        raise UsageError(f"the array {name!r} is {array.dtype} {array.shape}, which does not fit the frames")
    return array
