"""Frames of a track as one picture, a grid that a page steps through: seeking in a video is not frame-exact.

A grid is a copy for the eye (WebP, up to 64 frames); every number comes from the lossless frames.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bench.frames import MANIFEST
from datasets.base import Array
from datasets.files import cache_root, sha256_file, sha256_of, write_bytes
from leaderboard.media import MediaFolder, Track, frame_paths, read_frames, track_length
from leaderboard.remember import store

MAX_FRAMES = 64
COLUMNS = 8
#: longest side of a frame in a grid
MAX_SIDE = 256
QUALITY = 88
_VERSION = "1"


@dataclass(frozen=True)
class Strip:
    """One track on a page.

    Attributes:
        picture: grid of frames, row by row, relative to the report ("" = nothing could be read).
        width, height: of one frame in the grid.
        frames: number of each frame of the grid in the clip, from 0.
        video: the mp4 relative to the report ("" = none).
    """

    label: str
    kind: str
    picture: str
    width: int
    height: int
    frames: tuple[int, ...]
    video: str = ""

    @property
    def columns(self) -> int:
        """Frames in a row of the grid."""
        return max(1, min(COLUMNS, len(self.frames)))

    @property
    def rows(self) -> int:
        """Rows of the grid."""
        return max(1, math.ceil(len(self.frames) / COLUMNS))


def chosen_frames(total: int) -> tuple[int, ...]:
    """Which frames of a clip a grid shows: all, or every n-th of a long one."""
    step = max(1, math.ceil(total / MAX_FRAMES))
    return tuple(range(0, total, step))


def make_strip(track: Track, total: int, media: MediaFolder) -> Strip:
    """The grid of a track, from the cache where its frames have not changed.

    Args:
        total: frames of the clip; a photo has one.
    """
    wanted = (0,) if track.still is not None else chosen_frames(total)
    key = sha256_of(_VERSION, _content(track), json.dumps(wanted))
    file = cache_root() / "report" / "strips" / f"{key[:32]}.webp"
    about = store().get(f"strip {key}", lambda: _draw(track, wanted, file))
    if about and not file.is_file():
        about = _draw(track, wanted, file)
    video = media.copy(track.video, ".mp4") if track.video is not None else ""
    if not about:
        return Strip(track.label, track.kind, "", 0, 0, (), video)
    return Strip(track.label, track.kind, media.copy(file, ".webp"), about[0], about[1], wanted, video)


def _content(track: Track) -> str:
    """Hash of what a track shows: of the manifest that states its frames, else of the files."""
    if track.still is not None:
        return sha256_file(track.still)
    paths = frame_paths(track.frames)
    if paths:
        manifest = paths[0].parent / MANIFEST
        sizes = [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in paths]
        if manifest.is_file():  # it states the hash of all frames; a size tells a damaged one
            return sha256_of(manifest.read_bytes(), json.dumps([size[:2] for size in sizes]))
        return sha256_of(str(paths[0].parent), json.dumps(sizes))
    return sha256_file(track.video) if track.video is not None else ""


def _draw(track: Track, wanted: Sequence[int], file: Path) -> list[int]:
    """Write the grid; returns the width and height of a frame in it, [] where no frame can be read."""
    frames = read_frames(track, wanted)
    first = next((f for f in frames if f is not None), None)
    if first is None:
        return []
    scale = min(1.0, MAX_SIDE / max(first.shape[:2]))
    width, height = max(1, round(first.shape[1] * scale)), max(1, round(first.shape[0] * scale))
    rows = math.ceil(len(wanted) / COLUMNS)
    sheet = Image.new("RGB", (width * min(COLUMNS, len(wanted)), height * rows), (128, 128, 128))
    for i, frame in enumerate(frames):
        if frame is not None:
            sheet.paste(_fit(frame, width, height), (i % COLUMNS * width, i // COLUMNS * height))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=QUALITY, method=2)
    write_bytes(file, buffer.getvalue())
    return [width, height]


def _fit(frame: Array, width: int, height: int) -> Image.Image:
    picture = Image.fromarray(frame)
    return picture if picture.size == (width, height) else picture.resize((width, height), Image.Resampling.LANCZOS)


def strips_of(tracks: Sequence[Track], media: MediaFolder) -> list[Strip]:
    """The grids of one pair; all show the same frames."""
    framed = [t for t in tracks if frame_paths(t.frames)]  # a video is decoded only where nothing else says how long
    total = max((track_length(t) for t in framed or tracks), default=0)
    return [make_strip(track, total, media) for track in tracks]
