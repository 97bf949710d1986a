"""What an export holds: the pair as a method may see it, in the formats that it names, and never the truth."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.exchange.case import openpose, write_case
from bench.exchange.shards import parse_shard
from bench.testing.world import open_world
from datasets.base import KEYPOINT_GROUPS, FrameStack
from datasets.errors import UsageError

CROSS = "cross-animation@1"


def export(out: Path, *more: str) -> int:
    words = ["export", "cross-animation", "--dataset", "toy-world:32x8", "--preset", "tiny", "--out", str(out)]
    return main([*words, *more])


def test_an_export_holds_what_a_method_sees_and_not_the_truth(exported: Path) -> None:
    world = open_world("32x8")
    pair = world.pairs(CROSS).pairs[0]
    trial = world.open(CROSS, pair)
    folder = exported / "pairs" / pair.id
    assert np.array_equal(np.asarray(Image.open(folder / "source.png")), trial.source.rgb[0])
    frames = [np.asarray(Image.open(p)) for p in sorted((folder / "driving").glob("*.png"))]
    assert np.array_equal(frames, trial.driving.read(range(8)).rgb)
    notes = trial.driving.read(range(8), frozenset({"mask", "iuv", "keypoints"})).annotations
    for kind in ("mask", "iuv"):
        stored = [np.asarray(Image.open(p)) for p in sorted((folder / "driving_annotations" / kind).glob("*.png"))]
        assert np.array_equal(stored, notes[kind])
    person = json.loads((folder / "driving_annotations" / "keypoints" / "000003.json").read_text())["people"][0]
    body = np.reshape(person["pose_keypoints_2d"], (25, 3))
    expected = notes["keypoints"][3, KEYPOINT_GROUPS["body25"]]
    seen = expected[:, 2] > 0
    assert np.allclose(body[seen], expected[seen]) and not body[~seen].any()
    kinds = {path.name for path in (folder / "driving_annotations").iterdir()}
    assert kinds <= {"keypoints", "iuv", "parsing20", "parsing6", "mask", "face"}
    truth = {hashlib.sha256(frame.tobytes()).hexdigest() for frame in trial.reference.read(range(1, 8)).rgb}
    files = [p for p in exported.rglob("*.png") if "annotations" not in p.as_posix()]
    assert not truth & {hashlib.sha256(np.asarray(Image.open(p)).tobytes()).hexdigest() for p in files}


def test_the_table_and_the_manifest(exported: Path) -> None:
    rows = list(csv.DictReader((exported / "pairs.csv").open()))
    pairs = open_world("32x8").pairs(CROSS).pairs
    assert [row["pair"] for row in rows] == [pair.id for pair in pairs]
    assert all((row["frames"], row["width"], row["height"]) == ("8", "32", "32") for row in rows)
    manifest = json.loads((exported / "protocol.json").read_text())
    assert (manifest["protocol"], manifest["frames"], manifest["annotations"]) == (CROSS, 8 * len(pairs), "exact")
    assert manifest["hash"] in (exported / "card.toml").read_text()


def test_it_goes_on_where_it_stopped(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, lost, *_ = sorted((exported / "pairs").iterdir())
    before = (kept / "source.png").stat().st_mtime_ns
    for path in sorted(lost.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    lost.rmdir()
    card = (exported / "card.toml").read_text()
    assert export(exported) == 0
    assert (lost / "driving" / "000007.png").is_file() and (kept / "source.png").stat().st_mtime_ns == before
    assert (exported / "card.toml").read_text() == card  # what was filled in stays
    assert export(exported, "--kind", "mask") == 2
    assert "another export" in capsys.readouterr().err


def test_shards_together_are_everything(toys: Path, tmp_path: Path) -> None:
    assert export(tmp_path / "out", "--shard", "0/2") == 0
    first = {path.name for path in (tmp_path / "out" / "pairs").iterdir()}
    assert export(tmp_path / "out", "--shard", "1/2") == 0
    names = {path.name for path in (tmp_path / "out" / "pairs").iterdir()}
    assert first < names == {pair.id for pair in open_world("32x8").pairs(CROSS).pairs}


def test_what_no_method_may_see_is_refused(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(tmp_path / "out", "--kind", "observability") == 2
    assert "observability" in capsys.readouterr().err and not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert export(tmp_path / "mine") == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_openpose_has_its_own_counts_and_zeros_for_what_is_missing() -> None:
    points = np.ones((135, 3), np.float32) * [3, 4, 1]
    points[5] = [9, 9, 0]
    points[6, 2] = 0.5
    (person,) = openpose(points)["people"]
    assert {name: len(values) // 3 for name, values in person.items() if name.endswith("2d")} == {
        "pose_keypoints_2d": 25, "face_keypoints_2d": 70, "hand_left_keypoints_2d": 21, "hand_right_keypoints_2d": 21,
    }  # fmt: skip
    assert person["pose_keypoints_2d"][15:18] == [0, 0, 0] and person["pose_keypoints_2d"][20] == 0.5
    assert person["face_keypoints_2d"][-6:] == [0] * 6  # pupils, which nobody knows
    assert openpose(np.zeros((135, 3), np.float32))["people"] == []


def test_a_face_that_is_not_there_and_kinds_without_a_picture(tmp_path: Path) -> None:
    rgb = np.zeros((2, 4, 4, 3), np.uint8)
    face = np.array([[np.nan] * 4, [1, 2, 3, 4]], np.float32)
    flow = np.arange(64, dtype=np.float32).reshape(2, 4, 4, 2)
    stack = FrameStack(rgb, {"face": face, "flow": flow})
    assert write_case(tmp_path / "case", FrameStack(rgb[:1]), [stack]) == 2
    notes = tmp_path / "case" / "driving_annotations"
    assert json.loads((notes / "face" / "000000.json").read_text()) == {"box": None}
    assert json.loads((notes / "face" / "000001.json").read_text()) == {"box": [1, 2, 3, 4]}
    assert np.array_equal(np.load(notes / "flow" / "000001.npy"), flow[1])


@pytest.mark.parametrize("text", ["4/4", "1", "a/b", "-1/2", "0/0", "1/2/3"])
def test_shards_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="shard"):
        parse_shard(text)
