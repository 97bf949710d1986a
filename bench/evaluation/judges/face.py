"""Faces as a judge."""

from __future__ import annotations

from bench.evaluation.judges.base import Array, FrameJudge, JudgeCard
from bench.evaluation.judges.cards import card
from datasets.annotators.facenet import FaceReader


class FaceJudge(FrameJudge):
    """Embedding of the largest face."""

    def __init__(self, card: JudgeCard, reader: FaceReader) -> None:
        self.card, self.fingerprint, self._reader = card, reader.fingerprint, reader

    def read(self, frames: Array) -> Array:
        """(512,) float32 of unit length for an (H, W, 3) uint8 RGB frame; all NaN where no face is found."""
        return self._reader.read(frames)


def face() -> FaceJudge:
    """With the published weights. Raises MissingInputError where they are not here."""
    return FaceJudge(card("facenet-vggface2"), FaceReader.load())
