"""The sanity rows: what they show, and that they cannot do without what they need."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from bench.driving import ClipDriving, rgb_tensor
from bench.registry import entries, get, load_object
from bench.testing.world import ToyWorld
from datasets.errors import MissingInputError
from methods import BUILTIN
from methods.base import AnimateOptions, Method

SIZE, FRAMES = 32, 11
CROSS = "cross-animation@1"


@pytest.fixture(scope="module")
def trial():
    world = ToyWorld(size=SIZE, frames=FRAMES)
    return world.open(CROSS, world.pairs(CROSS).pairs[0])


def build(name: str, **settings) -> Method:
    spec = get("methods", name)
    config = load_object(spec.config)(**{**spec.presets["quick"], **settings})
    return load_object(spec.implementation)(config)


def animate(name: str, trial, **settings) -> torch.Tensor:
    method = build(name, **settings)
    oracle = method.spec.oracle
    clip = trial.oracles[oracle]() if oracle not in ("", "background") else None
    source = {"rgb": rgb_tensor(trial.source.rgb)}
    if oracle == "background":
        source["background"] = rgb_tensor(trial.source_background()[None])
    state = method.encode(source)
    return torch.cat(list(method.animate(state, ClipDriving(trial.driving, oracle=clip), AnimateOptions("standard"))))


def frames(clip) -> torch.Tensor:
    return rgb_tensor(clip.read(range(len(clip))).rgb)


def test_every_row_is_registered_under_its_own_card():
    assert set(BUILTIN) <= set(entries("methods"))
    for name in BUILTIN:
        spec = get("methods", name)
        method = build(name)
        assert spec.name == name == method.spec.name and spec.sanity and method.stages() == () and not list(method.nets)


def test_cards_import_no_torch():
    code = "import methods.sanity, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_every_row_gives_one_frame_for_each_driving_frame(trial, name):
    made = animate(name, trial)
    assert made.shape == (FRAMES, 3, SIZE, SIZE) and made.dtype == torch.float32
    assert made.min() >= 0 and made.max() <= 1


def test_copies_are_copies(trial):
    photo = rgb_tensor(trial.source.rgb)
    assert torch.equal(animate("copy-source", trial), photo.expand(FRAMES, -1, -1, -1))
    assert torch.equal(animate("copy-driving", trial), frames(trial.driving))
    faded = animate("faded-source", trial)
    background = rgb_tensor(trial.source_background()[None])
    assert torch.equal(faded[3], ((photo + background) / 2)[0])
    assert not torch.equal(faded[0], photo[0])


@pytest.mark.parametrize(("name", "oracle"), [("oracle", "target"), ("oracle-rel", "rel"), ("oracle-leak", "leak")])
def test_oracles_show_their_own_rendering(trial, name, oracle):
    made = animate(name, trial)
    assert torch.equal(made, frames(trial.oracles[oracle]()))
    others = [o for o in ("target", "rel", "leak") if o != oracle]
    assert all(not torch.equal(made, frames(trial.oracles[o]())) for o in others)


def test_shift_moves_by_two_pixels_and_repeats_the_edge(trial):
    made, truth = animate("oracle-shift2", trial), frames(trial.oracles["target"]())
    assert torch.equal(made[..., 2:], truth[..., :-2])
    assert torch.equal(made[..., 0], truth[..., 0]) and torch.equal(made[..., 1], truth[..., 0])


def test_blur_is_a_gaussian(trial):
    from scipy.ndimage import gaussian_filter

    made, truth = animate("oracle-blur", trial, sigma=1.5), frames(trial.oracles["target"]())
    expected = gaussian_filter(truth[0].double().numpy(), (0, 1.5, 1.5), mode="nearest", truncate=4.0)
    np.testing.assert_allclose(made[0].numpy(), expected, atol=1e-5)


def test_codec_is_lossy_repeatable_and_keeps_odd_sizes(trial):
    truth = frames(trial.oracles["target"]())
    made = animate("oracle-crf23", trial)
    assert torch.equal(made, animate("oracle-crf23", trial))
    error = (made - truth).abs().mean()
    assert 0 < error < 0.06
    assert (animate("oracle-crf23", trial, crf=45) - truth).abs().mean() > error
    odd = ToyWorld(size=33, frames=3)
    odd_trial = odd.open(CROSS, odd.pairs(CROSS).pairs[0])
    assert animate("oracle-crf23", odd_trial).shape == (3, 3, 33, 33)


def test_rows_say_what_the_data_lack(trial):
    driving = ClipDriving(trial.driving)
    source = {"rgb": rgb_tensor(trial.source.rgb)}
    with pytest.raises(MissingInputError, match="without the person"):
        build("faded-source").encode(source)
    for name in ("oracle", "oracle-crf23"):
        method = build(name)
        with pytest.raises(MissingInputError, match="truth"):
            list(method.animate(method.encode(source), driving, AnimateOptions("standard")))


def test_settings_are_checked():
    with pytest.raises(ValueError, match="crf"):
        build("oracle-crf23", crf=99)
    with pytest.raises(ValueError, match="nonsense"):
        build("copy-source", nonsense=1)
