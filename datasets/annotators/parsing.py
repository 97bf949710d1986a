"""Human parsing annotators: SCHP (LIP and ATR), and SegFormer trained on ATR's labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.annotators.base import AnnotatorCard, FrameAnnotator
from datasets.annotators.states import State, build, known_state, state_digest
from datasets.base import Array
from datasets.conversions import LABELS, TO_CIHP, relabel, to_six

#: Mean and spread of the blue, green and red of ImageNet.
_MEAN, _SPREAD = (0.406, 0.456, 0.485), (0.225, 0.224, 0.229)


class Parser(FrameAnnotator):
    """A network that labels pixels with LIP's or ATR's classes.

    Args:
        make: the network, made anew. side: of the square that it sees. label_set: ``lip`` or ``atr``.
    """

    def __init__(
        self, card: AnnotatorCard, make: Callable[[], nn.Module], state: State, side: int, label_set: str, device: str
    ) -> None:
        self.card, self._side, self._labels, self._device = card, side, label_set, device
        self._network = build(make, state).to(device)
        self.weights = state_digest(state)
        self.settings = {"side": side, "labels": label_set}

    def read(self, frame: Array) -> Mapping[str, Array]:
        """``parsing20`` (CIHP's labels) and ``parsing6``, each (H, W) uint8."""
        labels = self.labels(frame)
        cihp = relabel(labels, TO_CIHP[self._labels])
        return {"parsing20": cihp, "parsing6": to_six(labels, self._labels)}

    def labels(self, frame: Array) -> Array:
        """(H, W) uint8 in the network's own label set."""
        raise NotImplementedError


class SchpParser(Parser):
    """SCHP on the whole frame as its extractor: an affine crop to a square, logits warped back, the best class."""

    def labels(self, frame: Array) -> Array:
        """(H, W) uint8 in LIP's or ATR's labels."""
        there = crop_matrix(frame.shape[:2], self._side)
        square = cv2.warpAffine(frame[..., ::-1], there, (self._side, self._side), flags=cv2.INTER_LINEAR)
        with torch.inference_mode():
            logits = self._network(normalised(np.asarray(square)).to(self._device))
            logits = F.interpolate(logits, (self._side, self._side), mode="bilinear", align_corners=True)[0].cpu()
        return best_class(logits.numpy(), there, frame.shape[:2])


class SegformerParser(Parser):
    """SegFormer on the frame resized to a square, as its image processor; logits resized back."""

    def labels(self, frame: Array) -> Array:
        """(H, W) uint8 in ATR's labels."""
        from PIL import Image

        square = Image.fromarray(frame).resize((self._side, self._side), Image.Resampling.BILINEAR)
        bgr = np.asarray(square)[..., ::-1]
        x = normalised(bgr).flip(1)
        with torch.inference_mode():
            logits = self._network(x.to(self._device))
            best = F.interpolate(logits, frame.shape[:2], mode="bilinear").argmax(1)[0]
        return np.asarray(best.to(torch.uint8).cpu().numpy())


def schp_lip(card: AnnotatorCard, device: str = "cpu", state: State | None = None) -> SchpParser:
    """SCHP trained on LIP, 473 px. Raises MissingInputError."""
    return _schp(card, device, state, 473, "lip")


def schp_atr(card: AnnotatorCard, device: str = "cpu", state: State | None = None) -> SchpParser:
    """SCHP trained on ATR, 512 px. Raises MissingInputError."""
    return _schp(card, device, state, 512, "atr")


def _schp(card: AnnotatorCard, device: str, state: State | None, side: int, label_set: str) -> SchpParser:
    from datasets.annotators.schp_network import Schp

    state = known_state(card.weights[0]) if state is None else state
    return SchpParser(card, lambda: Schp(len(LABELS[label_set])), state, side, label_set, device)


def segformer(card: AnnotatorCard, device: str = "cpu", state: State | None = None) -> SegformerParser:
    """SegFormer-B2 with 18 classes, 512 px. Raises MissingInputError."""
    from datasets.annotators.segformer_network import Segformer

    state = known_state(card.weights[0]) if state is None else state
    return SegformerParser(card, lambda: Segformer(len(LABELS["atr"])), state, 512, "atr", device)


# -- SCHP's pre- and postprocessing --------------------------------------------------------------------------------
def crop_matrix(size: tuple[int, int], side: int) -> Array:
    """(2, 3) float64: from pixels of an (H, W) frame to those of the square that SCHP sees.

    The middle ((W-1)/2, (H-1)/2) goes to (side/2, side/2), and the longer side less one pixel to ``side`` pixels.
    """
    height, width = size
    scale = side / max(height - 1, width - 1, 1)
    middle = ((width - 1) / 2, (height - 1) / 2)
    return np.array([[scale, 0, side / 2 - scale * middle[0]], [0, scale, side / 2 - scale * middle[1]]])


def normalised(bgr: Array) -> Tensor:
    """(1, 3, S, S) of an (S, S, 3) uint8 BGR picture."""
    x = torch.from_numpy(bgr.copy()).permute(2, 0, 1)[None].float() / 255.0
    return (x - torch.tensor(_MEAN).view(1, 3, 1, 1)) / torch.tensor(_SPREAD).view(1, 3, 1, 1)


def best_class(logits: Array, there: Array, size: tuple[int, int]) -> Array:
    """(H, W) uint8: the best class of (K, S, S) logits, each warped back to the frame."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    best = np.zeros(size, np.uint8)
    highest = np.full(size, -np.inf, np.float32)
    for label, logit in enumerate(logits):  # one class at a time: 20 maps of a large frame are much memory
        back = cv2.warpAffine(logit, there, (size[1], size[0]), flags=flags)
        better = back > highest
        best[better], highest[better] = label, back[better]
    return best
