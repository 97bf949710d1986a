"""What the networks of the world are called and what they are for; importing this costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class WorldCard:
    """Data-only card of one trained network.

    Attributes:
        name: what ``WorldReader.load`` takes. role: ``judge`` (measures only) or ``annotator`` (input or loss only).
        split: of the world, whose people, motions and scenes it was trained on. seed: of weights and examples.
        steps: of training, ``clips``: how many clips of the split were shown.
    """

    name: str
    role: str
    split: str
    seed: int
    steps: int
    clips: int

    @property
    def weights(self) -> Path:
        """The shipped weights."""
        return WEIGHTS / f"{self.name}.safetensors"

    @property
    def card(self) -> Path:
        """Its errors on held-out frames, its hash and how it was made (JSON)."""
        return WEIGHTS / f"{self.name}.json"


CARDS = {
    card.name: card
    for card in (
        WorldCard("judge-a", "judge", "judge", 101, 2600, 2400),
        WorldCard("judge-b", "judge", "judge", 202, 1900, 2400),
        WorldCard("world", "annotator", "train", 303, 2600, 2400),
    )
}
