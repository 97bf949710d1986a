"""Mask annotators: what other annotations say, or matting by RVM (Lin et al., WACV 2022) as TorchScript."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets.annotators.base import Annotator, AnnotatorCard
from datasets.annotators.states import load_script
from datasets.base import Array
from datasets.footage import Measured
from datasets.weights import checked, weight

#: Alpha from which a pixel belongs to the person; times the first frame is shown to warm the memory up; longer side at
#: which RVM looks for people, as its authors advise.
ALPHA, WARM_UP, LOOK_SIDE = 0.5, 3, 512


class MaskOfLabels(Annotator):
    """The person is where parsing, or else the IUV part, is not background."""

    def __init__(self, card: AnnotatorCard, device: str = "cpu") -> None:
        self.card = card

    def annotate(self, clip: Measured, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        """``mask``: (H, W) uint8; ``facts["of"]``: which kind it was made of."""
        kind = next(kind for kind in self.card.needs if clip.has(kind))
        facts["of"] = kind
        for note in clip.note(kind):
            labels = note[..., 0] if kind == "iuv" else note
            yield {"mask": (labels > 0).astype(np.uint8)}


class Matting(Annotator):
    """RVM: recurrent over a clip, so that it goes through each clip from its first frame with an empty memory."""

    def __init__(self, card: AnnotatorCard, device: str = "cpu", path: Path | None = None) -> None:
        """Load the file (of ``bench weights`` unless given). Code in it runs: the caller answers for a given one.

        Raises:
            MissingInputError: it is absent, or no TorchScript file.
        """
        self.card, self._device = card, device
        self._network, self.weights = load_script(path or checked(weight(card.weights[0])), device)
        self.settings = {"alpha": ALPHA, "warm-up": WARM_UP, "look": LOOK_SIDE}

    def annotate(self, clip: Measured, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        """``mask``: (H, W) uint8, alpha at least ALPHA."""
        memory: list[torch.Tensor | None] = [None] * 4
        for number, frame in enumerate(clip.frames()):
            for _ in range(1 if number else 1 + WARM_UP):
                alpha, memory = self._step(frame, memory)
            yield {"mask": (alpha >= ALPHA).astype(np.uint8)}

    def _step(self, frame: Array, memory: list[torch.Tensor | None]) -> tuple[Array, list[torch.Tensor | None]]:
        """(H, W) float32 alpha of a frame, and the memory after it."""
        picture = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float().to(self._device) / 255.0
        with torch.inference_mode():
            _, alpha, *memory = self._network(picture, *memory, look_ratio(frame.shape[:2]))
        return np.asarray(alpha[0, 0].float().cpu().numpy()), memory


def look_ratio(size: tuple[int, int]) -> float:
    """Factor by which RVM reduces a frame to find people in it: the longer side comes to LOOK_SIDE, or stays."""
    return min(LOOK_SIDE / max(size), 1.0)
