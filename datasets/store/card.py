"""The card of a real data set: what is known of it, where a user gets it, and how it is read. Cheap to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.base import DatasetSpec
from datasets.errors import MissingInputError
from datasets.files import data_root

if TYPE_CHECKING:
    from datasets.base import Dataset

SELF = "self-reconstruction@1"
CROSS = "cross-animation@1"
#: The argument of ``--dataset name:person-disjoint``: no training clip shows a person or video of the test clips.
DISJOINT = "person-disjoint"


@dataclass(frozen=True)
class Count:
    """Clips that somebody published: ``source`` says who, ``clips`` is split -> number."""

    source: str
    clips: Mapping[str, int]


@dataclass(frozen=True)
class RealSpec(DatasetSpec):
    """Data-only card of a real data set.

    Attributes:
        scan: ``module:attribute`` of ``(folder, options) -> Listing``, which reads the official layout.
        paper, homepage: where it was published, and its page.
        consent: what is known of the consent of the people shown.
        get: ways in which a user gets the data today, best first.
        layouts: the official folder layouts that ``prepare --from`` takes.
        resolution: (H, W) of the stored frames; the longer side is the size of preset ``paper``.
        crop: how official frames become stored ones.
        fps: the one rate that its clips have, or None where each has its own.
        fps_rule: that in words.
        frames: least and (None: no limit) most frames of a clip.
        clip_name: regular expression of official clip names.
        counts: published numbers of clips.
        defects: known defects of the released files.
        shared_people: why persons may stand in both splits by design ("" where that is a defect).
        one_size: whether the official files all have one resolution.
        images: whether a clip is a few photos of one person rather than a video.
    """

    scan: str = ""
    paper: str = ""
    homepage: str = ""
    consent: str = ""
    get: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    resolution: tuple[int, int] = (256, 256)
    crop: str = "whole picture, aspect ratio kept, black bars"
    fps: float | None = None
    fps_rule: str = "each clip keeps its own rate"
    frames: tuple[int, int | None] = (2, None)
    clip_name: str = r"[^/]+"
    counts: tuple[Count, ...] = ()
    defects: tuple[str, ...] = field(default=())
    shared_people: str = ""
    one_size: bool = False
    images: bool = False

    @property
    def root(self) -> Path:
        """Where its store lies, or would lie."""
        return data_root() / self.name

    @property
    def prepared(self) -> bool:
        """Whether the store is complete: its last file is there."""
        return (self.root / "dataset.json").is_file()


def opener(card: RealSpec) -> Callable[[str, str, str], Dataset]:
    """The factory of a card: ``(argument, preset, annotation_class) -> Dataset``."""

    def open_store(argument: str, preset: str, annotation_class: str) -> Dataset:
        from datasets.store.dataset import StoreDataset

        return StoreDataset(card, argument, preset, annotation_class)

    return open_store


def how_to_get(card: RealSpec) -> str:
    """What a user has to do, in a few sentences: where the data are, what the folder must hold, and the command."""
    ways = "; or ".join(card.get)
    layouts = "; or ".join(card.layouts)
    return (
        f"get it: {ways}. Then: bench data prepare {card.name} --from DIR, where DIR holds {layouts}. "
        f"Terms: {card.licence}. (docs/datasets/{card.name}.md)"
    )


def require_prepared(card: RealSpec) -> None:
    """Raise MissingInputError with :func:`how_to_get` where the store is not there, or is only half made."""
    if card.prepared:
        return
    half = (card.root / "records").is_dir()
    state = "is prepared only half: run the command again, it goes on" if half else "is not here"
    raise MissingInputError(f"the data set {card.name} {state} ({card.root} has no dataset.json)", how_to_get(card))
