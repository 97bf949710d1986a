"""Decode a video once into the cache: square uint8 frames in one ``.npy``, annotations beside it.

An entry is addressed by the content of the video, the size and rate asked for, and this code; it is complete when its
``meta.json`` is there. Memory holds one frame at a time, and one of its annotations.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

import datasets.annotation_files
import datasets.annotations
import datasets.letterbox
import datasets.video
from datasets.annotations import square_annotation, stream_annotation
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
_CODE = (
    __file__,
    datasets.annotation_files.__file__,
    datasets.annotations.__file__,
    datasets.letterbox.__file__,
    datasets.video.__file__,
)


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


def decode(candidate: Candidate, content: str, preset: FolderPreset, kinds: Set[str]) -> Decoded:
    """The clip of a candidate: from the cache where it is there and undamaged, else decoded into it.

    Args:
        kinds: annotation kinds that the clip may show, where it has them.

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
        annotations={kind: entry / f"{kind}.npy" for kind in meta["kinds"] if kind in kinds},
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
    frames = write_stack(entry / "rgb.npy", islice(squares, preset.limit))
    kinds = _write_annotations(entry, candidate, video, preset.size, step, frames) if frames >= MIN_FRAMES else []
    meta = {"frames": frames, "fps": video.fps / step, "kinds": kinds}
    write_json(entry / "meta.json", meta)
    return meta


def _step(video: Video, max_fps: float | None) -> int:
    """Every how many frames one is kept. Frame folders and strips do not state a rate and are kept whole."""
    if max_fps is None or video.kind != "container":
        return 1
    return max(1, round(video.fps / max_fps))


def write_stack(path: Path, frames: Iterable[Array]) -> int:
    """Stream arrays of one shape and type into a ``.npy`` whose length is known only at the end; return the length."""
    count, first = 0, None
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for frame in frames:
            if first is None:
                first = frame
                _write_header(file, 0, first)
            file.write(np.ascontiguousarray(frame).tobytes())
            count += 1
        if first is not None:
            file.seek(0)
            _write_header(file, count, first)
    write_checksum(path)
    return count


def _write_header(file: BinaryIO, count: int, like: Array) -> None:
    """The header of ``count`` such arrays; numpy pads it so that a larger count takes no more room."""
    shape = (count, *like.shape)
    npy.write_array_header_1_0(file, {"descr": npy.dtype_to_descr(like.dtype), "fortran_order": False, "shape": shape})


def _write_annotations(entry: Path, candidate: Candidate, video: Video, size: int, step: int, frames: int) -> list[str]:
    """Bring the annotations of a video to the kept frames and the square; return their kinds.

    Flow and occlusion speak of the very next frame, so they are left out where frames are.
    """
    kinds = candidate.kinds - (frozenset({"flow", "occlusion"}) if step > 1 else frozenset())
    last = (frames - 1) * step + 1
    for kind in sorted(kinds):
        folder = candidate.folder_of(kind) or candidate.annotations
        notes = stream_annotation(folder, kind, last, video.size)
        kept = (square_annotation(kind, note, video.size, size) for note in islice(notes, 0, last, step))
        count = write_stack(entry / f"{kind}.npy", kept)
        if count < frames:
            raise SuiteError(f"annotation {kind!r} of {candidate.path} has fewer frames than the video")
    return sorted(kinds)
