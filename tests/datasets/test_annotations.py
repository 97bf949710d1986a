"""Annotations on disk: round trips, PNG forms, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.annotations import (
    ENCODINGS,
    present_kinds,
    read_annotations,
    square_annotation,
    write_annotations,
)
from datasets.base import KINDS, Array
from datasets.errors import MissingInputError, SuiteError
from datasets.letterbox import square


def sample(kind: str, n: int = 3, h: int = 6, w: int = 8) -> Array:
    """Random values in the canonical encoding."""
    encoding = ENCODINGS[kind]
    shape = (n, *({0: h, 1: w}[i] if side == -1 else side for i, side in enumerate(encoding.shape)))
    rng = np.random.default_rng(1)
    if encoding.dtype == "float32":
        return rng.normal(size=shape).astype(np.float32)
    return rng.integers(0, (encoding.largest or 255) + 1, shape, dtype=np.uint8)


def test_every_kind_has_an_encoding() -> None:
    assert set(ENCODINGS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(tmp_path: Path, kind: str) -> None:
    array = sample(kind)
    assert present_kinds(tmp_path) == frozenset()
    write_annotations(tmp_path, kind, array)
    assert present_kinds(tmp_path) == {kind}
    back = read_annotations(tmp_path, [kind], n_frames=3, size=(6, 8))[kind]
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


def test_pngs_hold_values_not_colours(tmp_path: Path) -> None:
    labels, iuv = sample("parsing20"), sample("iuv")
    (tmp_path / "parsing20").mkdir()
    for i, frame in enumerate(labels):
        image = Image.fromarray(frame)
        image.putpalette([255, 0, 0, 0, 255, 0] * 20)
        image.save(tmp_path / "parsing20" / f"{i:06d}.png")
    Image.fromarray(iuv[0]).save(tmp_path / "iuv.png")
    assert np.array_equal(read_annotations(tmp_path, ["parsing20"], 3)["parsing20"], labels)
    assert np.array_equal(read_annotations(tmp_path, ["iuv"], 1)["iuv"], iuv[:1])


def test_a_missing_kind_is_named(tmp_path: Path) -> None:
    write_annotations(tmp_path, "mask", sample("mask"))
    with pytest.raises(MissingInputError, match=r"'iuv' is missing: .* iuv\.npz, iuv/000000\.png or iuv\.png"):
        read_annotations(tmp_path, ["mask", "iuv"])


@pytest.mark.parametrize(
    ("kind", "array", "says"),
    [
        ("keypoints", np.zeros((3, 17, 3), np.float32), r"'keypoints'.*expected \(T, 135, 3\) float32 with T = 3"),
        ("keypoints", np.zeros((2, 135, 3), np.float32), r"\(2, 135, 3\)"),
        ("mask", np.zeros((3, 6, 9), np.uint8), r"expected \(T, 6, 8\) uint8"),
        ("mask", np.zeros((3, 6, 8), np.float32), "uint8"),
        ("mask", np.full((3, 6, 8), 255, np.uint8), "value 255, the largest is 1"),
        ("iuv", np.full((3, 6, 8, 3), 25, np.uint8), "value 25, the largest is 24"),
    ],
)
def test_a_wrong_encoding_says_what_was_expected(tmp_path: Path, kind: str, array: Array, says: str) -> None:
    np.savez(tmp_path / f"{kind}.npz", data=array)
    with pytest.raises(SuiteError, match=says):
        read_annotations(tmp_path, [kind], n_frames=3, size=(6, 8))


def test_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mask.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(SuiteError, match=r"mask\.npz is damaged"):
        read_annotations(tmp_path, ["mask"])
    np.savez(tmp_path / "mask.npz", other=np.zeros(3))
    with pytest.raises(SuiteError, match="no array named 'data'"):
        read_annotations(tmp_path, ["mask"])
    np.savez(tmp_path / "mask.npz", data=np.array([{"pickled": 1}]))
    with pytest.raises(SuiteError, match="damaged"):
        read_annotations(tmp_path, ["mask"])
    Image.new("RGBA", (4, 4)).save(tmp_path / "iuv.png")
    with pytest.raises(SuiteError, match="mode RGBA, expected an 8-bit RGB"):
        read_annotations(tmp_path, ["iuv"])


def test_nothing_wrong_is_written(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="expected"):
        write_annotations(tmp_path, "face", np.zeros((3, 5), np.float32))
    with pytest.raises(SuiteError, match="no annotation kind 'depth'"):
        write_annotations(tmp_path, "depth", np.zeros((3, 5)))
    assert list(tmp_path.iterdir()) == []


def test_annotations_follow_the_square_picture() -> None:
    h, w, size = 40, 80, 20
    points = np.zeros((135, 3), np.float32)
    points[0], points[1] = (40, 10, 1), (5, 10, 1)  # the second one lies in the part that is cut off
    out = square_annotation("keypoints", points, (h, w), size)
    assert out[0].tolist() == [(40 - 20 + 0.5) / 2 - 0.5, (10 + 0.5) / 2 - 0.5, 1]
    assert out[1, 2] == 0
    mask = (np.arange(h * w).reshape(h, w) % 3 == 0).astype(np.uint8)
    assert np.array_equal(square_annotation("mask", mask, (h, w), size), square(mask, size, nearest=True))
    flow = np.full((h, w, 2), 4, np.float32)
    assert np.allclose(square_annotation("flow", flow, (h, w), size), 2)
    face = square_annotation("face", np.array([20, 0, 59, 39], np.float32), (h, w), size)
    assert np.allclose(face, [-0.25, -0.25, 19.25, 19.25])
