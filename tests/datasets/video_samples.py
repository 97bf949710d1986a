"""Small videos of every kind that the tests read, made on the spot."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from datasets.base import Array


def moving_square(n: int = 12, height: int = 32, width: int = 32, side: int = 10) -> list[Array]:
    """``n`` RGB frames of a red square that moves right over a grey gradient."""
    base = np.repeat(np.linspace(40, 200, height).astype(np.uint8)[:, None], width, axis=1)
    frames = []
    for t in range(n):
        frame = np.stack([base] * 3, axis=-1)
        x = (2 * t) % max(1, width - side)
        frame[height // 4 : height // 4 + side, x : x + side] = (220, 30, 30)
        frames.append(frame)
    return frames


def encode(path: Path, frames: list[Array], codec: str, pixels: str, source: str = "rgb24", fps: int = 25) -> Path:
    """Encode frames with a codec and pixel format of FFmpeg."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=source).reformat(format=pixels)))
        container.mux(stream.encode(None))
    return path


def sound_only(path: Path) -> Path:
    """An mp4 that holds a second of silence and no picture."""
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turn_clockwise(path: Path) -> Path:
    """Set the display matrix in an mp4's track header to a quarter turn clockwise, as a phone held upright does."""
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd")
    matrix = header + 4 + 4 + 20 + 8 + 8  # version and flags; times, id, duration; reserved; layer, volume
    values = (0, 1 << 16, 0, -(1 << 16) & 0xFFFFFFFF, 0, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big") for value in values)
    path.write_bytes(data)
    return path
