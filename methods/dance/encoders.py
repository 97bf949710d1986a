"""Fixed networks that embed the five appearance crops (section 3.2, eq. 5), and the features of the face losses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.annotators.training import training_file, training_network
from methods.dance.config import ENCODER_WIDTHS, DanceConfig
from methods.layers.perceptual import RandomFeatures, VGG19Features, training_files

#: Channels of the fixed random pyramid; their sum is its width.
_RANDOM = (32, 64, 128)


class Pooled(nn.Module):
    """A feature pyramid as encoder: the mean over places, of all its maps or of the last.

    Args:
        features: gives a list of maps. last: only the last one.
    """

    def __init__(self, features: nn.Module, last: bool) -> None:
        super().__init__()
        self.features, self.last = features, last

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """(B, 3, S, S) in [0, 1] -> feature maps; differentiable."""
        found: list[Tensor] = self.features(rgb)
        return found

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, width)."""
        maps = self.maps(rgb)
        return torch.cat([m.float().mean((2, 3)) for m in (maps[-1:] if self.last else maps)], 1)


def make_encoder(name: str) -> Any:
    """A fixed encoder with ``forward(rgb)`` -> (B, width) and ``maps(rgb)``, width as in ``ENCODER_WIDTHS``.

    Raises:
        MissingInputError: its weights or package are not here; names the command that gets them.
    """
    if name == "vgg19":
        made: nn.Module = Pooled(VGG19Features(), last=True)
    elif name == "random-features":
        made = Pooled(RandomFeatures(_RANDOM), last=False)
    else:
        made = training_network(name)
    return made.requires_grad_(False).eval()


def encoder_files(names: set[str]) -> Mapping[str, Path]:
    """Weight files of encoders, checked: ``encoder-<name>`` -> path.

    Raises:
        MissingInputError: one is absent or damaged; names the command that gets it.
    """
    found: dict[str, Path] = {}
    for name in sorted(names - {"random-features"}):
        found[f"encoder-{name}"] = training_files("vgg19")["vgg19"] if name == "vgg19" else training_file(name)
    return found


class Encoders(nn.Module):
    """The two encoders of a config; e_z is face and hair first, then upper, lower, shoes, skin (eq. 5)."""

    def __init__(self, config: DanceConfig) -> None:
        super().__init__()
        names = config.encoders
        self.face = make_encoder(names.face)
        self.parts = self.face if names.parts == names.face else make_encoder(names.parts)
        self.width = ENCODER_WIDTHS[names.face]

    def forward(self, crops: Tensor) -> Tensor:
        """(B, 5, 3, S, S) crops in [0, 1] -> e_z (B, width); no gradient."""
        with torch.no_grad():
            first: Tensor = self.face(crops[:, 0])
            others: Tensor = self.parts(crops[:, 1:].flatten(0, 1))
        return torch.cat([first.float(), others.float().unflatten(0, (-1, 4)).flatten(1)], 1)

    def embed_face(self, crops: Tensor) -> Tensor:
        """(B, 3, S, S) aligned faces -> (B, width of the face encoder); no gradient."""
        with torch.no_grad():
            found: Tensor = self.face(crops)
        return found.float()

    def face_distance(self, made: Tensor, wanted: Tensor) -> Tensor:
        """(B,) sum over the face network's stages of the mean absolute difference (eq. 18; each map's mean)."""
        with torch.no_grad():
            targets = self.face.maps(wanted)
        each = [(a - b).abs().flatten(1).mean(1) for a, b in zip(self.face.maps(made), targets, strict=True)]
        return torch.stack(each).sum(0)


def fit_crop(crops: Tensor, size: int) -> Tensor:
    """(B, C, s, s) -> (B, C, size, size), bilinear."""
    if crops.shape[-1] == size:
        return crops
    return F.interpolate(crops, (size, size), mode="bilinear", align_corners=False)
