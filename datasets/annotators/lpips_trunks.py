"""LPIPS v0.1 (Zhang et al., CVPR 2018): torchvision trunks, and the learned weights that package lpips carries."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.annotators.states import State, build, image, known_state, read_state, state_digest
from datasets.errors import MissingInputError
from datasets.files import digest, sha256_file, source_digest

Array = np.ndarray[Any, np.dtype[Any]]
#: Networks in torchvision.
_MAKERS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
#: Layers of ``features`` whose output is compared (each ends in a ReLU).
TAPS: Mapping[str, tuple[int, ...]] = {
    "alex": (1, 4, 7, 9, 11),
    "vgg": (3, 8, 15, 22, 29),
    "squeeze": (1, 4, 7, 9, 10, 11, 12),
}
_FILES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet"}
_HEADS = {
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    "squeeze": "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
}
_EPS = 1e-10


class Lpips:
    """LPIPS between two frames; one pair at a time.

    Attributes:
        network: ``alex``, ``vgg`` or ``squeeze``.
        scaled: whether frames are brought to [-1, 1], as the network expects; False feeds [0, 1] (a known bug, for
            numbers that were published with it).
        fingerprint: SHA-256 over weights, this file and ``scaled``.
    """

    def __init__(self, network: str, trunk: State, heads: State, scaled: bool = True) -> None:
        """Make it of given weights.

        Args:
            trunk: of torchvision's ``features``, names with that prefix; others are left out.
            heads: ``lin<k>.model.1.weight`` (1, C, 1, 1) for each compared layer.

        Raises:
            MissingInputError: they are not the weights of this network.
        """
        self.network, self.scaled = network, scaled
        trunk = {name.removeprefix("features."): t for name, t in trunk.items() if name.startswith("features.")}
        self._trunk = build(lambda: _features(network), trunk)
        self._heads = [heads[f"lin{k}.model.1.weight"].detach().float() for k in range(len(TAPS[network]))]
        self._shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
        self._scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
        code = source_digest([__file__])
        self.fingerprint = digest([network, scaled, state_digest(trunk), state_digest(heads), code])

    @classmethod
    def load(cls, network: str, scaled: bool = True) -> Lpips:
        """Load the published weights.

        Raises:
            MissingInputError: the trunk's file or package lpips is missing or another one, with the remedy.
        """
        return cls(network, known_state(_FILES[network]), published_heads(network), scaled)

    def features(self, frame: Array) -> list[Tensor]:
        """Unit-normalised maps (1, C, h, w) of the compared layers for an (H, W, 3) uint8 frame."""
        x = image(frame) / 255.0
        x = ((2 * x - 1 if self.scaled else x) - self._shift) / self._scale
        maps, taps = [], TAPS[self.network]
        with torch.inference_mode():
            for k, layer in enumerate(self._trunk.children()):
                x = layer(x)
                if k in taps:
                    maps.append(x / (x.square().sum(1, keepdim=True).sqrt() + _EPS))
                if k == taps[-1]:
                    break
        return maps

    def distance(self, first: Array, second: Array) -> float:
        """LPIPS of two (H, W, 3) uint8 RGB frames of one size, 32 px or more; 0 = equal."""
        total = torch.zeros(1, 1)
        with torch.inference_mode():
            for a, b, head in zip(self.features(first), self.features(second), self._heads, strict=True):
                total += nn.functional.conv2d((a - b).square(), head).mean((2, 3))
        return float(total)


def _features(network: str) -> nn.Module:
    """The convolutions without weights; torchvision is slow to import, and needed only where there are weights."""
    from torchvision import models

    found: nn.Module = getattr(models, _MAKERS[network])(weights=None).features
    return found


def published_heads(network: str) -> dict[str, Tensor]:
    """The learned weights v0.1 from package lpips (its code is not imported).

    Raises:
        MissingInputError: the package is not installed, or its file is another one.
    """
    hint = "install the extra: pip install 'motion-transfer-bench[metrics]'"
    spec = find_spec("lpips")
    if spec is None or spec.origin is None:
        raise MissingInputError("package lpips, which carries the weights of LPIPS, is not installed", hint)
    path = Path(spec.origin).parent / "weights" / "v0.1" / f"{network}.pth"
    if not path.is_file() or sha256_file(path) != _HEADS[network]:
        raise MissingInputError(f"{path} is not the file of LPIPS v0.1", hint)
    return read_state(path)
