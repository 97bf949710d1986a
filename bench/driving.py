"""Driving videos as a method sees them: re-opened at will, in chunks of tensors, one chunk in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from datasets.base import Array, Clip, FrameStack

if TYPE_CHECKING:
    from torch import Tensor


def rgb_tensor(frames: Array, device: torch.device | str = "cpu") -> Tensor:
    """(n, H, W, 3) uint8 -> (n, 3, H, W) float32 in [0, 1]."""
    contiguous = np.ascontiguousarray(frames.transpose(0, 3, 1, 2))
    return torch.from_numpy(contiguous).to(device, non_blocking=True).float().div_(255)


def batch_of(stack: FrameStack, device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """``{"rgb": (n, 3, H, W) in [0, 1], "<kind>": (n, ...)}``; annotations keep their canonical encoding and dtype."""
    notes = {kind: torch.from_numpy(np.ascontiguousarray(a)).to(device) for kind, a in stack.annotations.items()}
    return {"rgb": rgb_tensor(stack.rgb, device)} | notes


def uint8_frames(frames: Tensor) -> Array:
    """(n, 3, H, W) in [0, 1] -> (n, H, W, 3) uint8, floor(255 x + 0.5)."""
    levels = frames.float().clamp(0, 1).mul(255).add(0.5).floor().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())


class ClipDriving:
    """A clip as driving video (see :class:`methods.base.Driving`).

    Args:
        clip: frames and annotations, already cut to the range that drives.
        kinds: annotation kinds to carry.
        device: where the tensors go.
        oracle: a clip aligned with ``clip`` that a sanity row may see, carried as ``"oracle"``.
    """

    def __init__(
        self,
        clip: Clip,
        kinds: frozenset[str] = frozenset(),
        device: torch.device | str = "cpu",
        oracle: Clip | None = None,
    ) -> None:
        self.fps = clip.fps
        self._clip, self._kinds, self._device, self._oracle = clip, kinds, device, oracle

    def __len__(self) -> int:
        return len(self._clip)

    def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Tensor]]:
        """Frames start..stop-1 in order, at most ``size`` at a time."""
        stop = len(self) if stop is None else min(stop, len(self))
        first = start
        for stack in self._clip.stream(self._kinds, start, stop, size):
            batch = batch_of(stack, self._device)
            if self._oracle is not None:
                batch["oracle"] = rgb_tensor(self._oracle.read(range(first, first + len(stack))).rgb, self._device)
            first += len(stack)
            yield batch
