"""Noisy annotation classes."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.synthetic.noise import corrupt

from .conftest import Make


@pytest.fixture(scope="module")
def exact(make: Make) -> dict[str, np.ndarray]:
    r = make(3, "dance")
    flow, visible = r.flow(4, 5)
    return {**r.labels(4), "flow": flow, "occlusion": (~visible).astype(np.uint8)}


def _error(kind: str, exact: np.ndarray, level: int) -> float:
    noisy = [corrupt(kind, exact, "clip", k, level) for k in range(12)]
    assert all(n.shape == exact.shape and n.dtype == exact.dtype for n in noisy)
    return float(np.nanmean([np.abs(n.astype(float) - exact) for n in noisy]))


@pytest.mark.parametrize("kind", ["keypoints", "iuv", "parsing20", "parsing6", "mask", "flow", "face"])
def test_errors_grow_with_the_level(exact: dict[str, np.ndarray], kind: str) -> None:
    errors = [_error(kind, exact[kind], level) for level in (1, 2, 3)]
    assert 0 < errors[0] < errors[1] < errors[2]


def test_the_same_frame_is_always_equally_wrong(exact: dict[str, np.ndarray]) -> None:
    a, b = (corrupt("iuv", exact["iuv"], "clip", 4, 2) for _ in range(2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, corrupt("iuv", exact["iuv"], "clip", 5, 2))
    assert not np.array_equal(a, corrupt("iuv", exact["iuv"], "other", 4, 2))


def test_what_goes_wrong(exact: dict[str, np.ndarray]) -> None:
    """Holes in the mask, dropped and shifted key points, wrong labels that are still labels."""
    mask = corrupt("mask", exact["mask"], "clip", 4, 3)
    assert (mask <= exact["mask"]).all() and 0 < (mask < exact["mask"]).sum() < exact["mask"].sum()
    points = corrupt("keypoints", exact["keypoints"], "clip", 4, 3)
    dropped = points[:, 2] == 0
    assert 0.05 < dropped.mean() < 0.5 and (points[dropped] == 0).all()
    parsing = corrupt("parsing20", exact["parsing20"], "clip", 4, 3)
    assert parsing.max() < 20 and (parsing[exact["parsing20"] == 0] == 0).all()
    iuv = corrupt("iuv", exact["iuv"], "clip", 4, 3)
    assert iuv[..., 0].max() <= 24 and ((iuv[..., 0] == 0) == (iuv.sum(-1) == 0)).all()
    # One detector's miss is missing in all its maps.
    assert np.array_equal((mask == 0), (parsing == 0)) and np.array_equal(mask == 0, iuv[..., 0] == 0)


def test_background_is_no_detection() -> None:
    background = np.zeros((4, 4, 3), np.uint8)
    assert corrupt("background", background, "clip", 0, 3) is background
