"""A tensor of frames as driving video, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class TensorDriving:
    """Frames (n, 3, H, W) in [0, 1] as :class:`methods.base.Driving`, without annotations."""

    fps = 25.0

    def __init__(self, frames: Tensor) -> None:
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Tensor]]:
        """Frames start..stop-1 in order, at most ``size`` at a time."""
        for part in self.frames[start:stop].split(size):
            yield {"rgb": part}
