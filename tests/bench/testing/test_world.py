"""The toy world is exact: its flow, occlusion, observability and references agree with its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from bench.testing.world import ToyWorld, open_world
from datasets.base import KINDS, OBSERVABILITY
from datasets.errors import MissingInputError, UsageError


@pytest.fixture(scope="module")
def world() -> ToyWorld:
    return ToyWorld(frames=8)


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values of (H, W, C) at (x, y), clamped to the image."""
    h, w = image.shape[:2]
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    x0, y0 = np.minimum(x.astype(int), w - 2), np.minimum(y.astype(int), h - 2)
    a, b = (x - x0)[..., None], (y - y0)[..., None]
    top = (1 - a) * image[y0, x0] + a * image[y0, x0 + 1]
    return (1 - b) * top + b * ((1 - a) * image[y0 + 1, x0] + a * image[y0 + 1, x0 + 1])


def test_flow_carries_one_frame_to_the_next(world: ToyWorld) -> None:
    clip = world.clips("test")[0]
    stack = clip.read(range(8), clip.kinds)
    y, x = np.mgrid[:64, :64].astype(float)
    for t in range(7):
        flow, seen = stack.annotations["flow"][t], stack.annotations["occlusion"][t] == 0
        warped = sample(stack.rgb[t + 1].astype(float), x + flow[..., 0], y + flow[..., 1])
        moving = seen & (stack.annotations["mask"][t] > 0)
        error = np.abs(warped - stack.rgb[t]).mean(-1)[moving]
        assert np.median(error) < 2
        assert (np.abs(flow[stack.annotations["mask"][t] == 0]) == 0).all()


def test_annotations_have_their_canonical_shapes(world: ToyWorld) -> None:
    clip = world.clips("train")[0]
    stack = clip.read([3, 0], clip.kinds)
    assert clip.kinds == frozenset(KINDS) - {"observability"}
    shapes = {kind: (a.shape, a.dtype.name) for kind, a in stack.annotations.items()}
    assert shapes["keypoints"] == ((2, 135, 3), "float32")
    assert shapes["iuv"] == ((2, 64, 64, 3), "uint8")
    assert shapes["flow"] == ((2, 64, 64, 2), "float32")
    assert shapes["face"] == ((2, 4), "float32")
    for kind in ("mask", "occlusion", "parsing20", "parsing6"):
        assert shapes[kind] == ((2, 64, 64), "uint8")
    points = stack.annotations["keypoints"][0]
    visible = points[points[:, 2] == 1]
    at = np.rint(visible[:, :2]).astype(int)
    assert stack.annotations["mask"][0][at[:, 1], at[:, 0]].all()


def test_cross_animation_has_an_exact_reference(world: ToyWorld) -> None:
    pairs = world.pairs("cross-animation@1")
    assert pairs.target == "abs/src"
    trial = world.open("cross-animation@1", pairs.pairs[0])
    assert trial.reference is not None
    truth = trial.reference.read(range(8), frozenset({"mask", "keypoints", "observability"}))
    assert trial.source_background is not None
    behind = truth.annotations["mask"] == 0
    background = np.broadcast_to(trial.source_background(), truth.rgb.shape)
    np.testing.assert_array_equal(truth.rgb[behind], background[behind])
    driving = trial.driving.read(range(8), frozenset({"keypoints"})).annotations["keypoints"]
    torso = slice(0, 1)
    assert not np.allclose(truth.rgb, trial.driving.read(range(8)).rgb)
    assert np.abs(truth.annotations["keypoints"][:, torso, :2] - driving[:, torso, :2]).max() < 4
    assert set(np.unique(truth.annotations["observability"])) == set(OBSERVABILITY.values())
    leak, relative = trial.oracles["leak"](), trial.oracles["rel"]()
    assert len(leak) == len(relative) == len(trial.driving) == pairs.pairs[0].stop
    source = trial.source.rgb[0]
    np.testing.assert_array_equal(relative.read([0]).rgb[0], source)


def test_self_reconstruction_is_the_clip_itself(world: ToyWorld) -> None:
    pair = world.pairs("self-reconstruction@1").pairs[1]
    trial = world.open("self-reconstruction@1", pair)
    assert trial.reference is not None
    np.testing.assert_array_equal(trial.reference.read(range(8)).rgb, trial.driving.read(range(8)).rgb)
    seen = trial.reference.read([0], frozenset({"observability"})).annotations["observability"][0]
    assert set(np.unique(seen)) == {0, 2}


def test_names_and_fingerprints(world: ToyWorld) -> None:
    with pytest.raises(UsageError, match="no protocol 'nothing@1'"):
        world.pairs("nothing@1")
    with pytest.raises(MissingInputError, match="no clip 'who'"):
        world.clip("who")
    prints = {world.fingerprint(split) for split in ("train", "val", "test", "judge")}
    assert len(prints) == 4
    assert world.fingerprint("test") == ToyWorld(frames=8).fingerprint("test")
    assert world.fingerprint("test") != ToyWorld(frames=9).fingerprint("test")
    assert open_world("32").size == 32
    assert not {c.identity for c in world.clips("train")} & {c.identity for c in world.clips("test")}
