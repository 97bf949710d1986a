"""LPIPS as judges."""

from __future__ import annotations

from bench.evaluation.judges.base import Array, JudgeCard, PairJudge
from bench.evaluation.judges.cards import card
from datasets.annotators.lpips_trunks import Lpips


class LpipsJudge(PairJudge):
    """LPIPS of one network."""

    def __init__(self, card: JudgeCard, network: Lpips) -> None:
        self.card, self.fingerprint, self._network = card, network.fingerprint, network

    def compare(self, generated: Array, reference: Array) -> float:
        """LPIPS of two (H, W, 3) uint8 RGB frames."""
        return self._network.distance(generated, reference)


def alex() -> LpipsJudge:
    """With AlexNet. Raises MissingInputError where its weights are not here; so do the others."""
    return LpipsJudge(card("lpips-0.1-alex"), Lpips.load("alex"))


def squeeze() -> LpipsJudge:
    """With SqueezeNet 1.1."""
    return LpipsJudge(card("lpips-0.1-squeeze"), Lpips.load("squeeze"))


def vgg() -> LpipsJudge:
    """With VGG-16."""
    return LpipsJudge(card("lpips-0.1-vgg"), Lpips.load("vgg"))


def vgg_unscaled() -> LpipsJudge:
    """With VGG-16, fed [0, 1] where it expects [-1, 1]."""
    return LpipsJudge(card("lpips-0.1-vgg-unscaled"), Lpips.load("vgg", scaled=False))
