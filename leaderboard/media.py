"""Pictures of a board: which pairs and rows are shown, where their frames lie, and the folder that holds copies."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.base import Array
from datasets.errors import SuiteError
from datasets.files import safe_name
from leaderboard.runs import RunData, below
from leaderboard.tables import Board, Row

MAX_ROWS = 10
#: 16 digits are 64 bits: no two files of a report meet, and names stay short
HASH_DIGITS = 16
_FRAME = re.compile(r"\d{6}\.png")


@dataclass(frozen=True)
class Track:
    """One picture of a sample: where its frames and its video lie.

    Attributes:
        kind: ``source``, ``driving``, ``truth`` or ``generated``.
        frames: folder of lossless frames, or None where only the video exists.
        video: the mp4, or None (the source photo).
        still: the photo (source only).
    """

    label: str
    kind: str
    frames: Path | None = None
    video: Path | None = None
    still: Path | None = None


@dataclass(frozen=True)
class Trial:
    """One pair with all its tracks."""

    pair: str
    tracks: tuple[Track, ...]

    @property
    def n_frames(self) -> int:
        """Frames of the longest track that has frames on disk."""
        return max((len(frame_paths(t.frames)) for t in self.tracks if t.frames), default=0)


class MediaFolder:
    """``<report>/media``: holds each content once."""

    def __init__(self, report: Path) -> None:
        self.report = report
        self.folder = report / "media"

    def copy(self, path: Path, suffix: str) -> str:
        """Copy a file; returns its path relative to the report."""
        with path.open("rb") as file:
            name = hashlib.file_digest(file, "sha256").hexdigest()[:HASH_DIGITS] + suffix
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / name).exists():
            shutil.copyfile(path, self.folder / name)
        return f"media/{name}"

    def image(self, picture: Image.Image, kind: str) -> str:
        """Store a picture as ``PNG`` or ``JPEG``; returns its path relative to the report."""
        buffer = io.BytesIO()
        picture.save(buffer, kind, quality=88)  # the quality is of JPEG only
        data = buffer.getvalue()
        name = hashlib.sha256(data).hexdigest()[:HASH_DIGITS] + (".jpg" if kind == "JPEG" else ".png")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)
        return f"media/{name}"


# -- finding frames ----------------------------------------------------------------------------------------------
def frame_paths(folder: Path | None) -> list[Path]:
    """The ``%06d.png`` files of a folder in order; links are left out."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if _FRAME.fullmatch(p.name) and not p.is_symlink())


def _file(folder: Path | None, name: str) -> Path | None:
    path = below(folder, name) if folder is not None else None
    return path if path is not None and path.is_file() else None


def generated_folder(row: Row, protocol: str) -> Path | None:
    """Folder of the generated pairs of a row: of its first run that has one."""
    return next((found for run in row.runs if (found := _generated(run, protocol, row.mode))), None)


def _generated(run: RunData, protocol: str, mode: str) -> Path | None:
    names = [f"{safe_name(protocol)}[{safe_name(mode)}]"]
    if mode == run.text("mode"):
        names.insert(0, safe_name(protocol))
    for name in names:
        folder = below(run.folder, "generated", name)
        if folder is not None and folder.is_dir():
            return folder
    return None


def preview_of(run: RunData, protocol: str, mode: str, pair: str) -> Path | None:
    """The preview video of a pair that a run generated, where there is one."""
    folder = _generated(run, protocol, mode)
    return _file(below(folder, pair), "preview.mp4") if folder is not None else None


def shown_rows(board: Board) -> list[Row]:
    """Rows whose pictures are shown: methods, then variants; else the bars, so that no report is without pictures."""
    for rows in ([*board.methods, *board.variants], board.sanity):
        found = [r for r in rows if generated_folder(r, board.setting.protocol)]
        if found:
            return found[:MAX_ROWS]
    return []


