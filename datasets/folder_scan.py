"""Find the videos in a folder: what is a clip, whose it is, and which split it was put into."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from datasets.annotation_files import find
from datasets.annotations import present_kinds
from datasets.errors import MissingInputError, UsageError
from datasets.files import data_root, digest, safe_name, sha256_file
from datasets.provenance import note_digest
from datasets.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES, frame_files, natural_key

ANNOTATIONS = ".annotations"
#: Folder below BENCH_DATA with the annotations of videos that lie elsewhere.
STORED = "annotations"
_SPLIT_FOLDERS = ("train", "val", "test")


@dataclass(frozen=True)
class Candidate:
    """A video that may become a clip; nothing of it is decoded yet.

    Attributes:
        id: safe name, unique in the data set.
        path: file or frame folder.
        identity: the sub-folder it lies in, else its own id.
        split: ``train``, ``val`` or ``test`` where the folders say so, else "".
    """

    id: str
    path: Path
    identity: str
    split: str

    @property
    def annotations(self) -> Path:
        """The folder ``<name without suffix>.annotations`` beside the clip, which need not exist."""
        name = self.path.stem if self.path.suffix.lower() in VIDEO_SUFFIXES + IMAGE_SUFFIXES else self.path.name
        return self.path.with_name(name + ANNOTATIONS)

    @cached_property
    def _hashes(self) -> list[list[str]]:
        """(name, SHA-256) of the clip's own files."""
        files = [(p.name, p) for p in frame_files(self.path)] if self.path.is_dir() else [("", self.path)]
        return [[name, sha256_file(p)] for name, p in files]

    @property
    def video_digest(self) -> str:
        """SHA-256 over the names and bytes of the clip's own files."""
        return digest([self.path.suffix.lower(), self._hashes])

    @property
    def stored(self) -> Path:
        """Where ``bench data annotate`` puts its annotations: a place of the video's content, so that it may move."""
        return data_root() / STORED / self.video_digest[:32]

    def folder_of(self, kind: str) -> Path | None:
        """The folder that holds a kind, that beside the clip first; None where it is absent."""
        return next((f for f in (self.annotations, self.stored) if find(f, kind) is not None), None)

    @property
    def kinds(self) -> frozenset[str]:
        """Annotation kinds that are there."""
        return present_kinds(self.annotations) | present_kinds(self.stored)

    def content(self) -> str:
        """SHA-256 over the names and bytes of the clip's files and of its annotations."""
        files = list(self._hashes)
        if self.annotations.is_dir():
            notes = sorted(p for p in self.annotations.rglob("*") if p.is_file())
            files += [[p.relative_to(self.path.parent).as_posix(), sha256_file(p)] for p in notes]
        for kind in sorted(present_kinds(self.stored) - present_kinds(self.annotations)):
            path = find(self.stored, kind)
            assert path is not None  # it is present
            files.append([f"{STORED}/{kind}", note_digest(self.stored, kind, path)])
        return digest([self.path.suffix.lower(), files])


def scan(folder: Path) -> list[Candidate]:
    """All videos of a folder, in natural order of their names.

    ``train/`` and ``test/`` (and ``val/``) are splits where both are present. In a split or at the top: video files,
    strips, folders of frames, and one level of folders with videos in them (one folder, one identity). A folder whose
    only videos are images of which none is a strip is itself one clip.

    Raises:
        MissingInputError: no such folder, or nothing in it is a video.
        UsageError: it is a file.
    """
    if not folder.exists():
        raise MissingInputError(f"the folder {folder} does not exist", "give an existing folder: --dataset folder:PATH")
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file, not a folder", "put it into a folder and name that")
    given = {name: folder / name for name in _SPLIT_FOLDERS if (folder / name).is_dir()}
    roots = given if {"train", "test"} <= set(given) else {"": folder}
    found = [Candidate("", path, identity, split) for split, root in roots.items() for path, identity in _videos(root)]
    if not found:
        raise MissingInputError(
            f"the folder {folder} holds no videos",
            f"it may hold {' '.join(VIDEO_SUFFIXES)} files, folders of .png/.jpg frames, or wide strips of frames",
        )
    return _named(found, folder)


def _videos(root: Path, nested: bool = True) -> list[tuple[Path, str]]:
    """(path, identity) of the videos of one folder; identity "" means the clip's own."""
    entries = sorted((p for p in root.iterdir() if not p.name.startswith(".")), key=lambda p: natural_key(p.name))
    folders = [p for p in entries if p.is_dir() and not p.name.endswith(ANNOTATIONS)]
    files = [p for p in entries if p.is_file() and p.suffix.lower() in VIDEO_SUFFIXES]
    images = [p for p in entries if p.is_file() and p.suffix.lower() in IMAGE_SUFFIXES]
    clips = [(p, "") for p in folders if frame_files(p)]
    if images and not files and not clips and len(images) > 1 and not any(map(_is_strip, images)):
        return [(root, "")]
    clips += [(p, "") for p in files + images]
    if nested:
        for p in folders:
            if not frame_files(p):
                clips += [(path, p.name) for path, _ in _videos(p, nested=False)]
    return sorted(clips, key=lambda clip: natural_key(clip[0].relative_to(root).as_posix()))


def _is_strip(path: Path) -> bool:
    """Whether an image is wide by a whole number of squares; what cannot be read is left to the decoder to report."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.width > image.height and image.width % image.height == 0
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return True


def _named(found: list[Candidate], folder: Path) -> list[Candidate]:
    """Give each a unique safe id: its place in the folder without the suffix, and with it where two would clash."""
    places = [c.path.relative_to(folder) for c in found]
    plain = [
        "/".join(p.with_suffix("").parts if c.path.is_file() else p.parts) for c, p in zip(found, places, strict=True)
    ]
    out: list[Candidate] = []
    for candidate, place, name in zip(found, places, plain, strict=True):
        unique = name if plain.count(name) == 1 else place.as_posix()
        # "+" is kept for parts of clips ("name+val").
        clip_id = safe_name(re.sub("[/+]", "-", unique) if unique not in ("", ".") else folder.resolve().name)
        if any(c.id == clip_id for c in out):
            clip_id = safe_name(place.as_posix() + "/")
        out.append(Candidate(clip_id, candidate.path, candidate.identity or clip_id, candidate.split))
    return out
