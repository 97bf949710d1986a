"""Flow between neighbouring true frames, and where it can be believed (paper eq. 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from datasets.base import Array

#: Frames smaller than this are enlarged for DIS, pixels of the longer side: on fewer it has too little to hold on to.
LEAST_SIDE = 192


@contextmanager
def _one_thread() -> Iterator[None]:
    """DIS cuts the frame by threads, which would change its values from machine to machine."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def estimated_flow(first: Array, second: Array) -> tuple[Array, Array]:
    """DIS optical flow (Kroeger et al., ECCV 2016, OpenCV's MEDIUM preset) and its reliability.

    Args:
        first, second: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 2) float32 displacement (x, y) in pixels from each pixel of ``first`` to ``second``, and the (H, W) bool
        mask of eq. 3: see :func:`reliable`.
    """
    import cv2

    height, width = first.shape[:2]
    scale = max(1.0, LEAST_SIDE / max(height, width))
    side = (round(width * scale), round(height * scale))
    grey = [
        cv2.resize(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), side, interpolation=cv2.INTER_LINEAR) for f in (first, second)
    ]
    with _one_thread():
        dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        forward, backward = dis.calc(grey[0], grey[1], None), dis.calc(grey[1], grey[0], None)
    mask = reliable(forward, consistent(forward, backward))
    if scale == 1.0:
        return forward, mask
    back = np.array([width / side[0], height / side[1]], np.float32)
    flow = cv2.resize(forward, (width, height), interpolation=cv2.INTER_AREA) * back
    share = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return flow, share >= 0.5


def inside(flow: Array) -> Array:
    """(H, W) bool: the flow (H, W, 2) ends inside the frame."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    x, y = x + flow[..., 0], y + flow[..., 1]
    found: Array = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return found


def consistent(forward: Array, backward: Array) -> Array:
    """Forward-backward test of Sundaram, Brox and Keutzer (ECCV 2010, eq. 5), (H, W) bool.

    |f + b|^2 <= 0.01 (|f|^2 + |b|^2) + 0.5, with b sampled at x + f; flows (H, W, 2) in pixels.
    """
    import cv2

    height, width = forward.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    there = (x + forward[..., 0]).astype(np.float32), (y + forward[..., 1]).astype(np.float32)
    back = cv2.remap(backward, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    slack = 0.01 * ((forward**2).sum(-1) + (back**2).sum(-1)) + 0.5
    found: Array = inside(forward) & (((forward + back) ** 2).sum(-1) <= slack)
    return found


def reliable(flow: Array, visible: Array) -> Array:
    """M_t of eq. 3, (H, W) bool: visible in both frames, and not at a motion boundary.

    Boundary [same paper, eq. 6]: |grad u|^2 + |grad v|^2 > 0.01 |f|^2 + 0.002; flow (H, W, 2) in pixels.
    """
    gradient = sum((part**2 for c in range(2) for part in np.gradient(flow[..., c])), np.zeros(flow.shape[:2]))
    found: Array = visible & (gradient <= 0.01 * (flow**2).sum(-1) + 0.002)
    return found
