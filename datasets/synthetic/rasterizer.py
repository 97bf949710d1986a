"""A vectorised z-buffer: which triangle is seen at each pixel centre, where on it, and how far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .procedural import F32, Array

_NEAR = 0.05  # metres; nearer faces are dropped
_EMPTY = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Fragments:
    """The visible surface at each covered pixel.

    Attributes:
        pixel: (N,) int64 flat index y * w + x, increasing. face: (N,) int32. bary: (N, 3) float32, perspective-correct.
        depth: (h * w,) float32 metres, inf where nothing is.
        facing: (F,) signed area of each face in the image; negative = turned to the camera.
    """

    pixel: Array
    face: Array
    bary: Array
    depth: Array
    facing: Array


def rasterize(x: Array, y: Array, z: Array, faces: Array, two_sided: Array, h: int, w: int) -> Fragments:
    """Rasterise triangles at integer pixel centres.

    Args:
        x, y: (V,) pixel coordinates. z: (V,) depth in metres.
        faces: (3, F) corners. two_sided: (F,) bool, drawn from behind too.
    """
    x0, x1, x2 = (x[f] for f in faces)
    y0, y1, y2 = (y[f] for f in faces)
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    drawn = (area < -1e-9) | (two_sided & (area > 1e-9))
    if z.min() <= _NEAR:
        drawn &= np.minimum(np.minimum(z[faces[0]], z[faces[1]]), z[faces[2]]) > _NEAR
    # Bounding boxes in pixels, clipped to the image.
    left = np.maximum(np.ceil(np.minimum(np.minimum(x0, x1), x2)), 0)
    right = np.minimum(np.floor(np.maximum(np.maximum(x0, x1), x2)), w - 1)
    top = np.maximum(np.ceil(np.minimum(np.minimum(y0, y1), y2)), 0)
    bottom = np.minimum(np.floor(np.maximum(np.maximum(y0, y1), y2)), h - 1)
    ids = np.nonzero(drawn & (left <= right) & (top <= bottom))[0].astype(np.int32)
    depth = np.full(h * w, np.inf, F32)
    if not len(ids):
        return Fragments(np.zeros(0, np.int64), ids, np.zeros((0, 3), F32), depth, area)
    left, top = left[ids].astype(np.int32), top[ids].astype(np.int32)
    width = right[ids].astype(np.int32) - left + 1
    count = width * (bottom[ids].astype(np.int32) - top + 1)
    # Every face expands to the pixels of its box (ragged).
    rep = np.repeat(np.arange(len(ids), dtype=np.int32), count)
    offset = np.arange(len(rep), dtype=np.int32) - np.repeat(np.cumsum(count) - count, count).astype(np.int32)
    row = offset // width[rep]
    px, py = left[rep] + offset - row * width[rep], top[rep] + row
    # Edge functions are affine in the pixel: coefficients once per face.
    x0, x1, x2, y0, y1, y2 = (v[ids] for v in (x0, x1, x2, y0, y1, y2))
    inverse = 1 / area[ids]
    a1, b1 = (y2 - y0) * inverse, -(x2 - x0) * inverse
    a2, b2 = -(y1 - y0) * inverse, (x1 - x0) * inverse
    c1, c2 = -(a1 * x0 + b1 * y0), -(a2 * x0 + b2 * y0)
    fx, fy = px.astype(F32), py.astype(F32)
    w1 = a1[rep] * fx + b1[rep] * fy + c1[rep]
    w2 = a2[rep] * fx + b2[rep] * fy + c2[rep]
    inside = np.nonzero((w1 >= -1e-6) & (w2 >= -1e-6) & (w1 + w2 <= 1 + 1e-6))[0]
    rep, w1, w2 = rep[inside], w1[inside], w2[inside]
    pixel = (py[inside] * w + px[inside]).astype(np.int64)
    # Perspective-correct: barycentrics are linear in 1 / depth.
    face, inverse_z = ids[rep], 1 / z
    q1, q2 = w1 * inverse_z[faces[1][face]], w2 * inverse_z[faces[2][face]]
    q0 = (1 - w1 - w2) * inverse_z[faces[0][face]]
    distance = 1 / (q0 + q1 + q2)
    # Nearest fragment of each pixel: depth in 10 micrometres, ties to the first face.
    key = (np.clip(distance * 1e5, 0, 2**30).astype(np.int64) << 32) | np.arange(len(distance), dtype=np.int64)
    nearest = np.full(h * w, _EMPTY, np.int64)
    np.minimum.at(nearest, pixel, key)
    hit = np.nonzero(nearest != _EMPTY)[0]
    win = nearest[hit] & 0xFFFFFFFF
    d = distance[win]
    depth[hit] = d
    return Fragments(hit, face[win], np.stack([q0[win] * d, q1[win] * d, q2[win] * d], 1).astype(F32), depth, area)
