"""Dense optical flow without weights: DIS (Kroeger et al. 2016) as OpenCV has it, with fixed settings.

Settings: preset MEDIUM, one thread (the number of threads splits the image and would change values), grey uint8 frames
resized to :data:`SIDE` pixels on the longer side (small frames give DIS too little to hold on to).
"""

from __future__ import annotations

import threading

import cv2
import numpy as np

from bench.evaluation.base import Array, FramePair, shared
from bench.evaluation.parallel import one_opencv_thread

SIDE = 256
_LOCAL = threading.local()


def dis_flow(first: Array, second: Array) -> Array:
    """Flow from ``first`` to ``second``.

    Args:
        first, second: (H, W) uint8.

    Returns:
        (H, W, 2) float32 displacement (x, y) in pixels; warp second to first by sampling it at x + flow.
    """
    if not hasattr(_LOCAL, "dis"):  # the object keeps buffers, so each thread has its own
        _LOCAL.dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    with one_opencv_thread():
        flow: Array = _LOCAL.dis.calc(first, second, None)  # an array here would be taken as first guess
    return flow


def flow_size(height: int, width: int) -> tuple[int, int]:
    """(H, W) at which flow is measured: the longer side is :data:`SIDE`, the shorter one at least 16 pixels."""
    scale = SIDE / max(height, width)
    return max(16, round(height * scale)), max(16, round(width * scale))


def resize_image(image: Array, size: tuple[int, int]) -> Array:
    """Resize to (H, W): bilinear when enlarging, area means when shrinking."""
    if image.shape[:2] == size:
        return image
    shrinking = size[0] < image.shape[0]
    resized: Array = cv2.resize(
        image, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    )
    return resized


def resize_flow(flow: Array, size: tuple[int, int]) -> Array:
    """Resize a flow field to (H, W) and scale its displacements along."""
    if flow.shape[:2] == size:
        return flow
    scale = np.array([size[1] / flow.shape[1], size[0] / flow.shape[0]], np.float32)
    scaled: Array = resize_image(np.ascontiguousarray(flow, np.float32), size) * scale
    return scaled


def clip_flow(previous: FramePair, frame: FramePair, side: str, backward: bool = False) -> Array:
    """DIS flow of one video from the previous frame to this one (``backward``: from this one back), at
    :func:`flow_size`; computed once and shared by all metrics.

    Args:
        previous, frame: consecutive frames.
        side: ``generated``, ``reference`` or ``driving``.
    """

    def compute() -> Array:
        first, second = grey(previous, side), grey(frame, side)
        if np.array_equal(first, second):  # DIS gives zero too, but takes its time
            return np.zeros((*first.shape, 2), np.float32)
        return dis_flow(second, first) if backward else dis_flow(first, second)

    flow: Array = shared(previous, f"flow-{side}-{'back' if backward else 'forth'}", compute)
    return flow


def grey(frame: FramePair, side: str) -> Array:
    """A side of a frame as DIS gets it, (H, W) uint8 at :func:`flow_size`; computed once and shared."""

    def compute() -> Array:
        image: Array = getattr(frame, side)
        return resize_image(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), flow_size(*image.shape[:2]))

    small: Array = shared(frame, f"grey-{side}", compute)
    return small


def warp(image: Array, flow: Array) -> tuple[Array, Array]:
    """Sample ``image`` at x + flow, bilinearly (in numpy: OpenCV's remap rounds coordinates to 1/32 pixel).

    Args:
        image: (H, W, C).
        flow: (H, W, 2) in pixels.

    Returns:
        (H, W, C) float64, and an (H, W) bool mask of the pixels whose sample lies inside the frame.
    """
    h, w = image.shape[:2]
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float64)
    x, y = xs + flow[..., 0], ys + flow[..., 1]
    inside = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
    x, y = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
    left, top = np.minimum(x.astype(np.intp), max(w - 2, 0)), np.minimum(y.astype(np.intp), max(h - 2, 0))
    right, bottom = np.minimum(left + 1, w - 1), np.minimum(top + 1, h - 1)
    a, b = (x - left)[..., None], (y - top)[..., None]
    upper = image[top, left] * (1 - a) + image[top, right] * a
    lower = image[bottom, left] * (1 - a) + image[bottom, right] * a
    return upper * (1 - b) + lower * b, inside


def consistent(forward: Array, backward: Array) -> Array:
    """Pixels visible in both frames by the forward-backward check of Sundaram, Brox, Keutzer 2010 (equation 5):
    |f + b|^2 <= .01 (|f|^2 + |b|^2) + .5, with b sampled at x + f. Returns (H, W) bool."""
    back, inside = warp(backward, forward)
    slack = 0.01 * ((forward**2).sum(2) + (back**2).sum(2)) + 0.5
    good: Array = inside & (((forward + back) ** 2).sum(2) <= slack)
    return good
