"""DensePose IUV (Gueler et al., CVPR 2018) by a TorchScript export of detectron2's networks; detectron2 is not needed.

The export takes one (H, W, 3) uint8 BGR picture and answers a dictionary: ``pred_boxes`` (N, 4), ``scores`` (N,),
``pred_densepose_coarse_segm`` (N, 2, S, S), ``pred_densepose_fine_segm``, ``_u`` and ``_v`` (N, 25, S, S).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.annotators.base import AnnotatorCard, FrameAnnotator
from datasets.annotators.states import load_script
from datasets.base import Array
from datasets.conversions import encode_iuv
from datasets.errors import MissingInputError
from datasets.weights import checked, weight

#: Least score of a person, as the export's own default.
SURE = 0.8
_KEYS = ("pred_boxes", "scores", *(f"pred_densepose_{name}" for name in ("coarse_segm", "fine_segm", "u", "v")))


class DensePose(FrameAnnotator):
    """The surface of the largest person."""

    def __init__(self, card: AnnotatorCard, device: str = "cpu", path: Path | None = None) -> None:
        """Load the file (of ``bench weights`` unless given). Code in it runs: the caller answers for a given one.

        Raises:
            MissingInputError: it is absent, or no TorchScript file.
        """
        import torchvision  # noqa: F401 - its operators are called by the file

        self.card, self._device = card, device
        self._network, self.weights = load_script(path or checked(weight(card.weights[0])), device)
        self.settings = {"sure": SURE}

    def read(self, frame: Array) -> Mapping[str, Array]:
        """``iuv``: (H, W, 3) uint8 part, U, V."""
        picture = torch.from_numpy(np.ascontiguousarray(frame[..., ::-1])).to(self._device)
        with torch.inference_mode():
            found = self._network(picture)
        if not isinstance(found, dict) or not set(_KEYS) <= set(found):
            raise MissingInputError(
                f"the file of {self.card.name} does not answer {', '.join(_KEYS)}: it is another network",
                "get an export of github.com/dajes/DensePose-TorchScript",
            )
        return {"iuv": surface({key: found[key].float().cpu() for key in _KEYS}, frame.shape[:2])}


def surface(found: Mapping[str, Tensor], size: tuple[int, int]) -> Array:
    """(H, W, 3) uint8 IUV of the largest sure person; zero where there is none.

    As detectron2: logits are resized to the box (whole pixels), the part is the finest class where the coarse class is
    body, and U and V are those of that part. They are unbounded regressions, clamped to [0, 1] before they are scaled.
    """
    part, u, v = (np.zeros(size, dtype) for dtype in (np.uint8, np.float32, np.float32))
    sure = torch.nonzero(found["scores"] >= SURE).flatten()
    if not len(sure):
        return encode_iuv(part, u, v)
    boxes = found["pred_boxes"][sure]
    best = int(sure[int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).argmax())])
    x0, y0, x1, y1 = found["pred_boxes"][best].tolist()
    left, top, width, height = int(x0), int(y0), max(int(x1 - x0), 1), max(int(y1 - y0), 1)
    coarse, fine, box_u, box_v = (
        F.interpolate(found[f"pred_densepose_{name}"][best][None], (height, width), mode="bilinear")[0]
        for name in ("coarse_segm", "fine_segm", "u", "v")
    )
    labels = fine.argmax(0) * (coarse.argmax(0) > 0)
    rows, columns = slice(max(top, 0), top + height), slice(max(left, 0), left + width)
    inside = part[rows, columns].shape
    cut = (slice(max(-top, 0), max(-top, 0) + inside[0]), slice(max(-left, 0), max(-left, 0) + inside[1]))
    part[rows, columns] = labels.to(torch.uint8).numpy()[cut]
    for target, values in ((u, box_u), (v, box_v)):
        target[rows, columns] = values.gather(0, labels[None])[0].numpy()[cut]
    return encode_iuv(part, u, v)
