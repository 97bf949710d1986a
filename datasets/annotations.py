"""Annotations of a clip on disk, in the canonical encodings of :data:`datasets.base.KINDS`.

A folder holds one entry a kind; :mod:`datasets.annotation_files` has the forms. Colour kinds (``iuv``, ``background``)
are RGB images, label kinds are grey or palette images whose values are the labels themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from datasets import annotation_files
from datasets.base import KINDS, Array
from datasets.encodings import ENCODINGS, Encoding, validate
from datasets.files import atomic_path
from datasets.letterbox import square, square_crop, square_points, square_scale
from datasets.provenance import provenance_path

__all__ = [
    "ENCODINGS", "Encoding", "present_kinds", "read_annotations", "square_annotation", "stream_annotation", "validate",
    "write_annotations",
]  # fmt: skip


def present_kinds(folder: str | Path) -> frozenset[str]:
    """The annotation kinds that lie in a folder (none where there is no folder)."""
    return frozenset(kind for kind in KINDS if annotation_files.find(Path(folder), kind) is not None)


def read_annotations(
    folder: str | Path, kinds: Iterable[str], n_frames: int | None = None, size: tuple[int, int] | None = None
) -> dict[str, Array]:
    """Read the asked kinds whole, each with leading axis time.

    Args:
        n_frames: length that each must have; not checked where None.
        size: (H, W) that maps must have; not checked where None.

    Raises:
        MissingInputError: a kind is absent; the message names it.
        SuiteError: damaged, lossy, or not in the canonical encoding; the message says what was expected.
    """
    out: dict[str, Array] = {}
    for kind in sorted(kinds):
        out[kind] = validate(kind, annotation_files.whole(Path(folder), kind, n_frames), n_frames, size, f"{folder}")
    return out


def stream_annotation(
    folder: str | Path, kind: str, length: int | None = None, size: tuple[int, int] | None = None
) -> Iterator[Array]:
    """The frames of one kind in order, one in memory at a time.

    Args:
        length: frames of the clip (a background of one image then stands for all of them).
        size: (H, W) that maps must have; not checked where None.

    Raises:
        MissingInputError, SuiteError: as :func:`read_annotations`.
    """
    for frame in annotation_files.frames(Path(folder), kind, length):
        yield validate(kind, frame[None], None, size, f"{folder}")[0] if size else frame


def write_annotations(folder: str | Path, kind: str, array: Array) -> Path:
    """Write ``<kind>.npz`` (compressed) atomically and return its path.

    Raises:
        SuiteError: ``array`` is not in the canonical encoding of ``kind``.
        StorageError: the folder cannot be written.
    """
    validate(kind, array, None, None, where="the array to write")
    path = Path(folder) / f"{kind}.npz"
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, data=array)
        provenance_path(Path(folder), kind).unlink(missing_ok=True)  # it spoke of what was there before
    return path


def square_annotation(kind: str, frame: Array, shape: tuple[int, int], size: int) -> Array:
    """One frame of ``kind`` for the picture that :func:`datasets.letterbox.square` makes of an H x W one.

    Labels take the nearest pixel; key points that leave the square get confidence 0; flow is scaled.
    """
    if kind == "keypoints":
        xy = square_points(frame[:, :2], shape, size)
        left, kept = square_crop(*shape)
        inside = (frame[:, 0] > left - 0.5) & (frame[:, 0] < left + kept - 0.5)
        return np.concatenate([xy, (frame[:, 2] * inside)[:, None]], axis=1).astype(np.float32)
    if kind == "face":
        return square_points(frame.reshape(2, 2), shape, size).reshape(4).astype(np.float32)
    if kind == "flow":
        return (square(frame, size) * np.array(square_scale(shape, size))).astype(np.float32)
    return square(frame, size, nearest=kind != "background")
