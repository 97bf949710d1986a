"""The annotator interface: a network, or an algorithm, that says something of every frame of a clip.

A card is data only. An annotator is loaded by its card's ``implementation`` and goes through one clip at a time, frame
by frame, so that memory does not grow with the clip. What it says is stored by :mod:`datasets.annotators.run`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datasets.provenance import maker

if TYPE_CHECKING:
    from datasets.base import Array
    from datasets.footage import Measured


@dataclass(frozen=True)
class AnnotatorCard:
    """Data-only card of an annotator.

    Attributes:
        role: the word that ``--with`` takes; the first card of a role is its default.
        version: changes whenever its answers would.
        outputs: kinds of :data:`datasets.base.KINDS` that it makes.
        implementation: ``module:attribute`` of a callable ``(card, device, *arguments) -> Annotator``.
        weights: names in ``bench weights`` that it needs. licence: of code and weights.
        extra: optional dependency group that it needs ("" = none).
        uses: annotation kinds of the clip that it reads where they are there (they are made first).
        needs: groups of kinds, of each of which one must be there.
        arguments: names of what follows the annotator's name behind ``@`` signs.
    """

    name: str
    role: str
    title: str
    outputs: tuple[str, ...]
    implementation: str
    licence: str
    version: str = "1"
    weights: tuple[str, ...] = ()
    extra: str = ""
    uses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    measured: str = "no"


class Annotator(ABC):
    """A loaded annotator.

    Attributes:
        card: its card. weights: SHA-256 over its weights, "" where it has none.
        settings: what else its answers depend on (thresholds, sizes, versions of packages).
    """

    card: AnnotatorCard
    weights: str = ""
    settings: Mapping[str, Any] = {}

    @property
    def maker(self) -> str:
        """What tells it from other annotators: name, version, weights and settings."""
        return maker(self.card.name, self.card.version, self.weights, self.settings)

    @abstractmethod
    def annotate(self, clip: Measured, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        """For every frame in order: kind -> its annotation in the canonical encoding, for each kind of the card.

        Args:
            facts: takes what was found out about the clip as a whole; read after the last frame.
        """


class FrameAnnotator(Annotator):
    """An annotator that looks at single frames."""

    @abstractmethod
    def read(self, frame: Array) -> Mapping[str, Array]:
        """What it says of one (H, W, 3) uint8 RGB frame."""

    def annotate(self, clip: Measured, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        """See :meth:`Annotator.annotate`."""
        return (self.read(frame) for frame in clip.frames())
