"""What the key point detector sees in training."""

from __future__ import annotations

import torch

from methods.tps.config import TPSConfig
from methods.tps.views import detector_views, moving_region, recolour


def clips() -> tuple[torch.Tensor, torch.Tensor]:
    """Two frames of three videos: a square of its own brightness moves by 8 pixels before a still, plain scene."""
    first = torch.stack([torch.full((3, 48, 48), scene) for scene in (0.1, 0.3, 0.5)])
    second = first.clone()
    first[:, :, 16:32, 10:20] = 0.9
    second[:, :, 16:32, 18:28] = 0.9
    return first, second


def test_the_paper_does_without() -> None:
    train = TPSConfig().train
    assert train.detector_jitter == train.detector_background == 0
    first, second = clips()
    assert all(a is b for a, b in zip(detector_views(first, second, 0.0, 0.0), (first, second), strict=True))


def test_the_moving_region_holds_the_person_and_leaves_the_scene() -> None:
    region = moving_region(*clips())
    assert region.shape == (3, 1, 48, 48) and region.min() == 0 and region.max() == 1
    assert (region[:, :, 17:31, 11:27] == 1).all()  # where the square was, is, and between
    assert (region[:, :, :8] == 0).all() and (region[:, :, :, 38:] == 0).all()
    still = clips()[0]
    assert (moving_region(still, still) == 0).all()


def test_another_scene_stands_behind_the_same_person() -> None:
    torch.manual_seed(0)
    first, second = clips()
    views = detector_views(first, second, 0.0, 1.0)
    for view, frame in zip(views, (first, second), strict=True):
        person = frame == 0.9
        assert torch.equal(view[person], frame[person])
        corners = view[:, 0, 0, 0]
        assert not torch.isclose(corners, frame[:, 0, 0, 0]).any()
        assert sorted(corners.tolist()) == sorted(frame[:, 0, 0, 0].tolist())  # scenes of the batch, exchanged


def test_one_video_alone_keeps_its_scene() -> None:
    first, second = (frames[:1] for frames in clips())
    views = detector_views(first, second, 0.0, 1.0)
    assert torch.equal(views[0], first) and torch.equal(views[1], second)


def test_colours_change_by_image_and_stay_in_range() -> None:
    torch.manual_seed(1)
    images = torch.rand(4, 3, 8, 8)
    assert torch.allclose(recolour(images, 0.0), images, atol=1e-6)
    changed = recolour(images, 1.0)
    assert changed.min() >= 0 and changed.max() <= 1
    gaps = (changed - images).abs().mean((1, 2, 3))
    assert (gaps > 0.02).all() and len(set(gaps.tolist())) == 4
