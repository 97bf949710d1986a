"""Training of identity networks: reproducible, resumable, and what it is fed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.annotators.world.identity_damage import DAMAGES, blur, damage_some
from datasets.annotators.world.identity_data import Casting, casting_folder, load_shots
from datasets.annotators.world.identity_measure import (
    area_under_curve,
    blended_body,
    equal_error_rate,
    verification,
)
from datasets.annotators.world.identity_train import Schedule, batch, train
from datasets.synthetic.world import PersonSpec, appearance

FEW = Casting(3_500_000, people=3, scenes=3, motions=60, clips=2, frames=1)
SHORT = Schedule(steps=4, people=2, views=2, save_every=2)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


def test_frames_are_rendered_once(cache: None) -> None:
    reported: list[int] = []
    first = load_shots(FEW, lambda done, of: reported.append(done))
    again = load_shots(FEW, lambda done, of: reported.append(done))
    assert reported == [3] and len(first.frames) == 6
    np.testing.assert_array_equal(first.frames, again.frames)
    assert casting_folder(FEW) == casting_folder(replace(FEW, people=9)) != casting_folder(replace(FEW, scenes=4))


def test_a_batch_is_a_function_of_its_seed() -> None:
    shots = load_shots(FEW)
    frames, masks, who = batch(shots, FEW, SHORT, [1, 5])
    assert frames.shape == (4, 3, 64, 64) and masks.shape == (4, 64, 64) and len(who.unique()) == 2
    assert float(frames.min()) >= 0 and float(frames.max()) <= 1
    assert torch.equal(frames, batch(shots, FEW, SHORT, [1, 5])[0])
    assert not torch.equal(frames, batch(shots, FEW, SHORT, [1, 6])[0])


@pytest.mark.slow
def test_training_again_or_in_two_pieces_gives_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("identity-judge-a", SHORT, FEW, tmp_path).read_bytes()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "fresh"))
    calls = iter(range(99))

    def stop(self: torch.optim.AdamW, *arguments: object, real=torch.optim.AdamW.step, **named: object) -> object:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *arguments, **named)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(torch.optim.AdamW, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train("identity-judge-a", SHORT, FEW, tmp_path)
    assert train("identity-judge-a", SHORT, FEW, tmp_path).read_bytes() == whole
    assert train("identity-judge-b", SHORT, FEW, tmp_path).read_bytes() != whole


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_damage_changes_frames_within_range(kind: str) -> None:
    g = torch.Generator().manual_seed(1)
    frames, backgrounds = torch.rand(4, 3, 64, 64, generator=g), torch.rand(4, 3, 64, 64, generator=g)
    masks = torch.zeros(4, 64, 64, dtype=torch.bool)
    masks[:, 20:50, 20:40] = True
    before = frames.clone()
    out = DAMAGES[kind](frames, masks, backgrounds, g)
    assert torch.equal(frames, before) and out.shape == frames.shape
    assert float((out - frames).abs().mean()) > 1e-3
    assert float(out.min()) >= -1e-6 and float(out.max()) <= 1 + 1e-6


def test_only_a_share_is_damaged() -> None:
    g = torch.Generator().manual_seed(2)
    frames = torch.rand(200, 3, 64, 64, generator=g)
    masks = torch.ones(200, 64, 64, dtype=torch.bool)
    changed = (damage_some(frames, masks, frames.flip(0), g) != frames).flatten(1).any(1).float().mean()
    assert 0.3 < float(changed) < 0.6


def test_blur_keeps_flat_areas() -> None:
    torch.testing.assert_close(blur(torch.full((1, 3, 16, 16), 0.4), 1.5), torch.full((1, 3, 16, 16), 0.4))


# -- measuring -------------------------------------------------------------------------------------------------------
def test_area_and_error_rate_of_known_distances() -> None:
    near, far = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.5, 0.6, 0.7, 0.8])
    assert area_under_curve(near, far) == 1 and area_under_curve(far, near) == 0
    assert area_under_curve(near, near) == 0.5
    assert equal_error_rate(near, far)[0] == pytest.approx(0, abs=1e-9)
    assert equal_error_rate(np.array([1.0, 2, 3, 4]), np.array([3.5, 5, 6, 7]))[0] == pytest.approx(0.25)


def test_verification_of_embeddings_that_name_person_or_scene() -> None:
    shots = load_shots(replace(FEW, clips=6, frames=2))
    people, scenes = np.eye(3)[shots.person], np.eye(3)[shots.scene - FEW.start]
    perfect, fooled = verification(people, people, shots), verification(scenes, scenes, shots)
    assert perfect["auc"] == perfect["auc_hard"] == perfect["rank1"]["all"] == 1
    assert fooled["auc_hard"] == 0


def test_a_blend_begins_and_ends_at_the_two_people() -> None:
    a, b = PersonSpec(3_500_000, 3_500_000), PersonSpec(3_500_001, 3_500_001)
    for weight, person in ((0.0, a), (1.0, b)):
        body, (shape, look) = blended_body(a, b, weight), appearance(person)
        assert body.shape == shape and body.look.hair == look.hair
        np.testing.assert_allclose(body.look.textures["top"].first, look.textures["top"].first, atol=1e-6)
    middle = blended_body(a, b, 0.5).look.skin
    np.testing.assert_allclose(middle, (appearance(a)[1].skin + appearance(b)[1].skin) / 2, atol=1e-6)
