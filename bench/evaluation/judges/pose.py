"""Key point judges on real videos: DWPose by ONNX, or any whole-body network of mmpose."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bench.evaluation.judges.base import Array, FrameJudge, JudgeCard
from bench.evaluation.judges.cards import card


class KeypointNetwork(Protocol):
    """What the annotators of key points have in common."""

    fingerprint: str

    def read(self, frame: Array) -> Array:
        """(H, W, 3) uint8 RGB -> (135, 3) float32."""


class KeypointJudge(FrameJudge):
    """Canonical key points of one frame."""

    def __init__(self, card: JudgeCard, network: KeypointNetwork) -> None:
        self.card, self.fingerprint, self._network = card, network.fingerprint, network

    def read(self, frames: Array) -> Array:
        """(H, W, 3) uint8 RGB -> (135, 3) float32 x, y, confidence; confidence 0 = missing."""
        return self._network.read(frames)


def dwpose() -> KeypointJudge:
    """DWPose from the weights folder.

    Raises:
        MissingInputError: a file or the extra is missing; the hint is the command that gets it.
    """
    from datasets.annotators.rtmpose import dwpose as load

    return KeypointJudge(card("dwpose"), load())


def mmpose(config: str | Path, checkpoint: Path) -> KeypointJudge:
    """A whole-body network of mmpose as a judge: a config (path, or a name that mmpose brings) and its checkpoint.

    Raises:
        MissingInputError: the extra, the config or the checkpoint is missing. UsageError: they do not fit together.
    """
    from datasets.annotators.mmpose_model import MMPose

    own = JudgeCard(
        name=f"mmpose-{Path(config).stem}",
        role="keypoints",
        implementation="bench.evaluation.judges.pose:mmpose",
        title=f"mmpose, {Path(config).name}",
        extra="pose",
    )
    return KeypointJudge(own, MMPose(config, checkpoint))
