"""Checks 1, 2 and 12 on the stored frames of one clip: every frame is decoded once."""

from __future__ import annotations

import hashlib
import os
from itertools import pairwise

import numpy as np
from PIL import Image

from datasets.base import Array
from datasets.store.items import Finding
from datasets.store.manifest import Manifest, Row, frames_digest

#: More than this share of frames that equal the one before: the rate was converted by repeating frames.
REPEATED = 0.2
#: A frame whose grey values spread less than this shows nothing.
FLAT = 1.0
_AGAIN = "remove the clip's folder in the store and run prepare again"


def check_clip(store: Manifest, row: Row) -> list[Finding]:
    """Decode all frames of a clip: count, size, colour, empty pictures, repeats, and whether they changed."""
    folder = store.root / row.path
    files = sorted(folder.glob("*.png")) if folder.is_dir() else []
    if len(files) != row.n_frames:
        message = f"{len(files)} frames are in the store, its manifest says {row.n_frames}"
        return [Finding("E", 1, row.clip_id, message, _AGAIN)]
    found: list[Finding] = []
    hashes: list[str] = []
    flat = []
    for i, file in enumerate(files):
        if os.path.getsize(file) == 0:  # noqa: PTH202 - a stat a frame, millions of them
            return [*found, Finding("E", 1, row.clip_id, f"frame {i} is an empty file", _AGAIN)]
        try:
            with Image.open(file) as image:
                mode, (width, height) = image.mode, image.size
                frame: Array = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            return [*found, Finding("E", 1, row.clip_id, f"frame {i} cannot be read: {error}", _AGAIN)]
        if mode != "RGB" or (height, width) != (row.height, row.width):
            message = f"frame {i} is {width}x{height} {mode}, expected {row.width}x{row.height} RGB"
            return [*found, Finding("E", 2, row.clip_id, message, _AGAIN)]
        hashes.append(hashlib.sha256(frame.tobytes()).hexdigest())
        if float(frame[::4, ::4].std(axis=(0, 1)).max()) < FLAT:  # a sixteenth of the pixels says it
            flat.append(i)
    return found + _moving(row, hashes, flat) + _unchanged(row, hashes)


def _moving(row: Row, hashes: list[str], flat: list[int]) -> list[Finding]:
    found = []
    if flat:
        message = f"{len(flat)} frames of one colour, the first is frame {flat[0]}"
        found.append(Finding("E", 1, row.clip_id, message, "get the clip again, or leave it out"))
    if len(hashes) > 1:
        same = sum(a == b for a, b in pairwise(hashes)) / (len(hashes) - 1)
        if same == 1:
            found.append(Finding("W", 1, row.clip_id, "frozen: all frames are the same", "leave the clip out"))
        elif same > REPEATED:
            message = f"{same:.0%} of the frames repeat the one before: its rate was converted"
            found.append(Finding("W", 1, row.clip_id, message, "get the clip in its own rate"))
    return found


def _unchanged(row: Row, hashes: list[str]) -> list[Finding]:
    if frames_digest(hashes) == (row.sha256, row.key_sha256):
        return []
    return [Finding("E", 12, row.clip_id, "its frames changed since they were imported", _AGAIN)]
