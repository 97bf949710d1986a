"""Frames in, annotations out: a trained network of the world with its pre- and postprocessing.

A frame of any size is padded to a square (edge pixels repeated, the frame in the middle) and resized to
``SIDE`` x ``SIDE`` (bilinear, antialiased); positions go back by x' = (x + .5) W'/W - .5. So frames of 64 px are
enlarged and frames of 256 px reduced, and people are equally large in the network. Frames are read one at a time:
what is said of a frame does not depend on its neighbours or on how many are asked for at once.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from datasets.errors import MissingInputError, UsageError
from datasets.files import digest, sha256_file, source_digest
from datasets.synthetic.labels import CIHP_TO_SIX

from .cards import CARDS, WorldCard
from .data import SIDE
from .network import Outputs, WorldNetwork, decode_points

Array = np.ndarray[Any, np.dtype[Any]]
#: What a reader can be asked.
READS = frozenset({"keypoints", "iuv", "parsing20", "parsing6", "mask", "features"})
SMALLEST = 48
#: A point is missing (confidence 0) if its presence (1 - probability of absence) is less. Of visible points in clean
#: frames 1.5 % fall below, of the joints of erased limbs about half (the cards have the numbers).
PRESENCE = 0.75


class WorldReader:
    """A network of the world, ready to read. :meth:`load` opens a shipped one.

    Attributes:
        name: see ``CARDS``. fingerprint: SHA-256 over the weights and the code that its answers depend on.
        network: the network itself, in evaluation mode without gradients for its weights; RGB 0..1 of SIDE x SIDE in.
    """

    def __init__(self, name: str, network: WorldNetwork, fingerprint: str = "") -> None:
        self.name, self.fingerprint = name, fingerprint
        self.network = network.eval().requires_grad_(False)

    @classmethod
    def load(cls, name: str) -> WorldReader:
        """The shipped network of that name; opened once in a process.

        Raises:
            UsageError: no such network. MissingInputError: its files are missing, or not what the card states.
        """
        if name not in CARDS:
            raise UsageError(f"there is no network of the world called {name!r}", f"known: {', '.join(CARDS)}")
        return _load(name)

    def read(self, frames: Array, kinds: frozenset[str]) -> dict[str, Array]:
        """Annotations of frames.

        Args:
            frames: (T, H, W, 3) uint8 RGB, H and W at least ``SMALLEST``.
            kinds: some of ``READS``.

        Returns:
            kind -> array of leading axis T in the encoding of ``datasets.base.KINDS`` (``keypoints`` with face68; of
            points with confidence 0 the position means nothing); ``features``: (T, FEATURES) float32.

        Raises:
            UsageError: unknown kind, or frames of another shape, type or size.
        """
        if unknown := kinds - READS:
            raise UsageError(f"{self.name} does not read {', '.join(sorted(unknown))}", f"it reads {sorted(READS)}")
        _check(frames)
        with torch.inference_mode():
            each = [self._read_one(frame, kinds) for frame in frames]
        return {kind: np.stack([e[kind] for e in each]) for kind in kinds} if each else _nothing(frames, kinds)

    def maps(self, frames: Array | Tensor) -> list[Tensor]:
        """Encoder feature maps for a perceptual distance.

        Args:
            frames: (T, H, W, 3) uint8 or a tensor (T, 3, H, W) float in 0..1, through which gradients flow.

        Returns:
            Four tensors (T, C, S/2, S/2) .. (T, C', S/16, S/16), S = SIDE.
        """
        if isinstance(frames, Tensor):
            return self.network.maps(fit(frames))
        _check(frames)
        with torch.inference_mode():
            each = [self.network.maps(fit(to_tensor(frame))) for frame in frames]
        return [torch.cat(level) for level in zip(*each, strict=True)]

    def _read_one(self, frame: Array, kinds: frozenset[str]) -> dict[str, Array]:
        out = self.network(fit(to_tensor(frame)))
        size = frame.shape[:2]
        found: dict[str, Array] = {}
        if "keypoints" in kinds:
            found["keypoints"] = _points(out, size)
        if "features" in kinds:
            found["features"] = out.features[0].numpy()
        if "iuv" in kinds:
            found["iuv"] = _iuv(out, size)
        if kinds & {"parsing20", "parsing6", "mask"}:
            labels = _unfit(out.parsing, size).argmax(0).numpy().astype(np.uint8)
            found |= {"parsing20": labels, "parsing6": CIHP_TO_SIX[labels], "mask": (labels > 0).astype(np.uint8)}
        return found


@lru_cache(maxsize=8)
def _load(name: str) -> WorldReader:
    return WorldReader(name, *open_weights(CARDS[name]))


def open_weights(card: WorldCard) -> tuple[WorldNetwork, str]:
    """The network of a card and its fingerprint. Raises MissingInputError for missing or changed files."""
    from safetensors.torch import load_file

    if not (card.weights.is_file() and card.card.is_file()):
        raise MissingInputError(
            f"the weights of {card.name} are not at {card.weights}",
            f"python -m datasets.annotators.world.train {card.name} trains them again",
        )
    stated = json.loads(card.card.read_text(encoding="utf-8"))["sha256"]
    actual = sha256_file(card.weights)
    if actual != stated:
        raise MissingInputError(
            f"{card.weights} is not the file that its card describes (SHA-256 {actual[:12]}..., not {stated[:12]}...)",
            "restore it from the repository or the package",
        )
    network = WorldNetwork()
    weights = {k: v.float() for k, v in load_file(card.weights).items()}
    network.load_state_dict(weights | _counters(network))
    return network, digest([actual, code_digest()])


def code_digest() -> str:
    """Hash of the code that answers depend on, besides the weights."""
    here = Path(__file__).parent
    return source_digest([here / "network.py", here / "reader.py"])


def _counters(network: nn.Module) -> dict[str, Tensor]:
    """How many batches normalisation has seen: not shipped, not used."""
    return {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}


# Into the network and back ------------------------------------------------------------------------------------------


def to_tensor(frame: Array) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255


def fit(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 3, SIDE, SIDE): edge-padded to a square, then resized; differentiable."""
    h, w = rgb.shape[2:]
    side, top, left = _square(h, w)
    if h != w:
        rgb = functional.pad(rgb, (left, side - w - left, top, side - h - top), mode="replicate")
    if side == SIDE:
        return rgb
    return functional.interpolate(rgb, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)


def _square(h: int, w: int) -> tuple[int, int, int]:
    """Side of the square around a frame, and rows above and columns left of it."""
    side = max(h, w)
    return side, (side - h) // 2, (side - w) // 2


def _unfit(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Dense outputs (1, C, s, s) -> (C, H, W) in the frame."""
    side, top, left = _square(*size)
    if maps.shape[-1] != side:
        maps = functional.interpolate(maps, (side, side), mode="bilinear", align_corners=False)
    return maps[0, :, top : top + size[0], left : left + size[1]]


def _points(out: Outputs, size: tuple[int, int]) -> Array:
    """(135, 3) float32 in the frame."""
    side, top, left = _square(*size)
    place = (decode_points(out.points)[0] + 0.5) * (side / SIDE) - 0.5
    absent, occluded, visible = out.states[0].softmax(1).unbind(1)
    confidence = torch.where(visible > occluded, 1.0, 0.5) * (1 - absent >= PRESENCE)
    shift = torch.tensor([left, top])
    return torch.cat([place - shift, confidence[:, None]], 1).numpy().astype(np.float32)


def _iuv(out: Outputs, size: tuple[int, int]) -> Array:
    """(H, W, 3) uint8; u and v are 0 on the background."""
    parts = _unfit(out.parts, size).argmax(0)
    uv = (_unfit(out.uv, size).clamp(0, 1) * 255 + 0.5).floor() * (parts > 0)
    return torch.cat([parts[None].float(), uv]).permute(1, 2, 0).numpy().astype(np.uint8)


def _check(frames: Array) -> None:
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or min(frames.shape[1:3]) < SMALLEST:
        raise UsageError(
            f"networks of the world read (T, H, W, 3) uint8 frames of at least {SMALLEST} px, "
            f"not {frames.shape} {frames.dtype}"
        )


def _nothing(frames: Array, kinds: frozenset[str]) -> dict[str, Array]:
    """What is said of no frames."""
    from .network import FEATURES, POINTS

    h, w = frames.shape[1:3]
    empty: dict[str, Array] = {
        "keypoints": np.zeros((0, POINTS, 3), np.float32),
        "features": np.zeros((0, FEATURES), np.float32),
        "iuv": np.zeros((0, h, w, 3), np.uint8),
    }
    return {kind: empty.get(kind, np.zeros((0, h, w), np.uint8)) for kind in kinds}
