"""The reader of the world's dense networks: encodings, coordinates, and what it promises and refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.annotators.world import detect as detection
from datasets.annotators.world.cards import CARDS
from datasets.annotators.world.ladders import blurred
from datasets.annotators.world.network import FEATURES, POINT_STRIDE, POINTS, decode_points
from datasets.annotators.world.reader import READS, SMALLEST, WorldReader, open_weights
from datasets.errors import MissingInputError, UsageError
from datasets.synthetic.labels import CIHP_TO_SIX
from datasets.synthetic.world import build, clip_spec

SHIPPED = [name for name, card in CARDS.items() if card.weights.is_file()]


@pytest.fixture(scope="module")
def reader() -> WorldReader:
    return WorldReader.load(SHIPPED[0])


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Three frames of a person nobody was trained on."""
    renderer = build(clip_spec("judge", 100_001, 128, 64))
    return np.stack([renderer.rgb(k) for k in (3, 30, 60)])


def _resized(frames: np.ndarray, h: int, w: int) -> np.ndarray:
    return np.stack([cv2.resize(f, (w, h), interpolation=cv2.INTER_AREA) for f in frames])


def test_all_networks_are_shipped_and_differ() -> None:
    assert list(CARDS) == SHIPPED
    readers = [WorldReader.load(name) for name in SHIPPED]
    assert len({r.fingerprint for r in readers}) == len(readers)


# -- encodings -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(128, 128), (64, 64), (97, 61), (200, 256)])
def test_every_kind_has_its_shape_and_encoding(reader: WorldReader, frames: np.ndarray, size: tuple[int, int]) -> None:
    found = reader.read(_resized(frames, *size)[:2], READS)
    assert {k: (v.shape[1:], v.dtype) for k, v in found.items()} == {
        "keypoints": ((POINTS, 3), np.float32),
        "iuv": ((*size, 3), np.uint8),
        "parsing20": (size, np.uint8),
        "parsing6": (size, np.uint8),
        "mask": (size, np.uint8),
        "features": ((FEATURES,), np.float32),
    }
    assert set(np.unique(found["keypoints"][..., 2])) <= {0.0, 0.5, 1.0}
    assert found["iuv"][..., 0].max() <= 24 and not found["iuv"][found["iuv"][..., 0] == 0].any()
    assert np.array_equal(found["parsing6"], CIHP_TO_SIX[found["parsing20"]])
    assert np.array_equal(found["mask"], found["parsing20"] > 0)


def test_only_what_is_asked_for_is_said(reader: WorldReader, frames: np.ndarray) -> None:
    assert set(reader.read(frames[:1], frozenset({"mask"}))) == {"mask"}


def test_no_frames_have_shapes_too(reader: WorldReader) -> None:
    found = reader.read(np.zeros((0, 64, 48, 3), np.uint8), READS)
    assert found["keypoints"].shape == (0, POINTS, 3) and found["iuv"].shape == (0, 64, 48, 3)
    assert found["mask"].shape == (0, 64, 48) and found["features"].shape == (0, FEATURES)


# -- coordinates -----------------------------------------------------------------------------------------------------
def test_a_peak_between_cells_is_found_where_it_is() -> None:
    cells = torch.arange(32.0)
    at = torch.tensor([[10.3, 20.8], [4.0, 27.5]])  # x, y in cells
    bumps = -0.5 * (((cells - at[:, :1]) / 0.8) ** 2)[:, None, :] - 0.5 * (((cells - at[:, 1:]) / 0.8) ** 2)[:, :, None]
    found = decode_points(bumps[None])[0]
    assert torch.allclose((found + 0.5) / POINT_STRIDE - 0.5, at, atol=0.02)


def test_a_wide_frame_reads_as_its_padded_square(reader: WorldReader, frames: np.ndarray) -> None:
    tall = frames[:, :, 20:120]  # 100 of 128 columns: 14 are put on either side
    square = np.pad(tall, ((0, 0), (0, 0), (14, 14), (0, 0)), mode="edge")
    a, b = (reader.read(f, frozenset({"keypoints", "iuv", "mask"})) for f in (tall, square))
    assert np.allclose(a["keypoints"][..., :2] + [14, 0], b["keypoints"][..., :2], atol=1e-3)
    assert np.array_equal(a["iuv"], b["iuv"][:, :, 14:114]) and np.array_equal(a["mask"], b["mask"][:, :, 14:114])


