"""Judges on published architectures with random weights, against the packages that published numbers came from."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models

from bench.evaluation.judges.cards import CARDS, card
from bench.evaluation.judges.lpips import LpipsJudge
from bench.registry import load_object
from bench.testing.networks import random_state
from datasets.annotators.facenet import FaceReader
from datasets.annotators.i3d import I3d, window_input
from datasets.annotators.inception import InceptionFeatures, clean_input, plain_input
from datasets.annotators.lpips_trunks import Lpips, published_heads
from datasets.errors import MissingInputError
from datasets.weights import weight

TRUNKS = {
    "alex": lambda: models.alexnet(weights=None),
    "vgg": lambda: models.vgg16(weights=None),
    "squeeze": lambda: models.squeezenet1_1(weights=None),
}


def frame(seed: int, h: int = 64, w: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3)).astype(np.uint8)


def trunk(network: str) -> dict[str, torch.Tensor]:
    state = random_state(lambda: torch.nn.ModuleDict({"features": TRUNKS[network]().features}), 1)
    return dict(state)


def peer(name: str):
    """A function of the peers of judges."""
    spec = importlib.util.spec_from_file_location("network_peers", Path(__file__).with_name("peers") / "networks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


# -- LPIPS -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("network", ["alex", "squeeze", pytest.param("vgg", marks=pytest.mark.slow)])
def test_lpips_equals_package_lpips_on_the_same_weights(network):
    state, theirs = trunk(network), peer(f"lpips_{network}")
    ours = Lpips(network, state, published_heads(network))
    a, b = frame(0), frame(10)
    assert ours.distance(a, b) == pytest.approx(theirs(state, a, b), rel=1e-5)
    assert ours.distance(a, a) == 0.0


@pytest.mark.slow
def test_lpips_fed_zero_to_one_is_another_number():
    state, a, b = trunk("vgg"), frame(3), frame(4)
    heads = published_heads("vgg")
    right, wrong = (Lpips("vgg", state, heads, scaled).distance(a, b) for scaled in (True, False))
    assert wrong == pytest.approx(peer("lpips_vgg_unscaled")(state, a, b), rel=1e-5)
    assert abs(right - wrong) > 0.01 * right


def test_a_judge_knows_its_weights_by_content():
    state, heads = trunk("squeeze"), published_heads("squeeze")
    first, again = (LpipsJudge(card("lpips-0.1-squeeze"), Lpips("squeeze", state, heads)) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    assert first.compare(frame(1), frame(2)) == again.compare(frame(1), frame(2))
    changed = {name: tensor + (name == "features.0.bias") for name, tensor in state.items()}
    assert Lpips("squeeze", changed, heads).fingerprint != first.fingerprint
    assert Lpips("squeeze", state, heads, scaled=False).fingerprint != first.fingerprint


def test_other_weights_are_refused():
    with pytest.raises(MissingInputError, match="not the weights"):
        Lpips("alex", trunk("squeeze"), published_heads("alex"))


# -- Inception -------------------------------------------------------------------------------------------------------
def fid_state() -> dict[str, torch.Tensor]:
    """Random weights with the names of pytorch-fid's file."""
    from datasets.annotators import inception

    state = random_state(inception._network, 2)
    return state | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}


@pytest.mark.slow
def test_inception_equals_pytorch_fid_on_the_same_weights(monkeypatch):
    from pytorch_fid import inception as fid

    state = fid_state()
    monkeypatch.setattr(fid, "load_state_dict_from_url", lambda url, progress: state)
    theirs, ours = fid.InceptionV3([3]).eval(), InceptionFeatures(state)
    for seed, size in ((0, (64, 48)), (1, (320, 330))):
        image = frame(seed, *size)
        x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            expected = theirs(x)[0].flatten().numpy()
        found = ours.read(image)
        assert found.shape == (2048,) and found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert InceptionFeatures(state, clean=True).fingerprint != ours.fingerprint


