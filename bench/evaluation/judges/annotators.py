"""Annotators of real video as judges: who is shown, the frame between two, surface parts, human parsing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.evaluation.judges.base import Array, FrameJudge, JudgeCard
from bench.evaluation.judges.cards import card


class ReadingJudge(FrameJudge):
    """A judge that answers what a function says of its input."""

    def __init__(self, card: JudgeCard, fingerprint: str, answer: Callable[[Array], Array]) -> None:
        self.card, self.fingerprint, self._answer = card, fingerprint, answer

    def read(self, frames: Array) -> Array:
        """See the role of the card in :data:`bench.evaluation.judges.base.ROLES`."""
        return self._answer(frames)


def osnet() -> ReadingJudge:
    """Re-identification by OSNet. Raises MissingInputError where its weights are not here."""
    from datasets.annotators.osnet import ReidReader

    reader = ReidReader.load()
    return ReadingJudge(card("osnet-x1.0"), reader.fingerprint, reader.read)


def super_slomo() -> ReadingJudge:
    """The frame between two by Super SloMo. Raises MissingInputError where its weights are not here."""
    from datasets.annotators.slomo import Interpolator

    network = Interpolator.load()
    return ReadingJudge(card("super-slomo"), network.fingerprint, lambda pair: network.between(pair[0], pair[1]))


def densepose() -> ReadingJudge:
    """Surface parts by DensePose. Raises MissingInputError where its file is not here."""
    network, maker = _annotator("densepose")
    return ReadingJudge(
        card("densepose-r101"), maker, lambda frame: np.ascontiguousarray(network(frame)["iuv"][..., 0])
    )


def schp() -> ReadingJudge:
    """CIHP's labels by SCHP trained on LIP. Raises MissingInputError where its weights are not here."""
    network, maker = _annotator("schp-lip")
    return ReadingJudge(card("schp-lip"), maker, lambda frame: network(frame)["parsing20"])


def _annotator(name: str) -> tuple[Callable[[Array], dict[str, Array]], str]:
    """What an annotator of single frames reads, and a hash of all that its answers depend on."""
    from datasets.annotators.base import FrameAnnotator
    from datasets.annotators.cards import chosen, load
    from datasets.files import digest

    ((about, _),) = chosen([name])
    annotator = load(about)
    assert isinstance(annotator, FrameAnnotator)
    key = digest([annotator.maker, annotator.weights, dict(annotator.settings)])
    return lambda frame: dict(annotator.read(frame)), key
