"""Human parsing: the official structures with random weights, and pre- and postprocessing by other means."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.annotators.cards import CARDS
from datasets.annotators.parsing import SchpParser, SegformerParser, best_class, crop_matrix, normalised
from datasets.annotators.schp_network import ActivatedNorm, Schp
from datasets.annotators.segformer_network import Segformer
from datasets.annotators.states import build, read_state
from datasets.conversions import LABELS, TO_CIHP, TO_SIX
from datasets.errors import MissingInputError
from datasets.weights import weight

CARD = {card.name: card for card in CARDS}


def frame(h: int = 40, w: int = 66) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (h, w, 3), dtype=np.uint8)


# -- SCHP ----------------------------------------------------------------------------------------------------------
def test_the_activated_norm_is_the_compiled_operators() -> None:
    norm = ActivatedNorm(4)
    rng = np.random.default_rng(1)
    values = {name: rng.normal(size=4).astype(np.float32) for name in ("weight", "bias", "running_mean")}
    values["running_var"] = rng.uniform(0.1, 2, 4).astype(np.float32)
    assert (values["weight"] < 0).any()
    norm.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
    x = rng.normal(size=(2, 4, 3, 5)).astype(np.float32)
    per = {name: value[None, :, None, None].astype(float) for name, value in values.items()}
    y = (x - per["running_mean"]) / np.sqrt(per["running_var"] + 1e-5) * (np.abs(per["weight"]) + 1e-5) + per["bias"]
    np.testing.assert_allclose(norm(torch.from_numpy(x)).detach().numpy(), np.where(y > 0, y, 0.01 * y), atol=1e-5)


def test_schp_has_the_bytes_of_the_official_files() -> None:
    with torch.device("meta"):
        sizes = {n: sum(t.numel() * t.element_size() for t in Schp(n).state_dict().values()) for n in (20, 18)}
    lip, atr = weight("schp-lip").size, weight("schp-atr").size
    assert sizes[20] - sizes[18] == lip - atr == 4112  # two heads of 256 weights and a bias for each of two labels
    assert 0 < lip - sizes[20] < 200_000  # names and containers


@pytest.mark.parametrize("size", [(40, 66), (70, 31), (33, 33)])
def test_the_crop_is_that_of_the_official_extractor(size: tuple[int, int]) -> None:
    h, w = size
    side = 97
    # utils/transforms.py: three points, the middle, one half a width above it, and the third corner of a square.
    middle, scale = np.array([(w - 1) / 2, (h - 1) / 2]), max(w - 1, h - 1)
    steps = np.array([(0, 0), (0, -scale / 2), (-scale / 2, -scale / 2)])
    source = (middle + steps).astype(np.float32)
    target = np.array([(side / 2, side / 2), (side / 2, 0), (0, 0)], np.float32)
    np.testing.assert_allclose(crop_matrix(size, side), cv2.getAffineTransform(source, target), atol=1e-4)


def test_labels_go_back_to_where_they_were() -> None:
    h, w, side = 60, 90, 121
    truth = np.zeros((h, w), np.uint8)
    truth[10:30, 20:50], truth[35:55, 60:80] = 3, 7
    there = crop_matrix((h, w), side)
    planes = [cv2.warpAffine((truth == k).astype(np.float32), there, (side, side)) for k in range(8)]
    found = best_class(np.stack(planes), there, (h, w))
    assert (found == truth).mean() > 0.97 and found[20, 35] == 3 and found[45, 70] == 7
    wrong = np.array([np.full((side, side), k, np.float32) for k in (0, 2, 1)])
    assert (best_class(wrong, there, (h, w))[:-1, :-1] == 1).all()  # the last row and column lie on the border


def test_colours_are_blue_first_and_normalised() -> None:
    x = normalised(np.full((2, 2, 3), (0, 128, 255), np.uint8))[0, :, 0, 0].numpy()
    expected = [(0 - 0.406) / 0.225, (128 / 255 - 0.456) / 0.224, (1 - 0.485) / 0.229]
    np.testing.assert_allclose(x, expected, rtol=1e-5)


def test_schp_runs_with_random_weights() -> None:
    torch.manual_seed(0)
    state = Schp(18).state_dict()
    parser = SchpParser(CARD["schp-atr"], lambda: Schp(18), state, 65, "atr", "cpu")
    found = parser.read(frame())
    assert found["parsing20"].shape == found["parsing6"].shape == (40, 66) and found["parsing20"].dtype == np.uint8
    labels = parser.labels(frame())
    np.testing.assert_array_equal(found["parsing6"], np.array(TO_SIX["atr"], np.uint8)[labels])
    np.testing.assert_array_equal(found["parsing20"], np.array(TO_CIHP["atr"], np.uint8)[labels])
    with pytest.raises(MissingInputError, match="not the weights of Schp"):
        SchpParser(CARD["schp-lip"], lambda: Schp(20), state, 65, "lip", "cpu")


def test_the_official_checkpoints_form_is_read_and_code_is_not_run(tmp_path: Path) -> None:
    state = ActivatedNorm(3).state_dict()
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, tmp_path / "a.pth")
    assert read_state(tmp_path / "a.pth").keys() == state.keys()
    torch.save({"state_dict": Path("code")}, tmp_path / "b.pth")
    with pytest.raises(MissingInputError, match="can be read safely"):
        read_state(tmp_path / "b.pth")


# -- SegFormer -----------------------------------------------------------------------------------------------------
def test_segformer_runs_with_random_weights(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = Segformer(18).state_dict()
    save_file(state, tmp_path / "model.safetensors")
    state = read_state(tmp_path / "model.safetensors")
    assert 27.3e6 < sum(t.numel() for t in state.values()) < 27.6e6  # B2: 27.4 million
    parser = SegformerParser(CARD["segformer-clothes"], lambda: Segformer(18), state, 64, "atr", "cpu")
    labels = parser.labels(frame())
    assert labels.shape == (40, 66) and labels.dtype == np.uint8 and labels.max() < 18
    assert parser.read(frame())["parsing6"].max() <= 5


@pytest.mark.slow
def test_segformer_is_that_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="only this comparison needs transformers")
    config = transformers.SegformerConfig(
        depths=[3, 4, 6, 3], hidden_sizes=[64, 128, 320, 512], decoder_hidden_size=768, num_labels=18
    )
    theirs = transformers.SegformerForSemanticSegmentation(config).eval()
    theirs.save_pretrained(tmp_path)  # its own names have changed over the years, those of its files have not
    ours = build(lambda: Segformer(18), read_state(tmp_path / "model.safetensors"))
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.allclose(ours(x), theirs(pixel_values=x).logits, atol=1e-4)


# -- tables --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("label_set", ["lip", "atr", "mhp", "cihp"])
def test_the_way_over_cihp_gives_the_same_six_classes(label_set: str) -> None:
    six = [TO_SIX["cihp"][label] for label in TO_CIHP[label_set]]
    assert tuple(six) == TO_SIX[label_set] and len(six) == len(LABELS[label_set])
    same = {name: i for i, name in enumerate(LABELS["cihp"])}
    for label, name in enumerate(LABELS[label_set]):
        if name in same and name != "torso-skin":
            assert TO_CIHP[label_set][label] == same[name], name
