"""Formulas from given key points, labels and features: equal to peers written as loops; wrong files never crash."""

from __future__ import annotations

import importlib.util
import math
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bench.evaluation import cards_network, cards_pose
from bench.evaluation.base import MetricSpec
from bench.evaluation.given import GivenFiles, score_given
from datasets.errors import MissingInputError, UsageError

CARDS = {c.id: c for c in vars(cards_pose).values() if isinstance(c, MetricSpec)}
_SPEC = importlib.util.spec_from_file_location("pose_peers", Path(__file__).with_name("peers") / "pose.py")
peers = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(peers)

ROWS = tomllib.loads((Path(__file__).parents[2] / "peers.toml").read_text())
#: metric -> its peer, of those that read points (or labels) of generated and real frames alone.
POINT_PEERS, LABEL_PEERS = (
    {
        key: getattr(peers, ROWS[key]["call"].removeprefix("pose:"))
        for key, card in CARDS.items()
        if card.judge in roles and card.needs <= {"reference", "keypoints"}
    }
    for roles in (("keypoints",), ("parsing", "parts"))
)


def points(seed: int, frames: int = 6, joints: int = 135, missing: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    confidence = np.where(rng.random((frames, joints)) < missing, 0, rng.choice([0.5, 1], (frames, joints)))
    return np.concatenate([rng.uniform(0, 64, (frames, joints, 2)), confidence[..., None]], axis=2).astype(np.float32)


def near(real: np.ndarray, seed: int) -> np.ndarray:
    made = points(seed, *real.shape[:2])
    made[..., :2] = real[..., :2] + np.random.default_rng(seed).normal(0, 4, made[..., :2].shape)
    return made


def keypoint_cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Clip name -> (generated, real): random ones and the edge cases."""
    real, nobody = points(1), points(1)
    nobody[:, :, 2] = 0
    gaps, half, one_joint = points(2), points(3), points(4)
    gaps[::2, :, 2] = 0
    half[..., 2] = 0.5
    one_joint[:, 1:, 2], one_joint[:, 0, 2] = 0, 1
    return {
        "random": (near(real, 11), real),
        "one frame": (near(real, 12)[:1], real[:1]),
        "coco 17": (near(points(5, joints=17), 13), points(5, joints=17)),
        "body 25": (near(points(6, joints=25), 14), points(6, joints=25)),
        "nobody generated": (nobody, real),
        "nobody real": (real, nobody),
        "nobody now and then": (near(gaps, 15), gaps),
        "half confidence": (half, half),
        "one joint": (near(one_joint, 16), one_joint),
        "no frame": (real[:0], real[:0]),
    }


def label_cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    real = rng.integers(0, 20, (4, 12, 10), dtype=np.uint8)
    made = np.where(rng.random(real.shape) < 0.3, rng.integers(0, 20, real.shape, dtype=np.uint8), real)
    sparse = np.where(np.isin(real, (0, 3, 5)), real, 0).astype(np.uint8)
    sparse[1] = 0
    empty = np.zeros_like(real)
    return {
        "random": (made, real),
        "few labels": (np.roll(sparse, 1, axis=2), sparse),
        "one frame": (made[:1], real[:1]),
        "empty": (empty, empty),
        "nobody generated": (empty, real),
        "int64": (made.astype(np.int64), real.astype(np.int64)),
    }


def save(folder: Path, cases: dict[str, tuple[np.ndarray, np.ndarray]]) -> tuple[Path, Path]:
    files = folder / "predictions.npz", folder / "reference.npz"
    for side, path in enumerate(files):
        np.savez(path, **{name: pair[side] for name, pair in cases.items()})
    return files


@pytest.mark.parametrize("metric_id", sorted(POINT_PEERS))
def test_key_points_equal_their_peer(tmp_path, metric_id):
    cases = keypoint_cases()
    found = score_given(GivenFiles(keypoints=save(tmp_path, cases)), [CARDS[metric_id]])
    assert set(found) == set(cases)
    for name, pair in cases.items():
        outcome, expected = found[name][metric_id, "whole"], POINT_PEERS[metric_id](*pair)
        assert outcome.value == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), name
        assert outcome.status == ("undefined" if math.isnan(expected) else "ok"), name


@pytest.mark.parametrize("metric_id", sorted(LABEL_PEERS))
def test_labels_equal_their_peer(tmp_path, metric_id):
    cases = label_cases()
    found = score_given(GivenFiles(labels=save(tmp_path, cases)), [CARDS[metric_id]])
    for name, pair in cases.items():
        outcome, expected = found[name][metric_id, "whole"], LABEL_PEERS[metric_id](*pair)
        assert outcome.value == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), name
        assert outcome.status == ("undefined" if math.isnan(expected) else "ok"), name


def test_shape_leak_reads_the_drivers_body_from_the_reference_file(tmp_path):
    real, driver = points(1, joints=25, missing=0.1), points(2, joints=25, missing=0.1)
    made = near(real, 3)
    files = save(tmp_path, {"a": (made, real), "b": (made, real)})
    np.savez(files[1], a=real, b=real, **{"a.leak": driver})
    found = score_given(GivenFiles(keypoints=files), [CARDS["shape-leak@default"]])
    assert set(found) == {"a", "b"}
    outcome = found["a"]["shape-leak@default", "whole"]
    assert outcome.value == pytest.approx(peers.shape_leak(made, real, driver), rel=1e-9)
    assert found["b"]["shape-leak@default", "whole"].status == "missing-input"


def test_what_is_wrong_with_a_clip_is_its_outcome_and_the_others_have_values(tmp_path):
    real = points(1, joints=25)
    nan = real.copy()
    nan[2, 3] = (np.nan, 1, 1)
    cases = {
        "good": (real, real),
        "shorter": (real[:-1], real),
        "fewer points": (real[:, :17], real),
        "flat": (real[..., 0], real),
        "no confidence": (real[..., :2], real),
        "words": (np.full((6, 25, 3), "x"), real),
        "nan": (nan, real),
        "nan in truth": (real, nan),
    }
    metrics = [c for c in CARDS.values() if c.judge == "keypoints" and c.needs == {"reference"}]
    found = score_given(GivenFiles(keypoints=save(tmp_path, cases)), metrics)
    assert list(found) == sorted(cases)
    for name, outcomes in found.items():
        assert len(outcomes) == len(metrics)
        if name != "good":
            assert {o.status for o in outcomes.values()} == {"invalid-input"}, name
            assert all(o.reason and math.isnan(o.value) for o in outcomes.values())
    good = found["good"]
    assert good["akd@default", "whole"].value == 0 and good["pck@default", "whole"].value == 1
    assert "5 generated and 6 reference" in found["shorter"]["akd@default", "whole"].reason


def test_what_is_not_there_is_a_missing_input(tmp_path):
    real = points(1, joints=25)
    made, truth = save(tmp_path, {"both": (real, real)})
    np.savez(made, both=real, predicted=real)
    np.savez(truth, both=real, true=real)
    wanted = [CARDS["akd@default"], CARDS["akd@driving"], CARDS["shape-leak@default"]]
    found = score_given(GivenFiles(keypoints=(made, truth)), wanted, clips=("folder",))
    assert set(found) == {"both", "predicted", "true", "folder"}
    assert found["both"]["akd@default", "whole"].status == "ok"
    for name, metric_id in (
        ("predicted", "akd@default"), ("true", "akd@default"), ("folder", "akd@default"), ("both", "akd@driving"),
        ("both", "shape-leak@default"),
    ):  # fmt: skip
        assert found[name][metric_id, "whole"].status == "missing-input"
    alone = score_given(GivenFiles(keypoints=(made, None)), [CARDS["mkr@default"]])
    assert alone["both"]["mkr@default", "whole"].status == "missing-input"


def test_labels_of_other_sizes_kinds_and_values(tmp_path):
    real = np.random.default_rng(0).integers(0, 20, (3, 8, 6), dtype=np.uint8)
    cases = {
        "size": (real[:, :4], real),
        "float": (real.astype(np.float32), real),
        "above 255": (real.astype(np.int32) + 300, real),
        "one frame too many": (np.concatenate([real, real[:1]]), real),
    }
    found = score_given(GivenFiles(labels=save(tmp_path, cases)), [CARDS["ssis@default"]])
    assert {o["ssis@default", "whole"].status for o in found.values()} == {"invalid-input"}
    high = save(tmp_path, {"a": (np.full((1, 2, 2), 21, np.uint8),) * 2})
    found = score_given(GivenFiles(labels=high), [CARDS["ssis@default"], CARDS["ssis@absent-is-zero"]])["a"]
    assert found["ssis@default", "whole"].value == 1
    assert found["ssis@absent-is-zero", "whole"].status == "invalid-input"


def test_damaged_files(tmp_path):
    real = points(1, joints=25)
    made, truth = save(tmp_path, {"a": (real, real)})
    wanted = [CARDS["akd@default"]]
    made.write_bytes(b"no archive")
    found = score_given(GivenFiles(keypoints=(made, truth)), wanted)["a"]["akd@default", "whole"]
    assert found.status == "invalid-input" and "NPZ" in found.reason and "pickle" not in found.reason
    truth.write_bytes(b"")
    with pytest.raises(UsageError):
        score_given(GivenFiles(keypoints=(made, truth)), wanted)
    with pytest.raises(MissingInputError):
        score_given(GivenFiles(keypoints=(tmp_path / "none.npz", truth)), wanted)


def test_an_array_that_is_damaged_or_would_need_pickle(tmp_path):
    real = points(1, joints=25)
    made, truth = save(tmp_path, {"a": (real, real), "b": (real, real)})
    with zipfile.ZipFile(made, "w") as archive, (tmp_path / "o.npy").open("w+b") as objects:
        np.save(objects, np.array([{}], object), allow_pickle=True)
        objects.seek(0)
        archive.writestr("a.npy", objects.read())
        archive.writestr("b.npy", b"\x93NUMPY\x01\x00garbage")
    found = score_given(GivenFiles(keypoints=(made, truth)), [CARDS["akd@default"]])
    assert {o["akd@default", "whole"].status for o in found.values()} == {"invalid-input"}


def test_features_feed_the_metrics_of_embeddings(tmp_path):
    rng = np.random.default_rng(0)
    made, real = rng.normal(size=(2, 9, 5)).astype(np.float32)
    gaps = real.copy()
    gaps[3, 1] = np.nan
    files = GivenFiles(features=save(tmp_path, {"a": (made, real), "shorter": (made[:8], real), "nan": (made, gaps)}))
    card = cards_network.AED
    found = {name: outcomes[card.id, "whole"] for name, outcomes in score_given(files, [card]).items()}
    distance = [math.dist(f, g) for f, g in zip(made.tolist(), real.tolist(), strict=True)]
    assert found["a"].value == pytest.approx(np.mean(distance), rel=1e-9) and found["a"].judge == "given"
    assert found["shorter"].status == found["nan"].status == "invalid-input"


def test_metrics_that_read_no_given_file_are_left_out(tmp_path):
    files = GivenFiles(keypoints=save(tmp_path, {"a": (points(1), points(1))}))
    assert score_given(files, [CARDS["ssis@default"]]) == {}
    assert (files.kind_of(CARDS["ssis@default"]), files.kind_of(CARDS["akd@default"])) == ("", "keypoints")
    both = GivenFiles(keypoints=files.keypoints, labels=save(tmp_path, label_cases()))
    assert both.kind_of(CARDS["ssis@default"]) == "labels"