def test_the_two_resizes_of_fid_differ_as_published():
    image = frame(5, 800, 800)
    plain, clean = plain_input(image), clean_input(image)
    assert plain.shape == clean.shape == (1, 3, 299, 299)
    # Without antialiasing, reducing keeps the noise; with it, less is left.
    assert plain.std() > 1.3 * clean.std()
    flat = np.full((50, 60, 3), 255, np.uint8)
    assert plain_input(flat).min() == pytest.approx(1.0)
    assert clean_input(flat).min() == clean_input(flat).max() == 127 / 128


# -- I3D -------------------------------------------------------------------------------------------------------------
class SmallI3d(torch.nn.Module):
    """The call of StyleGAN-V's file, with one layer before the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Conv3d(3, 1024, (2, 32, 32), stride=(2, 32, 32))
        self.logits = torch.nn.Conv3d(1024, 400, 1)

    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        pooled = torch.relu(self.stem(x)).mean([2, 3, 4], keepdim=True)
        return self.logits(pooled).flatten(1)


@pytest.fixture
def small_i3d(tmp_path: Path) -> tuple[Path, SmallI3d]:
    torch.manual_seed(0)
    network = SmallI3d().eval()
    torch.jit.script(network).save(str(tmp_path / "i3d.pt"))
    return tmp_path / "i3d.pt", network


def test_i3d_answers_logits_and_what_its_last_layer_sees(small_i3d):
    path, network = small_i3d
    window = np.stack([frame(s, 32, 40) for s in range(16)])
    logits, pooled = I3d(path).read(window), I3d(path, "pooled").read(window)
    with torch.inference_mode():
        seen = torch.relu(network.stem(window_input(window, stretch=False))).mean([0, 2, 3, 4])
        expected = network.logits(seen.view(1, -1, 1, 1, 1)).flatten()
    np.testing.assert_allclose(pooled, seen.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logits, expected.numpy(), rtol=1e-4, atol=1e-5)
    assert len({I3d(path).fingerprint, I3d(path, "pooled").fingerprint, I3d(path, stretch=True).fingerprint}) == 3


def test_windows_are_cropped_or_stretched():
    window = np.zeros((16, 30, 60, 3), np.uint8)
    window[:, :, 15:45] = 255  # the middle square
    assert window_input(window, stretch=False)[..., 8:-8].min() == pytest.approx(1.0)
    stretched = window_input(window, stretch=True)
    assert (
        stretched.shape == (1, 3, 16, 224, 224)
        and stretched[..., 0].max() == -1
        and stretched[..., 112].min() == pytest.approx(1)
    )


# -- faces -----------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_face_is_embedded_and_none_is_all_nan():
    from facenet_pytorch import InceptionResnetV1

    reader = FaceReader(random_state(InceptionResnetV1, 3))
    nothing = reader.read(np.full((96, 96, 3), 127, np.uint8))
    assert nothing.shape == (512,) and np.isnan(nothing).all()
    assert np.isnan(reader.read(frame(0, 16, 16))).all()  # smaller than any face that is looked for


# -- what is missing -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("entry", [c for c in CARDS if c.weights], ids=lambda c: c.name)
def test_missing_weights_name_the_command_that_gets_them(entry):
    with pytest.raises(MissingInputError, match="not here") as caught:
        load_object(entry.implementation)()
    name = entry.weights[0]
    assert any(f"bench weights {verb} {name}" in caught.value.hint for verb in ("fetch", "add FILE --as"))


def test_a_file_with_another_hash_is_not_used():
    path = weight("alexnet").path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"something else")
    try:
        with pytest.raises(MissingInputError, match="SHA-256"):
            load_object(card("lpips-0.1-alex").implementation)()
    finally:
        path.unlink()


def test_names_of_judges_are_unique_and_two_seeds_have_the_same_roles():
    assert len({c.name for c in CARDS}) == len(CARDS)
    a, b = ({c.role for c in CARDS if c.synthetic and c.seed == seed} for seed in "ab")
    assert a == b == {"keypoints", "parts", "parsing", "features", "perceptual", "identity"}
