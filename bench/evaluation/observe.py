"""What judges say of frames: asked once a frame, shared by all metrics, and kept by content for the real side."""

from __future__ import annotations

from bench.evaluation.base import Array, FramePair, shared
from bench.evaluation.judges.base import FrameJudge, Judge


def observe(frame: FramePair, side: str, judge: Judge | None) -> Array:
    """A judge's answer for one side of a frame.

    Args:
        side: ``generated``, ``reference`` or ``driving``.
        judge: a :class:`FrameJudge` that reads single frames.
    """
    assert isinstance(judge, FrameJudge)
    image: Array = getattr(frame, side)
    answer: Array = shared(frame, f"{judge.card.name}-{side}", lambda: judge.read(image))
    return answer
