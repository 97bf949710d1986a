"""How alike two pictures look: a difference hash, which survives compression and resizing."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.base import Array


def difference_hash(frame: Array) -> str:
    """16 hexadecimal digits of an (H, W, 3) uint8 frame: is each of 8 x 8 cells brighter than its left neighbour?"""
    grey = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA).astype(int)
    bits = (grey[:, 1:] > grey[:, :-1]).ravel()
    return np.packbits(bits).tobytes().hex()


def near(a: list[str], b: list[str], below: int) -> list[tuple[int, int, int]]:
    """(index in a, index in b, differing bits) of hashes that differ in fewer than ``below`` bits."""
    if not a or not b:
        return []
    left, right = (np.array([int(h, 16) for h in hashes], dtype=np.uint64) for hashes in (a, b))
    found = []
    for i, value in enumerate(left):
        distance = np.bitwise_count(right ^ value)
        found += [(i, int(j), int(distance[j])) for j in np.flatnonzero(distance < below)]
    return found
