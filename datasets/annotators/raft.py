"""Optical flow by RAFT-large (Teed and Deng, ECCV 2020) as torchvision has it."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.annotators.states import build, known_state, state_digest
from datasets.base import Array
from datasets.files import digest

STRIDE = 8
#: The correlation pyramid has four levels, of which the coarsest must keep two pixels: 2 * 2**3 * STRIDE.
SMALLEST = 128
UPDATES = 12


class RAFT:
    """Displacement from one frame to another.

    Attributes:
        fingerprint: SHA-256 over the weights and everything that the answers depend on.
    """

    def __init__(self, network: nn.Module, weights: str, updates: int = UPDATES, device: str = "cpu") -> None:
        """Wrap a network with torchvision's call: two (1, 3, H, W) in [-1, 1], ``num_flow_updates`` -> list of flows.

        Args:
            weights: SHA-256 of its weights.
        """
        self._network = network.to(device).eval()
        self._updates, self._device = updates, device
        self.fingerprint = digest({"network": weights, "updates": updates, "padding": "edge", "smallest": SMALLEST})

    @torch.inference_mode()
    def flow(self, first: Array, second: Array) -> Array:
        """Displacement of every pixel of ``first`` to where ``second`` shows it.

        ``first`` is ``second`` sampled at x + flow. Frames under 128 pixels are enlarged by a whole factor, and the
        flow is averaged back and divided by it; sides that are no multiple of 8 are continued by their edge.

        Args:
            first, second: (H, W, 3) uint8 RGB, of one size.

        Returns:
            (H, W, 2) float32 x, y in pixels of the frame.
        """
        if first.shape != second.shape or first.ndim != 3 or first.shape[2] != 3:
            raise ValueError(f"expected two (H, W, 3) frames of one size, got {first.shape} and {second.shape}")
        height, width = first.shape[:2]
        factor = math.ceil(SMALLEST / min(height, width))
        left, right = _margins(width * factor)
        top, bottom = _margins(height * factor)
        pair = [F.pad(self._enlarged(f, factor), (left, right, top, bottom), mode="replicate") for f in (first, second)]
        flow = self._network(*pair, num_flow_updates=self._updates)[-1]
        flow = flow[..., top : top + height * factor, left : left + width * factor]
        flow = F.avg_pool2d(flow, factor) / factor
        return np.ascontiguousarray(flow[0].permute(1, 2, 0).cpu().numpy(), np.float32)

    def _enlarged(self, frame: Array, factor: int) -> Tensor:
        """(H, W, 3) uint8 -> (1, 3, factor H, factor W) in [-1, 1]."""
        image = torch.from_numpy(np.ascontiguousarray(frame)).to(self._device).permute(2, 0, 1)[None].float()
        image = image / 127.5 - 1.0
        return image if factor == 1 else F.interpolate(image, scale_factor=factor, mode="bilinear")


def load(name: str, device: str = "cpu") -> RAFT:
    """``raft-large`` or ``raft-small`` with torchvision's weights, from the weights folder; nothing is downloaded.

    Raises:
        MissingInputError: the file is absent or damaged; the hint is the command that gets it.
    """
    from torchvision.models import optical_flow

    make = {"raft-large": optical_flow.raft_large, "raft-small": optical_flow.raft_small}[name]
    state = known_state(name)
    return RAFT(build(lambda: make(weights=None, progress=False), state), state_digest(state), device=device)


def raft_large(device: str = "cpu") -> RAFT:
    """RAFT-large (``C_T_SKHT_V2``). Raises MissingInputError as :func:`load` does."""
    return load("raft-large", device)


def _margins(side: int) -> tuple[int, int]:
    """What is missing to a multiple of the stride, half on each side."""
    missing = -side % STRIDE
    return missing // 2, missing - missing // 2
