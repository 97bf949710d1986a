"""Write one annotation kind of a clip frame by frame, with its provenance; it appears when it is complete.

Forms, by kind: label maps, IUV and backgrounds as PNG (labels with a palette, IUV marked by the text chunk
``densepose-order``), masks as packed bits, flow as int16 in 1/64 pixel (rounded to 1/128), the rest as float32.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy

from datasets.annotation_files import FLOW_SCALE, LOSSY
from datasets.base import Array
from datasets.encodings import encoding, validate
from datasets.errors import SuiteError
from datasets.files import atomic_path, write_json
from datasets.provenance import Provenance, provenance_path

_BITS = ("mask", "occlusion")
_PALETTE_STEP = 47  # neighbouring labels get colours that differ
#: zip files carry a time of their own; a fixed one keeps equal content equal.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Form(Protocol):
    def add(self, frame: Array) -> Array:
        """Write a frame; gives the frame as it will be read again."""

    def close(self) -> None:
        """End the file."""


class NoteWriter:
    """Takes the frames of one kind in order. Attributes: kind, count (frames so far), sha256 (of their values)."""

    def __init__(self, kind: str, size: tuple[int, int], form: _Form) -> None:
        self.kind, self.count = kind, 0
        self._size, self._form, self._hash = size, form, hashlib.sha256()

    def add(self, frame: Array) -> None:
        """Take the next frame. Raises SuiteError where it is not in the canonical encoding."""
        checked = validate(self.kind, frame[None], None, self._size, "what the annotator says")[0]
        stored = self._form.add(checked)
        self._hash.update(np.ascontiguousarray(stored).tobytes())
        self.count += 1

    @property
    def sha256(self) -> str:
        """SHA-256 of the values of all frames so far."""
        return self._hash.hexdigest()


@contextmanager
def note_writer(
    folder: Path, kind: str, length: int, size: tuple[int, int], about: Mapping[str, Any]
) -> Iterator[NoteWriter]:
    """Write ``kind`` below ``folder``; what was there of it is replaced when the block ends well.

    Args:
        length: how many frames will come. size: (H, W) of the clip.
        about: the fields of :class:`Provenance` that the annotator knows; read when the block ends.

    Raises:
        SuiteError: another number of frames came. StorageError: it cannot be written.
    """
    image = encoding(kind).image and kind not in _BITS
    with atomic_path(folder / (kind if image else f"{kind}.npz")) as temporary:
        form: _Form = _Images(temporary, kind) if image else _Npz(temporary, kind, length, size)
        writer = NoteWriter(kind, size, form)
        try:
            yield writer
        finally:
            form.close()
        if writer.count != length:
            raise SuiteError(f"{kind} of {about['clip']}: {writer.count} frames were annotated, the clip has {length}")
        # The old values go before the new record comes, so that a record never speaks of other values.
        remove_kind(folder, kind)
        known = Provenance(kind=kind, frames=length, size=size, sha256=writer.sha256, **about)
        write_json(provenance_path(folder, kind), asdict(known))


def remove_kind(folder: Path, kind: str) -> None:
    """Remove all files of a kind from a folder of annotations."""
    for suffix in (".npz", ".png", *LOSSY):
        (folder / f"{kind}{suffix}").unlink(missing_ok=True)
    shutil.rmtree(folder / kind, ignore_errors=True)
    provenance_path(folder, kind).unlink(missing_ok=True)


# -- forms ---------------------------------------------------------------------------------------------------------
class _Images:
    """A folder of PNG files; a background that never changes is one file."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind, self._count = folder, kind, 0
        self._still: Array | None = None
        folder.mkdir()

    def add(self, frame: Array) -> Array:
        if self._kind == "background" and self._count and self._still is not None:
            if np.array_equal(frame, self._still):
                self._count += 1
                return frame
            for i in range(1, self._count):  # it moves after all
                self._write(i, self._still)
        self._still = frame if self._kind == "background" and not self._count else None
        self._write(self._count, frame)
        self._count += 1
        return frame

    def _write(self, index: int, frame: Array) -> None:
        from PIL import Image, PngImagePlugin

        image, text = Image.fromarray(frame), PngImagePlugin.PngInfo()
        if not encoding(self._kind).colour:
            image.putpalette([(i * _PALETTE_STEP * step) % 256 for i in range(256) for step in (1, 3, 5)])
        if self._kind == "iuv":
            text.add_text("densepose-order", "IUV")
        image.save(self._folder / f"{index:06d}.png", pnginfo=text, compress_level=4)

    def close(self) -> None:
        pass


class _Npz:
    """A zip file with one array whose length is known beforehand."""

    def __init__(self, path: Path, kind: str, length: int, size: tuple[int, int]) -> None:
        self._kind = kind
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        member, dtype, shape = self._layout(size)
        if member == "bits":
            with self._open("width") as file:
                npy.write_array(file, np.array(size[1]))
        self._file = self._open(member)
        header = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": (length, *shape)}
        npy.write_array_header_1_0(self._file, header)

    def _open(self, member: str) -> Any:
        entry = zipfile.ZipInfo(f"{member}.npy", _EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        return self._archive.open(entry, "w", force_zip64=True)

    def _layout(self, size: tuple[int, int]) -> tuple[str, str, tuple[int, ...]]:
        stated = encoding(self._kind)
        if self._kind in _BITS:
            return "bits", "uint8", (size[0], -(-size[1] // 8))
        shape = tuple({0: size[0], 1: size[1]}[i] if side == -1 else side for i, side in enumerate(stated.shape))
        return ("flow64", "int16", shape) if self._kind == "flow" else ("data", stated.dtype, shape)

    def add(self, frame: Array) -> Array:
        if self._kind in _BITS:
            self._file.write(np.packbits(frame, axis=-1).tobytes())
            return frame
        if self._kind == "flow":
            limit = np.iinfo(np.int16).max
            stored = np.clip(np.rint(np.nan_to_num(frame) * FLOW_SCALE), -limit, limit).astype(np.int16)
            self._file.write(stored.tobytes())
            return stored.astype(np.float32) / FLOW_SCALE
        self._file.write(np.ascontiguousarray(frame).tobytes())
        return frame

    def close(self) -> None:
        self._file.close()
        self._archive.close()