def spread(names: Iterable[str], count: int) -> list[str]:
    """``count`` of the names at equal distances, so that a list ordered by kind shows each kind."""
    found = sorted(names)
    if len(found) <= count:
        return found
    return [found[round(i * (len(found) - 1) / max(1, count - 1))] for i in range(count)]


def pairs_with_frames(board: Board) -> list[str]:
    """Sorted names of the pairs that some shown row has a folder of."""
    folders = [generated_folder(row, board.setting.protocol) for row in shown_rows(board)]
    return sorted(
        {p.name for f in folders if f for p in f.iterdir() if p.is_dir() and not p.name.startswith(".")}
    )  # fmt: skip


def find_trials(board: Board, references: Path | None, pairs: Sequence[str]) -> list[Trial]:
    """Pairs of a board with the tracks of the rows shown.

    Args:
        references: folder of what the rows are compared with.
        pairs: their names.
    """
    rows = shown_rows(board)
    folders = {id(r): generated_folder(r, board.setting.protocol) for r in rows}
    trials = []
    for pair in pairs:
        shared = below(references, pair) if references is not None else None
        truth = below(references, "frames", pair) if references is not None else None
        found = {i: below(f, pair) for i, f in folders.items() if f is not None}
        tracks = _shared_tracks(shared, truth, list(found.values()))
        for row in rows:
            folder = found.get(id(row))
            if folder is not None and frame_paths(folder):
                tracks.append(Track(row.label, "generated", folder, _file(folder, "preview.mp4")))
        trials.append(Trial(pair, tuple(tracks)))
    return trials


def _shared_tracks(shared: Path | None, truth: Path | None, generated: Sequence[Path | None]) -> list[Track]:
    """Source photo, driving video and truth, as far as they are there."""
    tracks = []
    still = next((f for f in (_file(d, "source.png") for d in [shared, *generated]) if f), None)
    if still:
        tracks.append(Track("source photo", "source", still=still))
    if driving := _file(shared, "driving.mp4"):
        tracks.append(Track("driving video", "driving", video=driving))
    if frame_paths(truth) or _file(shared, "reference.mp4"):
        tracks.append(Track("truth", "truth", truth, _file(shared, "reference.mp4")))
    return tracks


# -- reading frames ----------------------------------------------------------------------------------------------
def read_frames(track: Track, indices: Sequence[int]) -> list[Array | None]:
    """Frames of a track at ``indices``, (H, W, 3) uint8 RGB; None where one cannot be read.

    The lossless frames are read where they exist, else the video is decoded once up to the last index.
    """
    if track.still is not None:
        return [_open(track.still)] * len(indices)
    paths = {int(path.stem): path for path in frame_paths(track.frames)}  # by number: some may not be delivered
    if paths:
        return [_open(paths[i]) if i in paths else None for i in indices]
    wanted: dict[int, Array] = {}
    if track.video is not None:
        from datasets.video import open_video

        try:
            for i, frame in enumerate(open_video(track.video)):
                if i in indices:
                    wanted[i] = frame
                if i >= max(indices):
                    break
        except SuiteError:  # a damaged preview leaves a gap, and the numbers stand
            pass
    return [wanted.get(i) for i in indices]


def track_length(track: Track) -> int:
    """Frames of a track: one past its last file, or of its video; 0 for a photo and for what cannot be read."""
    paths = frame_paths(track.frames)
    if paths:
        return int(paths[-1].stem) + 1
    if track.still is not None or track.video is None:
        return 0
    from datasets.video import open_video

    try:
        return sum(1 for _ in open_video(track.video))
    except SuiteError:
        return 0


def clip_rate(trial: Trial) -> float:
    """Frames per second of a pair's first video that can be read, else 25."""
    from datasets.video import open_video

    for track in trial.tracks:
        if track.video is not None:
            try:
                return float(open_video(track.video).fps)
            except SuiteError:
                continue
    return 25.0


def _open(path: Path) -> Array | None:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        return None
