"""Who is shown in a frame of the synthetic world: a small network, and a reader that checks what it loads.

An embedding is a point of the unit sphere; the Euclidean distance of two (0..2) says how different the people look.
The whole frame goes in: no crop, no mask. What was measured on people never trained on stands in the card beside the
weights (``weights/<name>.json``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.errors import MissingInputError, SuiteError, UsageError
from datasets.files import digest, read_json, sha256_file, source_digest

Array = np.ndarray[Any, np.dtype[Any]]

#: Two judges (they only measure) and one network that methods may train with; no seed and nobody is shared.
NAMES = ("identity-judge-a", "identity-judge-b", "world-identity")
WEIGHTS = Path(__file__).parent / "weights"
SIDE, LEAST_SIDE, DIMENSIONS = 64, 48, 128
_WIDTHS, _HEADS = (32, 32, 64, 96), 4


class Block(nn.Module):
    """Two 3x3 convolutions around a skip connection (He et al. 2016, fig. 2)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.skip = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, h, w) to (N, after, h / stride, w / stride)."""
        inner = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(inner)) + self.skip(x))


class IdentityNetwork(nn.Module):
    """Embeds whole frames; learned attention picks the places of an 8 x 8 map that tell who it is."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = _WIDTHS
        self.stem = nn.Conv2d(3, a, 3, 2, 1)
        self.blocks = nn.Sequential(Block(a, b, 2), Block(b, c, 2), Block(c, d, 1))
        self.attention = nn.Conv2d(d, _HEADS, 1)
        # Centred and scaled before it is projected on the sphere: else all embeddings begin, and stay, close together.
        self.embed = nn.Sequential(
            nn.Linear((3 + b + d) * _HEADS, DIMENSIONS), nn.BatchNorm1d(DIMENSIONS, affine=False)
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Embeddings.

        Args:
            frames: (N, 3, H, W) RGB in [0, 1], sides of at least 48; brought to 64 x 64 by :func:`fit`.

        Returns:
            (N, 128) of unit length.
        """
        return self.embed_and_attend(frames)[0]

    def embed_and_attend(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (N, 128), and where each head looked: (N, heads, 8, 8), each map summing to 1."""
        colours = fit(frames) * 2 - 1
        early = self.blocks[0](torch.relu(self.stem(colours)))
        late = self.blocks[2](self.blocks[1](early))
        n, _, h, w = late.shape
        looks = self.attention(late).float().flatten(2).softmax(-1)
        # Plain colours and early features too: clothes are told by colour and pattern long before shapes are learned.
        levels = [F.adaptive_avg_pool2d(x.float(), (h, w)) for x in (colours, early)]
        features = torch.cat([*levels, late.float()], 1).flatten(2)
        pooled = torch.einsum("nkp,ndp->nkd", looks, features)
        embedding = F.normalize(self.embed(pooled.flatten(1).float()).float(), dim=1)
        return embedding, looks.reshape(n, -1, h, w)


def fit(frames: Tensor) -> Tensor:
    """Bring frames to 64 x 64: padded at centre to a square by repeating the edge, then bilinear with antialiasing.

    Args:
        frames: (N, 3, H, W).

    Raises:
        UsageError: a side is under 48 pixels.
    """
    h, w = frames.shape[-2:]
    if min(h, w) < LEAST_SIDE:
        raise UsageError(f"frames of {h} x {w} are too small to tell people apart", f"give {LEAST_SIDE} px or more")
    if h != w:
        up, left = max(w - h, 0), max(h - w, 0)
        frames = F.pad(frames, (left // 2, left - left // 2, up // 2, up - up // 2), mode="replicate")
    if frames.shape[-1] == SIDE:
        return frames
    return F.interpolate(frames, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


class IdentityReader:
    """A loaded identity network, one frame at a time, so that the batch size never changes a value.

    Attributes:
        name: one of :data:`NAMES`. card: what was measured. network: in eval mode on the CPU, without gradients of
            its own; losses call it on RGB in [0, 1].
        fingerprint: SHA-256 over the weights and the code that reads with them.
    """

    def __init__(self, name: str, card: dict[str, Any], network: IdentityNetwork) -> None:
        self.name, self.card, self.network = name, card, network
        self.fingerprint = digest([card["sha256"], source_digest([__file__])])

    @classmethod
    def load(cls, name: str, folder: Path = WEIGHTS) -> IdentityReader:
        """Load shipped weights after checking them against their card.

        Raises:
            UsageError: no network has this name.
            MissingInputError: the weights or their card are not there.
            SuiteError: the weights are not those that the card describes.
        """
        if name not in NAMES:
            raise UsageError(f"there is no identity network {name!r}", f"known: {', '.join(NAMES)}")
        path, card_path = folder / f"{name}.safetensors", folder / f"{name}.json"
        again = f"restore it from the repository, or run: python -m datasets.annotators.world.identity_train {name}"
        for file in (path, card_path):
            if not file.is_file():
                raise MissingInputError(f"{file} is missing", again)
        card = read_json(card_path)
        if sha256_file(path) != card["sha256"]:
            raise SuiteError(f"{path} is not the network that {card_path.name} describes: its SHA-256 differs", again)
        return cls(name, card, load_network(path))

    def read(self, frames: Array) -> Array:
        """Embeddings (T, 128) float32 of unit length for frames (T, H, W, 3) uint8 RGB, sides of at least 48.

        Raises:
            UsageError: frames of another shape or type, or too small.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise UsageError(
                f"an identity network cannot read {frames.dtype} frames of shape {frames.shape}",
                "give uint8 RGB frames of shape (T, H, W, 3)",
            )
        out = np.empty((len(frames), DIMENSIONS), np.float32)
        with torch.inference_mode():
            for t, frame in enumerate(frames):
                image = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255
                out[t] = self.network(image)[0].numpy()
        return out


def load_network(path: Path) -> IdentityNetwork:
    """The network whose float16 weights lie at ``path``; computes in float32, eval mode, no gradients for weights."""
    from safetensors.torch import load_file

    network = IdentityNetwork()
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})
    return network.eval().requires_grad_(False)
