"""Animation: the photo encoded once, driving IUV maps streamed through the networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from datasets.errors import UsageError
from methods.base import Driving
from methods.neural_texture.frames import Preparation
from methods.neural_texture.pipeline import Pipeline, Source

#: Driving frames in one forward pass hold about this many pixels.
CHUNK_PIXELS = 8 * 64 * 64


@dataclass(frozen=True)
class SourceState:
    """A photo, encoded: how frames are prepared, and everything that does not depend on the driving video."""

    preparation: Preparation
    source: Source


def encode_source(pipeline: Pipeline, rgb: Tensor, iuv: Tensor) -> SourceState:
    """Encode a photo (1, 3, H, W) in [0, 1] with its IUV map (1, H, W, 3) uint8; precision is float32."""
    config = pipeline.config
    preparation = Preparation.of(rgb, config.multiple, config.reduction)
    with torch.no_grad(), torch.autocast(rgb.device.type, enabled=False):
        return SourceState(preparation, pipeline.encode(preparation.image(rgb), preparation.iuv(iuv)))


def stream(pipeline: Pipeline, state: SourceState, driving: Driving, bf16: bool) -> Iterator[Tensor]:
    """Generated frames (n, 3, H, W) in [0, 1], as many as driving frames; the driving pixels are not looked at.

    Args:
        bf16: autocast to bfloat16; an autocast around the call has no effect.

    Raises:
        UsageError: driving IUV maps of another size than the photo.
    """
    box = state.preparation.box
    for part in driving.chunks(max(1, CHUNK_PIXELS // (box.height * box.width))):
        iuv = part["iuv"]
        if tuple(iuv.shape[1:3]) != (box.height, box.width):
            size = f"{iuv.shape[2]} x {iuv.shape[1]}"
            raise UsageError(
                f"Driving frames are {size} pixels, but the source is {box.width} x {box.height}.",
                "resize both to one size",
            )
        with torch.no_grad(), torch.autocast(iuv.device.type, torch.bfloat16, enabled=bf16):
            made = pipeline(state.source, state.preparation.iuv(iuv)).image
        yield box.crop(made.float()).clamp(0, 1)
