"""Identity networks: what a reader checks, what it promises, and that the shipped ones tell people apart."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from datasets.annotators.world.identity import NAMES, WEIGHTS, IdentityNetwork, IdentityReader, fit
from datasets.annotators.world.identity_data import CASTINGS, HELD_OUT, Casting, render_person, shot_spec
from datasets.annotators.world.identity_train import SEEDS
from datasets.errors import MissingInputError, SuiteError, UsageError
from datasets.files import read_json, sha256_file, write_json
from datasets.synthetic.world import PersonSpec, build

SHIPPED = [name for name in NAMES if (WEIGHTS / f"{name}.json").is_file()]
STRANGERS = Casting(3_500_000, people=4, scenes=3, motions=60, clips=3, frames=1)


@pytest.fixture(scope="module", params=SHIPPED)
def shipped(request: pytest.FixtureRequest) -> IdentityReader:
    return IdentityReader.load(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the shipped form: what a reader promises does not depend on what was learned."""
    out = tmp_path_factory.mktemp("weights")
    torch.manual_seed(5)
    path = out / "world-identity.safetensors"
    save_file({k: v.half() if v.is_floating_point() else v for k, v in IdentityNetwork().state_dict().items()}, path)
    write_json(path.with_suffix(".json"), {"sha256": sha256_file(path)})
    return out


@pytest.fixture(scope="module")
def reader(folder: Path) -> IdentityReader:
    return IdentityReader.load("world-identity", folder)


def frames(count: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), np.uint8)


# -- loading ---------------------------------------------------------------------------------------------------------
def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="no identity network 'someone'"):
        IdentityReader.load("someone")


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="safetensors is missing"):
        IdentityReader.load("identity-judge-a", tmp_path)


def test_weights_that_differ_from_their_card_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "world-identity.json", tmp_path)
    damaged = bytearray((folder / "world-identity.safetensors").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "world-identity.safetensors").write_bytes(damaged)
    with pytest.raises(SuiteError, match="SHA-256 differs"):
        IdentityReader.load("world-identity", tmp_path)


def test_networks_are_small_and_of_their_own() -> None:
    assert sum(p.numel() for p in IdentityNetwork().parameters()) <= 480_000  # under 1 MB as float16
    prints = {IdentityReader.load(name).fingerprint for name in SHIPPED}
    assert len(prints) == len(SHIPPED)


def test_no_two_networks_share_a_person_or_a_seed() -> None:
    used = [{*range(c.start, c.start + c.people)} for c in CASTINGS.values()]
    used += [{*range(c.start, c.start + c.people)} for c in {*HELD_OUT.values()}]
    assert len(set().union(*used)) == sum(map(len, used))
    assert len(set(SEEDS.values())) == len(SEEDS) == len(NAMES)


# -- reading ---------------------------------------------------------------------------------------------------------
def test_embeddings_have_unit_length_and_no_gradient_of_their_own(reader: IdentityReader) -> None:
    out = reader.read(frames(3))
    assert out.shape == (3, 128) and out.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, atol=1e-5)
    assert not any(p.requires_grad for p in reader.network.parameters())


def test_company_changes_no_value(reader: IdentityReader) -> None:
    many = frames(5)
    np.testing.assert_array_equal(reader.read(many)[3], reader.read(many[3:4])[0])


def test_no_frames_give_no_embeddings(reader: IdentityReader) -> None:
    assert reader.read(frames(0)).shape == (0, 128)


@pytest.mark.parametrize("wrong", [np.zeros((64, 64, 3), np.uint8), np.zeros((1, 64, 64, 3), np.float32)])
def test_other_shapes_and_types_are_refused(reader: IdentityReader, wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        reader.read(wrong)


def test_too_small_frames_are_refused(reader: IdentityReader) -> None:
    with pytest.raises(UsageError, match="too small"):
        reader.read(frames(1, 40))


def test_a_loss_reaches_the_frames(reader: IdentityReader) -> None:
    image = torch.rand(2, 3, 96, 96, requires_grad=True)
    reader.network(image).sum().backward()
    assert image.grad is not None and float(image.grad.abs().sum()) > 0


def test_fit_pads_to_a_square_and_keeps_64_untouched() -> None:
    square = torch.rand(1, 3, 64, 64)
    assert fit(square) is square
    wide = torch.zeros(1, 3, 48, 96)
    wide[..., 48:] = 1  # halves stay halves: nothing was cropped or stretched
    out = fit(wide)
    assert out.shape == (1, 3, 64, 64)
    assert float(out[..., :31].max()) == 0 and float(out[..., 33:].min()) == pytest.approx(1)


# -- telling people apart --------------------------------------------------------------------------------------------
def test_people_share_scenes_and_have_all_framings() -> None:
    casting = replace(CASTINGS["identity-judge-a"], people=40)
    scenes = [{shot_spec(casting, p, c).scene for c in range(casting.clips)} for p in range(casting.people)]
    assert len(set().union(*scenes)) < sum(map(len, scenes))
    assert {shot_spec(casting, 0, c).camera.framing for c in range(3)} == {"full", "upper", "head"}


def test_people_never_seen_are_told_apart(shipped: IdentityReader) -> None:
    shots = [shipped.read(render_person(STRANGERS, p).frames) for p in range(STRANGERS.people)]
    same = np.mean([np.linalg.norm(a[i] - a[j]) for a in shots for i in range(3) for j in range(i)])
    other = np.mean([np.linalg.norm(a[:, None] - b[None], axis=-1) for i, a in enumerate(shots) for b in shots[:i]])
    assert same < 0.75 * other


def test_another_person_in_the_same_place_is_farther_than_the_same_person_in_another_pose(
    shipped: IdentityReader,
) -> None:
    poses, people = [], []
    for person in range(6):  # single people differ; the mean must not
        spec = shot_spec(STRANGERS, person, 0)
        here, elsewhere = build(spec), build(replace(spec, person=PersonSpec(3_600_001 + person, 3_600_001 + person)))
        first, later, stranger = shipped.read(np.stack([here.rgb(0), here.rgb(40), elsewhere.rgb(0)]))
        poses.append(np.linalg.norm(first - later))
        people.append(np.linalg.norm(first - stranger))
    assert np.mean(poses) < 0.6 * np.mean(people)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_cards_state_what_a_judge_must_do(name: str) -> None:
    held_out = read_json(WEIGHTS / f"{name}.json")["held_out"]
    clean, rungs = held_out["clean"], held_out["ladders"]["identity"]["mean"]
    assert clean["auc"] > 0.9 and clean["auc_hard"] > 0.85
    assert rungs == sorted(rungs) and rungs[-1] > 2 * max(held_out["ladders"]["pose"]["mean"])
    assert min(kind["auc"] for kind in held_out["damaged"].values()) > 0.75
