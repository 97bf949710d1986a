"""The sanity rows as methods without networks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from datasets.errors import MissingInputError
from methods import sanity
from methods.base import AnimateOptions, Driving, Method, MethodSpec
from methods.sanity.config import BlurConfig, CodecConfig, ShiftConfig

if TYPE_CHECKING:
    import av
    import numpy as np
    from torch import Tensor

    from methods.base import Batch


class CopySource(Method):
    """The source photo, repeated: what a method must beat to have moved at all."""

    spec: ClassVar[MethodSpec] = sanity.COPY_SOURCE

    def encode(self, source: Batch) -> Tensor:
        """(1, 3, H, W): the photo."""
        return source["rgb"]

    def animate(self, state: Any, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """The state for every driving frame."""
        for chunk in driving.chunks():
            yield state.expand(len(chunk["rgb"]), -1, -1, -1)


class FadedSource(CopySource):
    """Mean of the photo and the photo without the person: better than the photo in L1 and SSIM without any motion."""

    spec: ClassVar[MethodSpec] = sanity.FADED_SOURCE

    def encode(self, source: Batch) -> Tensor:
        """(1, 3, H, W): the mean.

        Raises:
            MissingInputError: the data set cannot show the scene without the person.
        """
        if "background" not in source:
            raise MissingInputError("faded-source needs the source photo without the person, which this data set lacks")
        return (source["rgb"] + source["background"]) / 2


class CopyDriving(Method):
    """The driving video itself: perfect motion of the wrong person."""

    spec: ClassVar[MethodSpec] = sanity.COPY_DRIVING

    def encode(self, source: Batch) -> None:
        """Nothing is kept."""

    def animate(self, state: Any, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """The driving frames."""
        for chunk in driving.chunks():
            yield chunk["rgb"]


class Oracle(Method):
    """A rendering of the truth that the data set gives; which one is named by ``spec.oracle``."""

    spec: ClassVar[MethodSpec] = sanity.ORACLE

    def encode(self, source: Batch) -> None:
        """Nothing is kept."""

    def animate(self, state: Any, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """The rendering.

        Raises:
            MissingInputError: the data set has none for this pair.
        """
        for chunk in driving.chunks():
            if "oracle" not in chunk:
                raise MissingInputError("an oracle needs the truth of this pair, which this data set does not have")
            yield self.change(chunk["oracle"])

    def change(self, frames: Tensor) -> Tensor:
        """What this row does to the truth, (n, 3, H, W)."""
        return frames


class OracleRelative(Oracle):
    """The perfect answer to another question: relative motion (``oracle[rel]``)."""

    spec: ClassVar[MethodSpec] = sanity.ORACLE_REL


class OracleLeak(Oracle):
    """The source's looks on the driver's body: what leaking the driver's proportions costs."""

    spec: ClassVar[MethodSpec] = sanity.ORACLE_LEAK


class OracleShift(Oracle):
    """The truth, moved to the right; the left-most column is repeated."""

    spec: ClassVar[MethodSpec] = sanity.ORACLE_SHIFT2
    config: ShiftConfig

    def change(self, frames: Tensor) -> Tensor:
        """Shift by whole pixels."""
        columns = torch.arange(frames.shape[-1], device=frames.device) - self.config.pixels
        return frames[..., columns.clamp(min=0)]


class OracleBlur(Oracle):
    """The truth under a Gaussian blur, edges repeated."""

    spec: ClassVar[MethodSpec] = sanity.ORACLE_BLUR
    config: BlurConfig

    def change(self, frames: Tensor) -> Tensor:
        """Separable blur with a window of four standard deviations on either side."""
        sigma = self.config.sigma
        radius = max(1, int(4 * sigma + 0.5))
        x = torch.arange(-radius, radius + 1, dtype=frames.dtype, device=frames.device)
        kernel = torch.exp(-0.5 * (x / sigma) ** 2)
        kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
        for weight, pad in ((kernel, (radius, radius, 0, 0)), (kernel.mT, (0, 0, radius, radius))):
            padded = torch.nn.functional.pad(frames, pad, mode="replicate")
            frames = torch.nn.functional.conv2d(padded, weight, groups=3)
        return frames.clamp(0, 1)


class OracleCodec(Oracle):
    """The truth through a lossy video codec: what storing frames as mp4 alone costs."""

    spec: ClassVar[MethodSpec] = sanity.ORACLE_CRF23
    config: CodecConfig

    def animate(self, state: Any, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Encode the whole clip to H.264 in memory (compressed), then decode it."""
        file = io.BytesIO()
        height, width = _encode(file, super().animate(state, driving, options), driving.fps, self.config.crf)
        for image in _decode(file):
            frame = torch.from_numpy(image[:height, :width]).permute(2, 0, 1)[None]
            yield frame.to(self.device).float() / 255


def _encode(file: io.BytesIO, chunks: Iterator[Tensor], fps: float, crf: int) -> tuple[int, int]:
    """Encode (n, 3, H, W) chunks with one thread (repeatable); odd sides are padded by one. Returns (H, W)."""
    import av

    height = width = 0
    with av.open(file, "w", format="mp4") as container:
        stream: Any = None
        for chunk in chunks:
            images = (chunk.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).cpu()
            height, width = images.shape[1:3]
            if stream is None:
                stream = _h264(container, height + height % 2, width + width % 2, fps, crf)
            for image in images:
                container.mux(stream.encode(_even_frame(image.numpy())))
        if stream is not None:
            container.mux(stream.encode())
    return height, width


def _h264(container: av.container.OutputContainer, height: int, width: int, fps: float, crf: int) -> Any:
    stream: Any = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
    stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
    stream.thread_count = 1
    stream.options = {"crf": str(crf), "preset": "medium"}
    return stream


def _even_frame(image: np.ndarray) -> av.VideoFrame:
    import av
    import numpy as np

    pad = ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.pad(image, pad, mode="edge")), format="rgb24")
    return frame.reformat(format="yuv420p")  # left to the encoder, the same frames give different bytes now and then


def _decode(file: io.BytesIO) -> Iterator[np.ndarray]:
    import av

    file.seek(0)
    with av.open(file, "r") as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")
