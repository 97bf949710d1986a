"""DensePose IUV files of others: read without loss, the channel order found out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets.base import Array
from datasets.conversions import iuv_order, looks_lossy, reorder_iuv
from datasets.errors import SuiteError
from datasets.store.readers import read_exact


def read_iuv(files: Sequence[Path]) -> Array:
    """(T, H, W, 3) uint8 in the order I, U, V of PNG files in any order.

    Raises:
        SuiteError: a lossy or damaged file, or images in which no channel holds parts (a rendering in colours, say).
    """
    if not files:
        raise SuiteError("annotation 'iuv' has no files")
    frames = [read_exact(file) for file in files]
    if len({frame.shape for frame in frames}) != 1 or frames[0].ndim != 3:
        raise SuiteError("annotation 'iuv' has frames of different sizes, or no colour images")
    clip = np.stack(frames)[..., :3]
    if not clip.any():
        return clip
    order = iuv_order(clip)
    if order is None:
        raise SuiteError(
            "annotation 'iuv': no single channel holds parts (0 to 24): the files went through a lossy codec, or show "
            "colours instead of I, U, V"
        )
    found = reorder_iuv(clip, order)
    if looks_lossy(found):
        raise SuiteError("annotation 'iuv' went through a lossy codec: U and V stand where the part is 0")
    return found
