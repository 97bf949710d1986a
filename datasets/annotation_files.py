"""The files of one annotation kind, read frame by frame: memory does not grow with the clip.

Forms, the first that is there counts:
    ``<kind>.npz``     array ``data`` (T, ...); or ``bits``, maps of 0 and 1 packed along their ``width``; or
                       ``flow64``, int16 in 1/64 pixel
    ``<kind>/*.png``   one a frame in natural order; a ``background`` of one image stands for all frames
    ``<kind>.png``     a single frame
Beside them ``<kind>.json`` states where they come from (:mod:`datasets.provenance`). Anything that loses values (video,
JPEG) is refused, since labels and coordinates do not survive it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from datasets.base import Array
from datasets.encodings import encoding, validate
from datasets.errors import MissingInputError, SuiteError

#: Formats that change values; an annotation in one of them is never read.
LOSSY = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".gif", ".jpg", ".jpeg", ".webp")
#: Pixels of flow to the stored integer.
FLOW_SCALE = 64
_STILL = "background"


def find(folder: Path, kind: str) -> Path | None:
    """Where ``kind`` lies: the ``.npz``, the folder of images, the single PNG, else a file in a lossy format."""
    image = encoding(kind).image
    names = [f"{kind}.npz", *((kind, f"{kind}.png") if image else ()), *(f"{kind}{suffix}" for suffix in LOSSY)]
    return next((folder / name for name in names if (folder / name).exists()), None)


def frames(folder: Path, kind: str, length: int | None = None) -> Iterator[Array]:
    """The frames of a kind, in order and in its canonical encoding.

    Args:
        length: frames of the clip, for a background of one image; without it that gives one frame.

    Raises:
        MissingInputError: the kind is absent (named).
        SuiteError: damaged, in a lossy format, or not in the canonical encoding.
    """
    where = str(folder)
    for frame in _raw(folder, kind, length):
        yield validate(kind, frame[None], None, None, where)[0]


def whole(folder: Path, kind: str, length: int | None = None) -> Array:
    """All frames of a kind as stored, not yet validated. Raises as :func:`frames` does."""
    path = _path(folder, kind)
    if path.suffix == ".npz":
        with _reading(path, kind), np.load(path, allow_pickle=False) as arrays:
            if "data" in arrays:
                return np.asarray(arrays["data"])
    found = list(_raw(folder, kind, length))
    if len({frame.shape for frame in found}) != 1:
        raise SuiteError(f"annotation {kind!r} in {folder} has no frames, or frames of different size")
    return np.stack(found)


def _raw(folder: Path, kind: str, length: int | None) -> Iterator[Array]:
    path = _path(folder, kind)
    if path.suffix == ".npz":
        yield from _npz(path, kind)
        return
    files = _images(path, kind)
    if kind == _STILL and len(files) == 1 and length:
        yield from repeat(_png(files[0], kind), length)
        return
    for file in files:
        yield _png(file, kind)


def _path(folder: Path, kind: str) -> Path:
    path = find(folder, kind)
    if path is None:
        forms = f"{kind}.npz" + (f", {kind}/000000.png or {kind}.png" if encoding(kind).image else "")
        raise MissingInputError(
            f"annotation {kind!r} is missing: {folder} has no {forms}",
            "make it with bench data annotate, or with a tool of your choice in the canonical encoding",
        )
    _refuse_lossy(path, kind)
    return path


def _refuse_lossy(path: Path, kind: str) -> None:
    if path.suffix.lower() in LOSSY:
        raise SuiteError(
            f"annotation {kind!r}: {path} is in a lossy format, which changes values", "write it without loss: PNG, NPZ"
        )


# -- PNG -----------------------------------------------------------------------------------------------------------
def _images(path: Path, kind: str) -> list[Path]:
    from datasets.video import natural_key

    if not path.is_dir():
        return [path]
    files = sorted((p for p in path.iterdir() if not p.name.startswith(".")), key=lambda p: natural_key(p.name))
    for file in files:
        _refuse_lossy(file, kind)
    images = [file for file in files if file.suffix.lower() == ".png"]
    if not images:
        raise SuiteError(f"annotation {kind!r}: {path} has no .png frames")
    return images


def _png(path: Path, kind: str) -> Array:
    """Stored values of a PNG; no colour conversion, since the values are data."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            colour = encoding(kind).colour
            if image.mode not in (("RGB",) if colour else ("L", "P", "1")):
                wanted = "an 8-bit RGB image" if colour else "an 8-bit grey or palette image"
                raise SuiteError(f"annotation {kind!r}: {path} has mode {image.mode}, expected {wanted}")
            return np.array(image, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise SuiteError(f"annotation {kind!r}: {path} is damaged: {error}") from None


# -- NPZ -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _reading:
    """Turn what goes wrong in an NPZ file into one sentence."""

    path: Path
    kind: str

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError | ValueError | EOFError | zipfile.BadZipFile | NotImplementedError):
            raise SuiteError(f"annotation {self.kind!r}: {self.path} is damaged: {error}") from None


def _npz(path: Path, kind: str) -> Iterator[Array]:
    with _reading(path, kind), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        member = next((name for name in ("data", "bits", "flow64") if f"{name}.npy" in names), None)
        if member is None:
            raise SuiteError(f"annotation {kind!r}: {path} has no array named 'data'")
        width = _scalar(archive, "width") if member == "bits" else 0
        with archive.open(f"{member}.npy") as file:
            for frame in _members(file):
                yield _decoded(frame, member, width)


def _scalar(archive: zipfile.ZipFile, name: str) -> int:
    with archive.open(f"{name}.npy") as file:
        return int(npy.read_array(file, allow_pickle=False))


def _decoded(frame: Array, member: str, width: int) -> Array:
    if member == "bits":
        return np.unpackbits(frame, axis=-1, count=width)
    return frame.astype(np.float32) / FLOW_SCALE if member == "flow64" else frame


def _members(file: IO[bytes]) -> Iterator[Array]:
    """Elements of the first axis of a ``.npy`` stream, one at a time; the archive's checksum is checked at the end."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format {version} is not known")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, columns_first, dtype = read_header(file)
    if dtype.hasobject or columns_first or not shape:
        raise ValueError("it is no plain array with a time axis")
    size = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    for _ in islice(repeat(None), shape[0]):
        data = file.read(size)
        if len(data) != size:
            raise EOFError("it ends early")
        yield np.frombuffer(data, dtype).reshape(shape[1:])
    file.read(1)
