"""Persons cut out of parsing data sets: one clip a person, its frames crops around that person's mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from datasets.base import Array
from datasets.conversions import relabel, to_six
from datasets.errors import CorruptVideoError, SuiteError
from datasets.store.geometry import around
from datasets.store.items import Item
from datasets.store.readers import read_exact
from datasets.video import read_image

#: Persons whose box is lower than this in the official picture are left out: a crop of them would be mostly blur.
LEAST_HEIGHT = 64


@dataclass(frozen=True)
class Sight:
    """One picture in which a person is seen.

    Attributes:
        image, labels: the picture and its label map. people: map of person numbers, None where ``labels`` shows this
            person only. person: the number in ``people``.
    """

    image: Path
    labels: Path
    people: Path | None = None
    person: int = 0


def person_item(
    name: str, split: str, sights: Sequence[Sight], size: tuple[int, int], label_set: str, to_cihp: tuple[int, ...] = ()
) -> Item:
    """A clip of one person; every frame is cropped around the person, and only their labels are kept.

    Args:
        label_set: of the label maps (a key of :data:`datasets.conversions.TO_SIX`).
        to_cihp: table to the CIHP labels; () where the maps have them already.
    """
    files = tuple(dict.fromkeys(p for s in sights for p in (s.image, s.labels, s.people) if p is not None))

    def frames() -> Iterator[Array]:
        for sight in sights:
            yield _cropped(sight, size)[0]

    def labels() -> Array:
        return np.stack([_cropped(sight, size)[1] for sight in sights])

    def parsing20() -> Array:
        return relabel(labels(), to_cihp) if to_cihp else labels()

    annotations: dict[str, Callable[[], Array]] = {
        "parsing20": parsing20,
        "parsing6": lambda: to_six(labels(), label_set),
        "mask": lambda: (labels() > 0).astype(np.uint8),
    }
    return Item(
        name, split, frames, files, identity=name, motion=name, source_video=sights[0].image.parent.name
        if len(sights) > 1 else "", fps=1.0, annotations=annotations, flags=("rate unknown",),
    )  # fmt: skip


def _cropped(sight: Sight, size: tuple[int, int]) -> tuple[Array, Array]:
    """(picture, the person's labels) of a sight, cropped and resized. Raises SuiteError for damaged files."""
    image, labels = read_image(sight.image), person_labels(sight)
    if labels.shape != image.shape[:2]:
        raise SuiteError(
            f"annotation {sight.labels.name} is {labels.shape[1]}x{labels.shape[0]}, its picture "
            f"{image.shape[1]}x{image.shape[0]}"
        )
    crop = around(labels > 0, size)
    if crop is None:
        raise CorruptVideoError(f"{sight.image.name}: person {sight.person} has no pixel in {sight.labels.name}")
    return crop.image(image), crop.image(labels, nearest=True)


def person_labels(sight: Sight) -> Array:
    """(H, W) uint8 labels of one person, 0 elsewhere. Raises SuiteError."""
    labels = label_map(sight.labels)
    if sight.people is None:
        return labels
    people = label_map(sight.people)
    if people.shape != labels.shape:
        raise SuiteError(f"annotation {sight.people.name} and {sight.labels.name} have different sizes")
    return np.where(people == sight.person, labels, 0).astype(np.uint8)


@lru_cache(maxsize=8)
def label_map(path: Path) -> Array:
    """(H, W) uint8: the stored values, or the first channel of a colour PNG. Raises SuiteError."""
    array = read_exact(path)
    return array if array.ndim == 2 else np.ascontiguousarray(array[..., 0])


def people_of(path: Path) -> dict[int, int]:
    """Person number -> height of its box in pixels, of a map of person numbers (0 = nobody). Raises SuiteError."""
    people = label_map(path)
    found = {}
    for person in np.unique(people).tolist():
        if person:
            rows = np.flatnonzero((people == person).any(axis=1))
            found[int(person)] = int(rows[-1] - rows[0] + 1)
    return found
