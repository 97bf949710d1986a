"""The flow judge on real videos: RAFT-large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.evaluation.judges.base import Array, FrameJudge, JudgeCard
from bench.evaluation.judges.cards import card

if TYPE_CHECKING:
    from datasets.annotators.raft import RAFT


class FlowJudge(FrameJudge):
    """Displacement between two frames."""

    def __init__(self, card: JudgeCard, network: RAFT) -> None:
        self.card, self.fingerprint, self._network = card, network.fingerprint, network

    def read(self, frames: Array) -> Array:
        """(2, H, W, 3) uint8 RGB -> (H, W, 2) float32 displacement from the first to the second, pixels."""
        first, second = frames
        return self._network.flow(first, second)


def raft_large() -> FlowJudge:
    """RAFT-large from the weights folder.

    Raises:
        MissingInputError: the file is absent or damaged; the hint is the command that gets it.
    """
    from datasets.annotators.raft import raft_large as load

    return FlowJudge(card("raft-large"), load())
