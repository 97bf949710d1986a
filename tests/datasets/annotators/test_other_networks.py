"""Keypoint R-CNN, OSNet and Super SloMo: official structures with random weights, answers by other means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.annotators.cards import CARDS, load
from datasets.annotators.keypoints import KeypointRCNN, WholeBody, largest_person, rcnn
from datasets.annotators.osnet import OSNet, ReidReader
from datasets.annotators.slomo import Interpolator, UNet, halfway
from datasets.errors import MissingInputError
from datasets.footage import Footage, measure

CARD = {card.name: card for card in CARDS}


# -- Keypoint R-CNN ------------------------------------------------------------------------------------------------
def test_the_largest_sure_person_wins_and_points_get_integer_centres() -> None:
    points = np.zeros((3, 17, 3), np.float32)
    points[1, :, 0], points[1, :, 1] = np.arange(17) + 10.5, 20.5
    scores = np.full((3, 17), -9, np.float32)
    scores[1] = 9
    scores[1, 3] = 0.5  # the left ear: a logistic of 0.62 is not enough
    found = {
        "boxes": np.array([[0, 0, 5, 5], [0, 0, 30, 40], [0, 0, 60, 60]], np.float32),
        "scores": np.array([0.99, 0.9, 0.6], np.float32),
        "keypoints": points,
        "keypoints_scores": scores,
    }
    out = largest_person(found, (64, 64))
    assert out.shape == (135, 3) and out[0].tolist() == pytest.approx([10, 20, 1], abs=1e-3)
    assert out[2, 0] == 16 and out[5, 0] == 15  # right and left shoulder are points 6 and 5
    assert out[1].tolist() == pytest.approx([15.5, 20, 1], abs=1e-3)  # the neck
    assert not out[18].any() and not out[19:].any()  # left ear; feet, hands and face, which COCO's 17 lack
    assert not largest_person({**found, "scores": np.zeros(3)}, (64, 64)).any()


def test_keypoint_rcnn_has_the_names_of_torchvisions_weights() -> None:
    with torch.device("meta"):
        state = rcnn().state_dict()
    # torchvision states 59137258 parameters; all four vectors of a frozen norm are buffers, which it does not count.
    norms = 2 * sum(t.numel() for n, t in state.items() if n.endswith(("running_mean", "running_var")))
    assert sum(t.numel() for t in state.values()) - norms == 59_137_258
    assert not any(name.endswith("num_batches_tracked") for name in state)


def test_a_whole_body_network_is_an_annotator(tmp_path: Path) -> None:
    class Network:
        """One point where the frame is brightest."""

        fingerprint = "f" * 64

        def read(self, frame: np.ndarray) -> np.ndarray:
            found = np.zeros((135, 3), np.float32)
            y, x = np.unravel_index(int(frame[..., 0].argmax()), frame.shape[:2])
            found[0] = (x, y, 1)
            return found

    frames = [np.zeros((8, 9, 3), np.uint8) for _ in range(3)]
    for t, frame in enumerate(frames):
        frame[t, 2 * t] = 255
    annotator = WholeBody(CARD["dwpose"], Network())
    clip = measure(Footage("a", tmp_path, lambda: frames))
    found = [each["keypoints"][0].tolist() for each in annotator.annotate(clip, {})]
    assert found == [[0, 0, 1], [2, 1, 1], [4, 2, 1]] and annotator.weights == "f" * 64
    assert load(CARD["dis"]).maker != annotator.maker


def test_without_the_extra_or_the_weights_key_points_say_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    for name, arguments in (("dwpose", ()), ("keypointrcnn", ()), ("mmpose", ("config.py", "checkpoint.pth"))):
        with pytest.raises(MissingInputError) as caught:
            load(CARD[name], arguments)
        assert caught.value.hint


@pytest.mark.slow
def test_keypoint_rcnn_runs_with_random_weights() -> None:
    torch.manual_seed(0)
    network = KeypointRCNN(CARD["keypointrcnn"], state=rcnn().state_dict())
    found = network.read(np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8))["keypoints"]
    assert found.shape == (135, 3) and np.isfinite(found).all()


# -- re-identification ---------------------------------------------------------------------------------------------
def test_osnet_reads_who_is_shown() -> None:
    torch.manual_seed(0)
    state = OSNet().state_dict()
    assert sum(t.numel() for t in OSNet().parameters()) == 2_169_508  # torchreid states 2.2 million
    reader = ReidReader({**state, "classifier.weight": torch.zeros(751, 512), "classifier.bias": torch.zeros(751)})
    frames = np.random.default_rng(0).integers(0, 255, (2, 50, 30, 3), dtype=np.uint8)
    first = reader.read(frames[0])
    assert first.shape == (512,) and abs(float(np.linalg.norm(first)) - 1) < 1e-5
    np.testing.assert_array_equal(first, reader.read(frames[0]))
    assert np.abs(first - reader.read(frames[1])).max() > 1e-4
    with pytest.raises(MissingInputError, match="not the weights of OSNet"):
        ReidReader({**state, "conv1.conv.weight": torch.zeros(64, 3, 3, 3)})


# -- interpolation -------------------------------------------------------------------------------------------------
class _Shift(nn.Module):
    """Says that everything moves by 4 pixels to the right."""

    def forward(self, pair: Tensor) -> Tensor:
        flow = torch.zeros(1, 4, *pair.shape[-2:])
        flow[:, 0], flow[:, 2] = 4.0, -4.0
        return flow


class _First(nn.Module):
    """No residuals; everything is seen in the first frame."""

    def forward(self, x: Tensor) -> Tensor:
        out = torch.zeros(1, 5, *x.shape[-2:])
        out[:, 4] = 50.0
        return out


def test_the_middle_of_a_known_shift() -> None:
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(64.0), indexing="ij")

    def picture(by: float) -> Tensor:
        return torch.sin((x - by) / 7)[None, None].expand(1, 3, 32, 64) + 0 * y

    between = halfway(picture(0), picture(4), _Shift(), _First())
    # The reference divides by W instead of W - 1: x samples at x (W - 1) / W, up to one pixel off at the right.
    sampled = torch.sin(((x - 2) * 63 / 64) / 7)[None, None].expand(1, 3, 32, 64)
    inner = (..., slice(1, -1), slice(4, -4))
    assert (between - sampled)[inner].abs().max() < 5e-3


def test_super_slomo_runs_with_random_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    networks = UNet(6, 4), UNet(20, 5)
    assert [sum(t.numel() for t in n.parameters()) for n in networks] == [19_794_116, 19_816_357]  # 39.6 million
    first, second = (n.state_dict() for n in networks)
    made = Interpolator(first, second)
    frames = np.random.default_rng(0).integers(0, 255, (2, 20, 37, 3), dtype=np.uint8)
    found = made.between(*frames)
    assert found.shape == (20, 37, 3) and found.dtype == np.uint8
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingInputError, match="the weights super-slomo"):
        Interpolator.load()
    torch.save({"state_dictFC": first, "state_dictAT": second, "epoch": 1}, tmp_path / "SuperSloMo.ckpt")
    assert Interpolator.load().fingerprint == made.fingerprint
    torch.save({"other": first}, tmp_path / "SuperSloMo.ckpt")
    with pytest.raises(MissingInputError, match="no checkpoint of Super SloMo"):
        Interpolator.load()
