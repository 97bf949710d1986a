"""Laws of fitting pictures into squares."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datasets.letterbox import letterbox, letterbox_box, resize, square, square_points, square_scale, unletterbox

sides = st.integers(1, 90)


def picture(h: int, w: int) -> np.ndarray:
    return np.random.default_rng(h * 100 + w).integers(1, 256, (h, w, 3), dtype=np.uint8)


@given(sides, sides, st.integers(4, 70))
def test_letterbox_shows_the_whole_picture_in_the_middle(h: int, w: int, size: int) -> None:
    out = letterbox(np.full((h, w, 3), 200, np.uint8), size)
    top, left, height, width = letterbox_box(h, w, size)
    assert out.shape == (size, size, 3)
    assert max(height, width) == size
    assert (out[top : top + height, left : left + width] == 200).all()
    assert (out == 200).all(-1).sum() == height * width
    assert abs((size - height) - 2 * top) <= 1
    assert abs((size - width) - 2 * left) <= 1


@given(sides, sides)
def test_unletterbox_undoes_letterbox_exactly_where_nothing_was_scaled(h: int, w: int) -> None:
    frame = picture(h, w)
    assert np.array_equal(unletterbox(letterbox(frame, max(h, w)), (h, w)), frame)


@given(st.integers(8, 60), st.integers(8, 60))
def test_unletterbox_undoes_enlarging_nearly(h: int, w: int) -> None:
    y, x = np.mgrid[:h, :w]
    smooth = np.stack([x * 200 / w, y * 200 / h, (x + y) * 100 / (w + h)], axis=-1).astype(np.uint8)
    back = unletterbox(letterbox(smooth, 120), (h, w))
    assert np.abs(back.astype(int) - smooth)[2:-2, 2:-2].max(initial=0) <= 6


def test_shrinking_takes_the_mean_over_the_area() -> None:
    frame = picture(8, 8)
    mean = frame.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.abs(resize(frame, (4, 4)) - mean).max() <= 0.5


def test_enlarging_follows_the_half_pixel_convention() -> None:
    ramp = np.tile(np.arange(0, 80, 10, dtype=np.float32), (8, 1))
    out = resize(ramp, (16, 16))
    x = (np.arange(16) + 0.5) / 2 - 0.5
    assert np.allclose(out[4, 1:-1], 10 * x[1:-1], atol=1e-3)


@given(sides, sides, st.integers(4, 70))
def test_labels_stay_labels(h: int, w: int, size: int) -> None:
    labels = (picture(h, w)[..., 0] % 5) * 40
    assert set(np.unique(square(labels, size, nearest=True))) <= {0, *np.unique(labels)}


@given(st.integers(10, 90), st.integers(10, 90), st.integers(16, 70))
def test_square_keeps_the_full_height(h: int, w: int, size: int) -> None:
    frame = np.zeros((h, w, 3), np.uint8)
    frame[0], frame[-1] = 255, 255
    out = square(frame, size)
    assert out.shape == (size, size, 3)
    rows = np.flatnonzero(out.max(axis=(1, 2)))
    _, _, height, _ = letterbox_box(h, min(h, w), size)
    assert rows[-1] - rows[0] == height - 1


@given(st.integers(30, 90), st.integers(30, 90), st.integers(40, 70), st.data())
def test_points_move_with_the_picture(h: int, w: int, size: int, data: st.DataObject) -> None:
    left = max(0, (w - h) // 2)
    y = data.draw(st.integers(4, h - 5))
    x = data.draw(st.integers(left + 4, left + min(h, w) - 5))
    frame = np.zeros((h, w), np.float32)
    frame[y - 2 : y + 3, x - 2 : x + 3] = 1
    out = square(frame, size)
    weight = out.sum()
    seen = (out * np.arange(size)).sum() / weight, (out * np.arange(size)[:, None]).sum() / weight
    assert np.allclose(square_points(np.array([x, y], float), (h, w), size), seen, atol=0.6)
    scale = np.array(square_scale((h, w), size))
    step = square_points(np.array([x + 1, y + 1], float), (h, w), size) - square_points(np.array([x, y]), (h, w), size)
    assert np.allclose(step, scale)
