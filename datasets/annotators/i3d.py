"""I3D trained on Kinetics-400 (Carreira and Zisserman, CVPR 2017), as the TorchScript file of StyleGAN-V."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.errors import MissingInputError
from datasets.files import digest, sha256_file, source_digest
from datasets.weights import checked, weight

Array = np.ndarray[Any, np.dtype[Any]]
SIDE, CLASSES, POOLED = 224, 400, 1024
ANSWERS = ("logits", "pooled")


class I3d:
    """Logits (400) or pooled features (1024) of windows of frames; one window at a time.

    Attributes:
        answer: ``logits`` or ``pooled``. stretch: resize both sides to 224; else the shorter side, then a centre crop.
        resize: ``bilinear`` or ``bicubic``. fingerprint: SHA-256 over the file, this code and the three choices.
    """

    def __init__(self, path: Path, answer: str = "logits", stretch: bool = False, resize: str = "bilinear") -> None:
        """Load a TorchScript file with ``forward(video, rescale, resize, return_features)``.

        The caller answers for the file: code in it runs. :meth:`load` checks its hash first.

        Raises:
            MissingInputError: ``pooled`` is asked and the file has no last layer of 400 x 1024 weights.
        """
        self.answer, self.stretch, self.resize = answer, stretch, resize
        self._network = torch.jit.load(str(path), map_location="cpu").eval()
        if answer == "pooled":
            _show_what_the_last_layer_sees(self._network)
        self.fingerprint = digest([answer, stretch, resize, sha256_file(path), source_digest([__file__])])

    @classmethod
    def load(cls, answer: str = "logits", stretch: bool = False, resize: str = "bilinear") -> I3d:
        """Load the published file.

        Raises:
            MissingInputError: it is missing or another one, with the command that gets it.
        """
        return cls(checked(weight("i3d")), answer, stretch, resize)

    def read(self, frames: Array) -> Array:
        """(400,) or (1024,) float32 of a window (T, H, W, 3) uint8 RGB, T at least 9."""
        with torch.inference_mode(), torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            video = window_input(frames, self.stretch, self.resize)
            answer: Array = self._network(video, rescale=False, resize=False, return_features=True)[0].numpy()
        return answer


def window_input(frames: Array, stretch: bool, resize: str = "bilinear") -> Tensor:
    """(1, 3, T, 224, 224) in [-1, 1] of (T, H, W, 3) uint8, resized without antialiasing.

    The shorter side comes to 224, the other one is rounded up, then the centre is cut out (StyleGAN-V); or both sides
    are stretched to 224 (cd-fvd).
    """
    h, w = frames.shape[1:3]
    scale = SIDE / min(h, w)
    size = (SIDE, math.ceil(w * scale)) if h < w else (math.ceil(h * scale), SIDE)
    x = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).float() / 255.0
    x = nn.functional.interpolate(x, size=(SIDE, SIDE) if stretch else size, mode=resize, align_corners=False)
    top, left = (x.shape[2] - SIDE) // 2, (x.shape[3] - SIDE) // 2
    x = x[:, :, top : top + SIDE, left : left + SIDE]
    return (2 * x - 1).permute(1, 0, 2, 3)[None].contiguous()


def _show_what_the_last_layer_sees(network: torch.jit.ScriptModule) -> None:
    """Put the identity in place of the last layer (a 1x1x1 convolution), so that its input comes out.

    A TorchScript file does not let one look inside otherwise; weights can be exchanged.
    """
    last = [p for p in network.parameters() if tuple(p.shape) == (CLASSES, POOLED, 1, 1, 1)]
    biases = [p for p in network.parameters() if tuple(p.shape) == (CLASSES,)]
    if len(last) != 1 or len(biases) > 1:
        raise MissingInputError(
            f"the I3D file has {len(last)} layers of {CLASSES} x {POOLED} weights, not one: its pooled features cannot"
            " be read"
        )
    last[0].data = torch.eye(POOLED).view(POOLED, POOLED, 1, 1, 1)
    for bias in biases:
        bias.data = torch.zeros(POOLED)
