"""Decode a video once into the cache: square uint8 frames in one ``.npy``, annotations beside it.

An entry is addressed by the content of the video, the size and rate asked for, and this code; it is complete when its
``meta.json`` is there. Memory holds one frame at a time (annotations in ``.npz`` are read whole).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

import datasets.annotations
import datasets.letterbox
import datasets.video
from datasets.annotations import present_kinds, read_annotations, square_annotation
from datasets.base import Array
from datasets.clips import ArrayClip
from datasets.errors import StorageError, SuiteError
from datasets.files import (
    atomic_path,
    cache_root,
    digest,
    read_json,
    source_digest,
    verify_checksum,
    write_checksum,
    write_json,
)
from datasets.folder_scan import Candidate
from datasets.folder_spec import FolderPreset
from datasets.letterbox import square
from datasets.video import Video, open_video

#: A clip shorter than this can neither train nor drive.
MIN_FRAMES = 8
_CODE = (__file__, datasets.annotations.__file__, datasets.letterbox.__file__, datasets.video.__file__)


@dataclass(frozen=True)
class Decoded:
    """A usable clip, or the reason why it is none.

    Attributes:
        clip: the whole clip; None where ``reason`` says why not.
        content: SHA-256 of what it was made of.
        reason: one sentence, "" for a usable clip.
    """

    candidate: Candidate
    content: str
    clip: ArrayClip | None
    reason: str = ""


def decode(candidate: Candidate, content: str, preset: FolderPreset) -> Decoded:
    """The clip of a candidate: from the cache where it is there and undamaged, else decoded into it.

    Raises:
        StorageError: the cache cannot be written.
    """
    rule = [content, preset.size, preset.limit, preset.max_fps, source_digest(_CODE)]
    entry = cache_root() / "folder" / digest(rule)[:24]
    try:
        meta = _cached(entry) or _fill(entry, candidate, preset)
    except StorageError:
        raise
    except SuiteError as error:
        return Decoded(candidate, content, None, error.message)
    if meta["frames"] < MIN_FRAMES:
        reason = f"{candidate.path} is too short: {meta['frames']} frame(s), {MIN_FRAMES} are needed"
        return Decoded(candidate, content, None, reason)
    clip = ArrayClip(
        candidate.id,
        entry / "rgb.npy",
        annotations={kind: entry / f"{kind}.npy" for kind in meta["kinds"]},
        identity=candidate.identity,
        fps=meta["fps"],
    )
    return Decoded(candidate, content, clip)


def _cached(entry: Path) -> dict[str, Any] | None:
    """The entry's facts, or None where it is missing, incomplete or damaged (it is then made anew)."""
    if not (entry / "meta.json").exists():
        return None
    try:
        meta = read_json(entry / "meta.json")
        whole = all(verify_checksum(entry / f"{name}.npy") for name in ("rgb", *meta["kinds"]))
    except (SuiteError, KeyError, TypeError):
        return None
    return dict(meta) if whole else None


def _fill(entry: Path, candidate: Candidate, preset: FolderPreset) -> dict[str, Any]:
    video = open_video(candidate.path)
    step = _step(video, preset.max_fps)
    squares = (square(frame, preset.size) for frame in islice(video, 0, None, step))
    frames = _write_frames(entry / "rgb.npy", islice(squares, preset.limit), preset.size)
    kinds = _write_annotations(entry, candidate, video, preset.size, step, frames) if frames >= MIN_FRAMES else []
    meta = {"frames": frames, "fps": video.fps / step, "kinds": kinds}
    write_json(entry / "meta.json", meta)
    return meta


def _step(video: Video, max_fps: float | None) -> int:
    """Every how many frames one is kept. Frame folders and strips do not state a rate and are kept whole."""
    if max_fps is None or video.kind != "container":
        return 1
    return max(1, round(video.fps / max_fps))


def _write_frames(path: Path, frames: Iterator[Array], size: int) -> int:
    """Stream (size, size, 3) uint8 frames into a ``.npy`` whose length is known only at the end; return the length."""
    count = 0
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        _write_header(file, 0, size)
        for frame in frames:
            file.write(frame.tobytes())
            count += 1
        file.seek(0)
        _write_header(file, count, size)
    write_checksum(path)
    return count


def _write_header(file: BinaryIO, count: int, size: int) -> None:
    """The header of a (count, size, size, 3) uint8 array; numpy pads it so that a larger count takes no more room."""
    npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)})


def _write_annotations(entry: Path, candidate: Candidate, video: Video, size: int, step: int, frames: int) -> list[str]:
    """Bring the annotations beside a video to the kept frames and the square; return their kinds.

    Flow and occlusion speak of the very next frame, so they are left out where frames are.
    """
    kinds = present_kinds(candidate.annotations) - (frozenset({"flow", "occlusion"}) if step > 1 else frozenset())
    for kind in sorted(kinds):  # one at a time: a whole clip of maps is large
        array = read_annotations(candidate.annotations, [kind], None, video.size)[kind]
        if len(array) < (frames - 1) * step + 1:
            raise SuiteError(f"annotation {kind!r} of {candidate.path} has {len(array)} frames, fewer than the video")
        with atomic_path(entry / f"{kind}.npy") as temporary:
            kept = array[: (frames - 1) * step + 1 : step]
            np.save(temporary, np.stack([square_annotation(kind, a, video.size, size) for a in kept]))
        write_checksum(entry / f"{kind}.npy")
    return sorted(kinds)
