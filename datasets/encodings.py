"""The canonical encoding of every annotation kind: shape, type and largest value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.base import KINDS, Array
from datasets.errors import SuiteError


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

    @property
    def colour(self) -> bool:
        """Whether that PNG file is an RGB one."""
        return len(self.shape) == 3


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


def encoding(kind: str) -> Encoding:
    """The encoding of a kind. Raises SuiteError for an unknown one."""
    if kind not in ENCODINGS:
        raise SuiteError(f"there is no annotation kind {kind!r}", f"known: {', '.join(ENCODINGS)}")
    return ENCODINGS[kind]


def validate(kind: str, array: Array, n_frames: int | None, size: tuple[int, int] | None, where: str) -> Array:
    """Return ``array`` if it is ``kind`` as encoded here (floats become float32), else raise SuiteError."""
    stated = encoding(kind)
    h, w = size or (-1, -1)
    fixed = tuple({0: h, 1: w}[i] if side == -1 else side for i, side in enumerate(stated.shape))
    fits = array.ndim == 1 + len(fixed) and all(a == b or b == -1 for a, b in zip(array.shape[1:], fixed, strict=True))
    wanted = np.dtype(stated.dtype)
    if not fits or (n_frames is not None and len(array) != n_frames) or array.dtype.kind != wanted.kind:
        shape = ", ".join(["T", *("HW"[i] if side == -1 else str(side) for i, side in enumerate(fixed))])
        got = f"{tuple(array.shape)} {array.dtype}"
        raise SuiteError(
            f"annotation {kind!r} in {where} is {got}, expected ({shape}) {stated.dtype}"
            + ("" if n_frames is None else f" with T = {n_frames}"),
            f"{kind}: {KINDS[kind]}",
        )
    if stated.largest is not None and array.size:
        first = array[..., 0] if stated.colour else array
        if int(first.max()) > stated.largest:
            raise SuiteError(
                f"annotation {kind!r} in {where} holds the value {int(first.max())}, the largest is {stated.largest}",
                f"{kind}: {KINDS[kind]}",
            )
    return array.astype(wanted, copy=False)
