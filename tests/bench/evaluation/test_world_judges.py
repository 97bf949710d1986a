"""The adapters over networks of the synthetic world, with random weights: roles, sharing, seeds, frames too small."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.evaluation.base import InvalidInputError
from bench.evaluation.judges.base import ROLES
from bench.evaluation.judges.cards import WORLD
from bench.evaluation.judges.world import IdentityJudge, PerceptualJudge, SharedReader, WorldJudge
from datasets.annotators.world.identity import IdentityNetwork, IdentityReader
from datasets.annotators.world.network import WorldNetwork
from datasets.annotators.world.reader import WorldReader

_SPEC = importlib.util.spec_from_file_location("network_peers", Path(__file__).with_name("peers") / "networks.py")
peers = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(peers)


class CountingReader(WorldReader):
    """Counts how often a frame goes through the network."""

    passes = 0

    def read(self, frames, kinds):
        self.passes += len(frames)
        return super().read(frames, kinds)


@pytest.fixture(scope="module")
def reader() -> CountingReader:
    torch.manual_seed(0)
    return CountingReader("judge-a", WorldNetwork(), "some-weights")


def frame(seed: int, h: int = 64, w: int = 56) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3)).astype(np.uint8)


def test_each_role_answers_in_its_shape(reader):
    shared = SharedReader(reader)
    answers = {role: WorldJudge(role, "a", shared).read(frame(0)) for role in ("keypoints", "parts", "parsing")}
    assert answers["keypoints"].shape == (135, 3) and answers["keypoints"].dtype == np.float32
    assert not answers["keypoints"][answers["keypoints"][:, 2] == 0].any()
    assert answers["parts"].shape == answers["parsing"].shape == (64, 56)
    assert answers["parts"].dtype == answers["parsing"].dtype == np.uint8
    assert answers["parts"].max() <= 24 and answers["parsing"].max() <= 19
    features = WorldJudge("features", "a", shared).read(frame(0))
    assert features.ndim == 1 and features.dtype == np.float32


def test_a_frame_goes_through_the_network_once_for_all_roles(reader):
    shared = SharedReader(reader)
    judges = [WorldJudge(role, "a", shared) for role in ("keypoints", "parts", "features")]
    [judge.read(frame(1)) for judge in judges]  # what will be asked is known from here on
    before = reader.passes
    first = [judge.read(frame(2)) for judge in judges]
    assert reader.passes == before + 1
    alone = [WorldJudge(judge.card.role, "a", SharedReader(reader)).read(frame(2)) for judge in judges]
    for together, apart in zip(first, alone, strict=True):
        np.testing.assert_array_equal(together, apart)


def test_the_perceptual_distance_is_zero_for_equal_frames_and_symmetric(reader):
    judge = PerceptualJudge("a", SharedReader(reader))
    a, b = frame(3), frame(4)
    assert judge.compare(a, a) == 0.0
    assert 0 < judge.compare(a, b) < 4
    assert judge.compare(a, b) == pytest.approx(judge.compare(b, a), rel=1e-6)
    blend = ((a.astype(int) + b) // 2).astype(np.uint8)
    assert judge.compare(a, blend) < judge.compare(a, b)
    maps = [[level[0].numpy() for level in reader.maps(side[None])] for side in (a, b)]
    assert judge.compare(a, b) == pytest.approx(peers.perceptual(*maps), rel=1e-5)


def test_frames_too_small_are_invalid_and_break_nothing(reader):
    torch.manual_seed(0)
    identity = IdentityJudge("a", IdentityReader("identity-judge-a", {"sha256": "some"}, IdentityNetwork().eval()))
    assert identity.read(frame(5)).shape == (128,)
    for judge in (WorldJudge("features", "a", SharedReader(reader)), identity):
        with pytest.raises(InvalidInputError):
            judge.read(frame(6, 20, 20))
    with pytest.raises(InvalidInputError):
        PerceptualJudge("a", SharedReader(reader)).compare(frame(6, 20, 20), frame(7, 20, 20))


def test_fingerprints_tell_roles_and_weights_apart(reader):
    shared, other = SharedReader(reader), SharedReader(WorldReader("judge-b", reader.network, "other-weights"))
    roles = ("keypoints", "parts", "parsing", "features")
    prints = {WorldJudge(role, seed, s).fingerprint for role in roles for seed, s in (("a", shared), ("b", other))}
    assert len(prints) == 8


def test_every_card_has_a_known_role():
    assert {card.role for card in WORLD} <= ROLES.keys()
