"""What a scanner hands to the importer: clips that can be read, the pairs of official lists, and findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets.base import Array
    from datasets.store.geometry import Crop

#: What a finding is: an error (exit status 3), a warning, or information.
LEVELS = ("E", "W", "I")


@dataclass(frozen=True)
class Finding:
    """One line of ``bench data verify``.

    Attributes:
        level: ``E``, ``W`` or ``I``. check: number of the check, 1 to 12 (docs/datasets/README.md).
        clip: what it is about: a clip id, an official name, or "" for the whole data set.
        remedy: what to do about it.
    """

    level: str
    check: int
    clip: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.level}{self.check} {self.clip or '*'}: {self.message}"
        return f"{line} -> {self.remedy}" if self.remedy else line

    def to_json(self) -> dict[str, Any]:
        """Its fields as a plain mapping."""
        return {name: getattr(self, name) for name in ("level", "check", "clip", "message", "remedy")}


@dataclass(frozen=True)
class Options:
    """What ``bench data prepare`` is given beside the folder.

    Attributes:
        test_list: text file with one official clip name a line: the test split of a list that has none.
        crop: ``stretched`` or ``padded``: how a box that is not square becomes a square ("" = the card's own rule).
    """

    test_list: Path | None = None
    crop: str = ""


@dataclass(frozen=True)
class Item:
    """One official clip.

    Attributes:
        name: official name, any characters. split: ``train``, ``val`` or ``test``.
        frames: gives the official frames, (H, W, 3) uint8 RGB, each time anew. Raises SuiteError for a damaged file.
        files: what it is read from; their sizes and times tell whether it has to be imported again.
        identity, motion, source_video, start, end: as far as the official lists say (``end`` exclusive).
        fps: rate that the official list states; None: the container's own, or the card's.
        rate: rate that the container states; None where there is no container.
        crop: picks what is stored, from the (H, W) of the frames; None: the whole picture.
        annotations: kind -> (T, ...) array in the canonical encoding, for frames of the official size.
        frame_names: official file names of the frames in order, where there are any.
        expected_frames: how many there should be (None: not known).
        flags: facts that stand in the manifest (``crop=stretched``).
    """

    name: str
    split: str
    frames: Callable[[], Iterator[Array]]
    files: tuple[Path, ...]
    identity: str = ""
    motion: str = ""
    source_video: str = ""
    start: int | None = None
    end: int | None = None
    fps: float | None = None
    rate: float | None = None
    crop: Callable[[tuple[int, int]], Crop] | None = None
    annotations: Mapping[str, Callable[[], Array]] = field(default_factory=dict)
    frame_names: tuple[str, ...] = ()
    expected_frames: int | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListedPair:
    """A pair of an official list, in official clip names.

    Attributes:
        start, stop: range of driving frames; ``stop=None``: to the end.
        truth: whether the driving frames are themselves the truth (self-reconstruction).
    """

    source: str
    source_frame: int
    driving: str
    start: int = 0
    stop: int | None = None
    truth: bool = False


@dataclass(frozen=True)
class Listing:
    """What lies in a folder.

    Attributes:
        pairs: protocol -> the pairs of its official list.
        expected: official names that a list beside the data states, split by split (empty: no list is there).
        rule: how official frames become stored ones here, where that differs from the card's ``crop``.
    """

    items: tuple[Item, ...]
    findings: tuple[Finding, ...] = ()
    pairs: Mapping[str, tuple[ListedPair, ...]] = field(default_factory=dict)
    expected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rule: str = ""
