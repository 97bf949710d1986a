"""Inception of FID as judges."""

from __future__ import annotations

from bench.evaluation.judges.base import Array, FrameJudge, JudgeCard
from bench.evaluation.judges.cards import card
from datasets.annotators.inception import InceptionFeatures


class InceptionJudge(FrameJudge):
    """Pool3 features of a frame."""

    def __init__(self, card: JudgeCard, network: InceptionFeatures) -> None:
        self.card, self.fingerprint, self._network = card, network.fingerprint, network

    def read(self, frames: Array) -> Array:
        """(2048,) float32 of an (H, W, 3) uint8 RGB frame."""
        return self._network.read(frames)


def plain() -> InceptionJudge:
    """With pytorch-fid's preprocessing. Raises MissingInputError where its weights are not here."""
    return InceptionJudge(card("inception-2015-12-05"), InceptionFeatures.load())


def clean() -> InceptionJudge:
    """With clean-fid's preprocessing. Raises MissingInputError where its weights are not here."""
    return InceptionJudge(card("inception-2015-12-05-clean"), InceptionFeatures.load(clean=True))
