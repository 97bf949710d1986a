"""Predictions of a program as they lie on disk: found by the names of pairs, refused by name where they are unsound."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.base import Array, Pair
from datasets.errors import CorruptVideoError, MissingInputError, UsageError
from datasets.files import digest, sha256_file
from datasets.video import VIDEO_SUFFIXES, open_video, read_image
from datasets.video_write import FRAME_NAME

CHECKSUMS = "predictions.sha256"
#: Beside frames that were taken in: the hash of what they were taken from.
TAKEN = "taken.json"
_FRAME = re.compile(r"(\d{6})\.png")
_SEED = re.compile(r"seed-(\d{1,10})")
_PNG_END = b"IEND\xaeB`\x82"
_LINE = re.compile(r"([0-9a-f]{64})[ *]{1,2}(\S.*)")
#: Files of ours that lie beside frames in a run folder.
_OURS = frozenset({"frames.json", "preview.mp4", TAKEN})


@dataclass(frozen=True)
class Prediction:
    """What there is for one pair.

    Attributes:
        files: frame number -> file, for a folder of frames. video: the video otherwise, or None.
        asked: frames that the pair has.
    """

    pair: str
    asked: int
    files: Mapping[int, Path]
    video: Path | None = None

    @property
    def source(self) -> str:
        """Hash of the bytes: another one means other predictions."""
        if self.video is not None:
            return digest([self.video.suffix, sha256_file(self.video)])
        return digest([[i, sha256_file(path)] for i, path in sorted(self.files.items())])

    def frames(self, size: int) -> Iterator[tuple[Array, bytes | None] | None]:
        """Each asked frame in order: (H, W, 3) uint8 and, where the file can be kept as it is, its bytes; None where
        it was not delivered.

        Raises:
            CorruptVideoError: a frame that cannot be read (named).
            UsageError: a frame of another size, or more frames than asked (named).
        """
        if self.video is not None:
            yield from self._decoded(size)
            return
        for i in range(self.asked):
            path = self.files.get(i)
            yield None if path is None else _read(path, size)

    def _decoded(self, size: int) -> Iterator[tuple[Array, bytes | None] | None]:
        assert self.video is not None
        count = 0
        for frame in open_video(self.video):
            _check_size(self.video, frame, size)
            count += 1
            if count > self.asked:
                raise UsageError(f"{self.video} has more than {self.asked} frames", "one for each driving frame")
            yield frame, None
        for _ in range(self.asked - count):
            yield None


def _read(path: Path, size: int) -> tuple[Array, bytes | None]:
    frame, data = read_image(path), path.read_bytes()
    if _PNG_END not in data[-1024:]:  # decoders forgive a file that lacks nothing but its end
        raise CorruptVideoError(f"{path} cannot be read as an image: it is cut short")
    _check_size(path, frame, size)
    return frame, data if _plain(path) else None


def _plain(path: Path) -> bool:
    """Whether every reader sees the same 8-bit RGB values in a PNG: no alpha, palette, gamma or rotation."""
    from PIL import Image

    with Image.open(path) as image:
        return (
            image.format == "PNG" and image.mode == "RGB" and not ({"gamma", "icc_profile", "exif"} & set(image.info))
        )


def _check_size(path: Path, frame: Array, size: int) -> None:
    if frame.shape != (size, size, 3):
        raise UsageError(
            f"{path} is {frame.shape[1]}x{frame.shape[0]}, frames of this protocol are {size}x{size}",
            "bring frames to that size yourself, and say in the card ([size]) how",
        )


# -- finding -----------------------------------------------------------------------------------------------------
def seed_folders(folder: Path, seeds: Sequence[int]) -> dict[int, Path]:
    """Seed -> folder with its pairs: ``seed-<n>`` below ``folder``, or ``folder`` itself where there is one seed.

    Raises:
        MissingInputError: no such folder, or none for a seed (named). UsageError: one for a seed that the card lacks.
    """
    if not folder.is_dir():
        raise MissingInputError(f"the folder {folder} does not exist", "give the folder with one folder for each pair")
    found = {int(m[1]): path for path in folder.iterdir() if (m := _SEED.fullmatch(path.name)) and path.is_dir()}
    if not found and len(seeds) == 1:
        return {seeds[0]: folder}
    lacking = [seed for seed in seeds if seed not in found]
    if lacking:
        raise MissingInputError(f"{folder} has no folder seed-{lacking[0]}, which the card names", "one for each seed")
    extra = sorted(set(found) - set(seeds))
    if extra:
        raise UsageError(f"{found[extra[0]]} is of a seed that the card does not name", "name it in [sampling] seeds")
    return {seed: found[seed] for seed in seeds}


def find_predictions(folder: Path, pairs: Sequence[Pair]) -> dict[str, Prediction]:
    """What there is for each pair; nothing there is an empty prediction.

    Raises:
        UsageError: a file or folder that is not named as expected (with the nearest pair), or two for a pair.
    """
    known = {pair.id: pair.stop - pair.start for pair in pairs}
    found: dict[str, Prediction] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == CHECKSUMS:
            continue
        name = path.name.removesuffix(path.suffix) if path.suffix.lower() in VIDEO_SUFFIXES else path.name
        if name not in known or not (path.is_dir() or name != path.name):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            said = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"{path} is named like no pair", f"{said}pairs.csv of the export lists the names")
        if name in found:
            raise UsageError(f"{folder} has two predictions for the pair {name}", "keep one of them")
        asked = known[name]
        found[name] = read_folder(path, name, asked) if path.is_dir() else Prediction(name, asked, {}, path)
    return {name: found.get(name, Prediction(name, asked, {})) for name, asked in known.items()}


def read_folder(path: Path, name: str, asked: int) -> Prediction:
    """The frames of a pair in a folder.

    Raises:
        UsageError: a file that is not named like a frame of it.
    """
    files: dict[int, Path] = {}
    for file in sorted(path.iterdir()):
        if file.name.startswith(".") or file.name in _OURS:
            continue
        match = _FRAME.fullmatch(file.name)
        if match is None or int(match[1]) >= asked:
            raise UsageError(
                f"{file} is no frame of the pair {name}",
                f"frames are named {FRAME_NAME.format(0)} to {FRAME_NAME.format(asked - 1)}",
            )
        files[int(match[1])] = file
    return Prediction(name, asked, files)


# -- checksums ---------------------------------------------------------------------------------------------------
def write_checksums(folder: Path) -> str:
    """The lines of ``predictions.sha256`` for every frame or video below ``folder``, in the format of sha256sum."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in _OURS | {CHECKSUMS})
    return "".join(
        f"{sha256_file(p)}  {p.relative_to(folder).as_posix()}\n" for p in files if not p.name.startswith(".")
    )


def check_checksums(folder: Path, text: str, where: str) -> None:
    """Compare the files below ``folder`` with the lines of :func:`write_checksums`.

    Raises:
        UsageError: a line that is none; a file that is missing, differs, was renamed or is not listed (named).
    """
    stated: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2].startswith("/") or ".." in Path(match[2]).parts:
            raise UsageError(f"{where}: line {number} is not 'SHA-256  NAME'")
        stated[match[2]] = match[1]
    actual = dict(line.split("  ", 1)[::-1] for line in write_checksums(folder).splitlines())
    for name, value in stated.items():
        if name not in actual:
            moved = [other for other, found in actual.items() if found == value and other not in stated]
            raise UsageError(
                f"the prediction {name} is missing from {folder}", f"it was renamed to {moved[0]}" if moved else ""
            )
        if actual[name] != value:
            raise UsageError(f"the prediction {name} in {folder} does not match its checksum: it was changed")
    extra = sorted(actual.keys() - stated.keys())
    if extra:
        raise UsageError(f"the prediction {extra[0]} in {folder} has no line in {where}")
