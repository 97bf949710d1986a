"""Copies of networks made for inference, so that animation never touches the networks being trained."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import nn

from methods.layers.blocks import UpBlock

M = TypeVar("M", bound=nn.Module)


class InferenceCopies:
    """Eval-mode, gradient-free, fused, channels-last copies of networks, remade when their parameters have changed.

    A changed memory layout changes the last bits of a convolution; training must not feel that a validation ran.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[int, torch.dtype], tuple[Any, nn.Module]] = {}

    def get(self, net: M, dtype: torch.dtype = torch.float32) -> M:
        """The copy of ``net`` in ``dtype`` on the same device."""
        tensors = [*net.parameters(), *net.buffers()]
        stamp = [(t.data_ptr(), t._version) for t in tensors]
        key = (id(net), dtype)
        if key not in self._made or self._made[key][0] != stamp:
            made = copy.deepcopy(net).eval().requires_grad_(False)
            for block in made.modules():
                if isinstance(block, UpBlock):
                    block.fuse()
            self._made[key] = (stamp, made.to(dtype).to(memory_format=torch.channels_last))
        found: Any = self._made[key][1]
        return found
