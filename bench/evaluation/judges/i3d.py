"""I3D as judges."""

from __future__ import annotations

from bench.evaluation.judges.base import Array, FrameJudge, JudgeCard
from bench.evaluation.judges.cards import card
from datasets.annotators.i3d import I3d


class I3dJudge(FrameJudge):
    """Reads a window of frames."""

    def __init__(self, card: JudgeCard, network: I3d) -> None:
        self.card, self.fingerprint, self._network = card, network.fingerprint, network

    def read(self, frames: Array) -> Array:
        """(D,) float32 of a window (T, H, W, 3) uint8 RGB."""
        return self._network.read(frames)


def logits() -> I3dJudge:
    """Logits, as StyleGAN-V computes FVD. Raises MissingInputError where the file is not here; so do the others."""
    return I3dJudge(card("i3d-kinetics-400"), I3d.load())


def stretched() -> I3dJudge:
    """Logits of stretched frames, as cd-fvd computes FVD."""
    return I3dJudge(card("i3d-kinetics-400-stretch"), I3d.load(stretch=True))


def bicubic() -> I3dJudge:
    """Logits of frames that were resized bicubically, as DisCo's scripts do."""
    return I3dJudge(card("i3d-kinetics-400-bicubic"), I3d.load(resize="bicubic"))


def pooled() -> I3dJudge:
    """Pooled features."""
    return I3dJudge(card("i3d-kinetics-400-pool"), I3d.load("pooled"))