@pytest.mark.parametrize("side", [64, 90, 256])
def test_positions_follow_the_size_of_the_frame(reader: WorldReader, frames: np.ndarray, side: int) -> None:
    kinds = frozenset({"keypoints"})
    small = reader.read(np.stack([cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in frames]), kinds)
    full = reader.read(frames, kinds)["keypoints"]
    moved = (small["keypoints"][..., :2] + 0.5) * (128 / side) - 0.5
    seen = full[..., 2] == 1
    offset = (moved - full[..., :2])[seen]
    assert np.abs(np.median(offset, axis=0)).max() < 0.25  # half a pixel of a 64 px frame would be 1
    assert np.median(np.linalg.norm(offset, axis=1)) < 1


def test_true_points_are_found(reader: WorldReader, frames: np.ndarray) -> None:
    renderer = build(clip_spec("judge", 100_001, 128, 64))
    truth = np.stack([renderer.keypoints(k) for k in (3, 30, 60)])[:, :25]
    found = reader.read(frames, frozenset({"keypoints"}))["keypoints"][:, :25]
    error = np.linalg.norm(found[..., :2] - truth[..., :2], axis=2)[truth[..., 2] == 1]
    assert np.median(error) < 3


# -- promises --------------------------------------------------------------------------------------------------------
def test_neighbours_and_batch_size_change_nothing(reader: WorldReader, frames: np.ndarray) -> None:
    together = reader.read(frames, READS)
    alone = reader.read(frames[1:2], READS)
    assert all(np.array_equal(together[k][1:2], alone[k]) for k in READS)


def test_gradients_flow_through_the_maps(reader: WorldReader) -> None:
    rgb = torch.rand(2, 3, 64, 64, requires_grad=True)
    maps = reader.maps(rgb)
    sum(m.square().mean() for m in maps).backward()  # type: ignore[union-attr]
    assert [m.shape[-1] for m in maps] == [64, 32, 16, 8]
    assert rgb.grad is not None and rgb.grad.abs().min(0).values.sum() > 0
    assert all(p.grad is None for p in reader.network.parameters())


def test_frames_and_tensors_have_the_same_maps(reader: WorldReader, frames: np.ndarray) -> None:
    tensor = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    for a, b in zip(reader.maps(frames), reader.maps(tensor), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_detection_is_the_annotators_never_a_judges(frames: np.ndarray) -> None:
    assert CARDS[detection.NETWORK].role == "annotator"
    found = detection.detect(frames[:1], frozenset({"keypoints", "face", "mask", "flow"}))
    assert set(found) == {"keypoints", "face", "mask"} and found["face"].shape == (1, 4)
    own = WorldReader.load(detection.NETWORK).read(frames[:1], frozenset({"keypoints"}))
    assert np.array_equal(found["keypoints"], own["keypoints"])


# -- features --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SHIPPED)
def test_features_and_maps_move_farther_the_worse_a_frame_is(name: str, frames: np.ndarray) -> None:
    reader = WorldReader.load(name)
    ladder = [blurred(frames, sigma) for sigma in (1.0, 2.0, 4.0)]
    clean = reader.read(frames, frozenset({"features"}))["features"]
    pooled = [float(np.linalg.norm(reader.read(f, frozenset({"features"}))["features"] - clean)) for f in ladder]
    maps = reader.maps(frames)
    local = [sum(float((a - b).abs().mean()) for a, b in zip(maps, reader.maps(f), strict=True)) for f in ladder]
    for distances in (pooled, local):
        assert 0 < distances[0] < distances[1] < distances[2]


# -- refusals --------------------------------------------------------------------------------------------------------
def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(UsageError, match="no network of the world called 'judge-z'"):
        WorldReader.load("judge-z")


@pytest.mark.parametrize("change", ["weights", "missing"])
def test_weights_that_the_card_does_not_describe_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    card = CARDS[SHIPPED[0]]
    for path in (card.weights, card.card):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr("datasets.annotators.world.cards.WEIGHTS", tmp_path)
    copy = replace(card)
    open_weights(copy)  # an untouched copy opens
    if change == "weights":
        data = bytearray(copy.weights.read_bytes())
        data[-1] ^= 1
        copy.weights.write_bytes(data)
    else:
        copy.weights.unlink()
    with pytest.raises(MissingInputError, match=card.name):
        open_weights(copy)


@pytest.mark.parametrize(
    "bad", [np.zeros((64, 64, 3), np.uint8), np.zeros((1, 64, 64, 3)), np.zeros((1, 64, SMALLEST - 1, 3), np.uint8)]
)
def test_other_arrays_are_refused(reader: WorldReader, bad: np.ndarray) -> None:
    with pytest.raises(UsageError, match="uint8 frames of at least"):
        reader.read(bad, frozenset({"mask"}))


def test_an_unknown_kind_is_refused(reader: WorldReader, frames: np.ndarray) -> None:
    with pytest.raises(UsageError, match="does not read flow"):
        reader.read(frames[:1], frozenset({"flow"}))
