"""Inception as FID uses it: the 2015-12-05 graph as package pytorch-fid has it, without that package's download."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.annotators.states import State, build, image, known_state, state_digest
from datasets.errors import MissingInputError
from datasets.files import digest, source_digest

Array = np.ndarray[Any, np.dtype[Any]]
SIDE, DIMENSIONS = 299, 2048
#: Order of the layers up to the last pooling; ``pool`` is a 3x3 maximum with stride 2.
_LAYERS = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "pool", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "pool", "Mixed_5b",
    "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7a", "Mixed_7b",
    "Mixed_7c",
)  # fmt: skip


class InceptionFeatures:
    """Pool3 features (2048) of single frames.

    Attributes:
        clean: resize as clean-fid does (antialiased), else as pytorch-fid does.
        fingerprint: SHA-256 over weights, this file and ``clean``.
    """

    def __init__(self, state: State, clean: bool = False) -> None:
        """Make it of given weights, with the names of pytorch-fid's file.

        Raises:
            MissingInputError: package pytorch-fid is not installed, or these are not the weights of this network.
        """
        self.clean = clean
        state = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
        self._network = build(_network, state)
        self.fingerprint = digest([clean, state_digest(state), source_digest([__file__])])

    @classmethod
    def load(cls, clean: bool = False) -> InceptionFeatures:
        """Load the published weights.

        Raises:
            MissingInputError: the file is missing or another one, with the command that gets it.
        """
        return cls(known_state("inception-fid"), clean)

    def read(self, frame: Array) -> Array:
        """(2048,) float32 of an (H, W, 3) uint8 RGB frame."""
        with torch.inference_mode():
            x = clean_input(frame) if self.clean else plain_input(frame)
            for name in _LAYERS:
                x = nn.functional.max_pool2d(x, 3, 2) if name == "pool" else getattr(self._network, name)(x)
            features: Array = nn.functional.adaptive_avg_pool2d(x, 1).flatten().numpy()
        return features


def plain_input(frame: Array) -> Tensor:
    """(1, 3, 299, 299) in [-1, 1]: bilinear without antialiasing (pytorch-fid)."""
    x = image(frame) / 255.0
    return 2 * nn.functional.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False) - 1


def clean_input(frame: Array) -> Tensor:
    """(1, 3, 299, 299): each channel by PIL's antialiased bicubic in float, clipped to 0..255, (x - 128) / 128
    (Parmar et al., CVPR 2022)."""
    from PIL import Image

    channels = [Image.fromarray(np.asarray(frame[..., c], np.float32)) for c in range(3)]
    resized = [np.asarray(channel.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for channel in channels]
    return (torch.from_numpy(np.stack(resized)).clamp(0, 255)[None] - 128) / 128


def _network() -> nn.Module:
    """torchvision's Inception with the blocks that FID's graph has instead."""
    try:
        from pytorch_fid import inception as fid
    except ImportError:
        raise MissingInputError(
            "package pytorch-fid, which has FID's network, is not installed",
            "install the extra: pip install 'motion-transfer-bench[metrics]'",
        ) from None
    from torchvision import models

    network = models.inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    for name, width, pooled in (("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)):
        setattr(network, name, fid.FIDInceptionA(width, pool_features=pooled))
    for name, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        setattr(network, name, fid.FIDInceptionC(768, channels_7x7=width))
    network.Mixed_7b, network.Mixed_7c = fid.FIDInceptionE_1(1280), fid.FIDInceptionE_2(2048)
    network.fc = nn.Identity()
    return network
