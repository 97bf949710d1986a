"""Annotations on disk, in the canonical encodings of :data:`datasets.base.KINDS`.

A folder holds one entry a kind: ``<kind>.npz`` (array ``data``, leading axis time), or for image kinds
``<kind>/%06d.png`` (one a frame, natural order), or ``<kind>.png`` (a single frame). Colour kinds (``iuv``,
``background``) are RGB images, label kinds are grey or palette images whose values are the labels themselves.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.base import KINDS, Array
from datasets.errors import MissingInputError, SuiteError
from datasets.files import atomic_path
from datasets.letterbox import square, square_crop, square_points, square_scale


@dataclass(frozen=True)
class Encoding:
    """Shape behind the time axis (-1: height or width), dtype, and the largest value of the first channel."""

    shape: tuple[int, ...]
    dtype: str
    largest: int | None = None

    @property
    def image(self) -> bool:
        """Whether a PNG file can hold one frame."""
        return self.dtype == "uint8"


ENCODINGS: dict[str, Encoding] = {
    "keypoints": Encoding((135, 3), "float32"),
    "iuv": Encoding((-1, -1, 3), "uint8", 24),
    "parsing20": Encoding((-1, -1), "uint8", 19),
    "parsing6": Encoding((-1, -1), "uint8", 5),
    "mask": Encoding((-1, -1), "uint8", 1),
    "flow": Encoding((-1, -1, 2), "float32"),
    "occlusion": Encoding((-1, -1), "uint8", 1),
    "background": Encoding((-1, -1, 3), "uint8"),
    "face": Encoding((4,), "float32"),
    "observability": Encoding((-1, -1), "uint8", 3),
}


def present_kinds(folder: str | Path) -> frozenset[str]:
    """The annotation kinds that lie in a folder (none where there is no folder)."""
    return frozenset(kind for kind in KINDS if _find(Path(folder), kind) is not None)


def read_annotations(
    folder: str | Path, kinds: Iterable[str], n_frames: int | None = None, size: tuple[int, int] | None = None
) -> dict[str, Array]:
    """Read the asked kinds, each with leading axis time.

    Args:
        n_frames: length that each must have; not checked where None.
        size: (H, W) that maps must have; not checked where None.

    Raises:
        MissingInputError: a kind is absent; the message names it.
        SuiteError: damaged, or not in the canonical encoding; the message says what was expected.
    """
    out: dict[str, Array] = {}
    for kind in sorted(kinds):
        out[kind] = validate(kind, _load(Path(folder), kind), n_frames, size, where=f"{folder}")
    return out


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
    return path


def validate(kind: str, array: Array, n_frames: int | None, size: tuple[int, int] | None, where: str) -> Array:
    """Return ``array`` if it is ``kind`` as encoded here (floats become float32), else raise SuiteError."""
    encoding = _encoding(kind)
    h, w = size or (-1, -1)
    fixed = tuple({0: h, 1: w}[i] if side == -1 else side for i, side in enumerate(encoding.shape))
    fits = array.ndim == 1 + len(fixed) and all(a == b or b == -1 for a, b in zip(array.shape[1:], fixed, strict=True))
    wanted = np.dtype(encoding.dtype)
    if not fits or (n_frames is not None and len(array) != n_frames) or array.dtype.kind != wanted.kind:
        shape = ", ".join(["T", *("HW"[i] if side == -1 else str(side) for i, side in enumerate(fixed))])
        got = f"{tuple(array.shape)} {array.dtype}"
        raise SuiteError(
            f"annotation {kind!r} in {where} is {got}, expected ({shape}) {encoding.dtype}"
            + ("" if n_frames is None else f" with T = {n_frames}"),
            f"{kind}: {KINDS[kind]}",
        )
    if encoding.largest is not None and array.size:
        first = array[..., 0] if len(encoding.shape) == 3 else array
        if int(first.max()) > encoding.largest:
            raise SuiteError(
                f"annotation {kind!r} in {where} holds the value {int(first.max())}, the largest is {encoding.largest}",
                f"{kind}: {KINDS[kind]}",
            )
    return array.astype(wanted, copy=False)


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


# -- files -------------------------------------------------------------------------------------------------------
def _encoding(kind: str) -> Encoding:
    if kind not in ENCODINGS:
        raise SuiteError(f"there is no annotation kind {kind!r}", f"known: {', '.join(ENCODINGS)}")
    return ENCODINGS[kind]


def _find(folder: Path, kind: str) -> Path | None:
    """Where ``kind`` lies: the ``.npz``, else the folder of PNGs, else the single PNG."""
    names = (f"{kind}.npz", kind, f"{kind}.png") if _encoding(kind).image else (f"{kind}.npz",)
    return next((folder / name for name in names if (folder / name).exists()), None)


def _load(folder: Path, kind: str) -> Array:
    path = _find(folder, kind)
    if path is None:
        forms = f"{kind}.npz" + (f", {kind}/000000.png or {kind}.png" if _encoding(kind).image else "")
        raise MissingInputError(
            f"annotation {kind!r} is missing: {folder} has no {forms}",
            "make it with the annotator of your choice in the canonical encoding, or export a clip to see one",
        )
    if path.suffix == ".npz":
        return _load_npz(path, kind)
    from datasets.video import frame_files

    files = frame_files(path) if path.is_dir() else [path]
    frames = [_load_png(file, kind) for file in files]
    if len({frame.shape for frame in frames}) != 1:
        raise SuiteError(f"annotation {kind!r} in {folder} has no frames, or frames of different size")
    return np.stack(frames)


def _load_npz(path: Path, kind: str) -> Array:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays["data"])
    except KeyError:
        raise SuiteError(f"annotation {kind!r}: {path} has no array named 'data'") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SuiteError(f"annotation {kind!r}: {path} is damaged: {error}") from None


def _load_png(path: Path, kind: str) -> Array:
    """Stored values of a PNG; no colour conversion but to RGB, since the values are data."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            colour = len(_encoding(kind).shape) == 3
            if image.mode not in (("RGB",) if colour else ("L", "P", "1")):
                wanted = "an 8-bit RGB image" if colour else "an 8-bit grey or palette image"
                raise SuiteError(f"annotation {kind!r}: {path} has mode {image.mode}, expected {wanted}")
            return np.array(image, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise SuiteError(f"annotation {kind!r}: {path} is damaged: {error}") from None
