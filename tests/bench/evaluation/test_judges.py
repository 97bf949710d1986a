"""Which judge a metric gets, what is kept of its answers, and what its answers depend on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.evaluation.base import FramePair
from bench.evaluation.evaluator import score_pairs
from bench.evaluation.judges.base import FrameJudge, JudgeCard
from bench.evaluation.judges.cards import CARDS
from bench.evaluation.judges.resolve import Judges, card_for, judge_hashes, training_conflicts
from bench.evaluation.kept import FRAME_COLUMNS, Kept
from bench.evaluation.observe import ObservationStore, observe
from bench.evaluation.select import find_metric, select_metrics
from bench.testing.world import ToyWorld
from datasets.files import verify_checksum

SELF = "self-reconstruction@1"
ROOT = Path(__file__).resolve().parents[3]


class Counting(FrameJudge):
    """Answers with the frame's mean colour and counts how often it is asked."""

    card = JudgeCard("counting", "features", "", "")

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint, self.asked = fingerprint, 0

    def read(self, frames):
        self.asked += 1
        return frames.mean((0, 1)).astype(np.float32)


def frame(value: int) -> FramePair:
    return FramePair(np.full((4, 4, 3), value, np.uint8), np.full((4, 4, 3), value + 1, np.uint8))


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))


def test_the_world_is_measured_by_its_own_judges_and_real_video_never_is() -> None:
    for spec in (s for s in select_metrics() if s.judge):
        real = card_for(spec, synthetic=False)
        assert real is None or not real.synthetic
    akd, second = find_metric("akd"), find_metric("akd@judge-b")
    world = card_for(akd, synthetic=True), card_for(second, synthetic=True)
    assert all(card is not None and card.synthetic for card in world)
    assert [card.seed for card in world if card] == ["a", "b"] and world[0] != world[1]


def test_a_judge_without_weights_is_a_sentence_with_the_command() -> None:
    reason = Judges(synthetic=False).of(find_metric("fid"))
    assert isinstance(reason, str) and "bench weights fetch inception-fid" in reason
    assert Judges(synthetic=True).of(find_metric("l1")) is None


def test_hashes_follow_the_weights() -> None:
    akd, fid = find_metric("akd"), find_metric("fid")
    hashes = judge_hashes([akd, fid, find_metric("l1")], synthetic=True)
    assert len(hashes) == 2 and judge_hashes([akd], synthetic=True).items() <= hashes.items()


def test_a_training_that_reads_a_judge_is_found() -> None:
    hashes = judge_hashes([find_metric("akd")], synthetic=True)
    (name,) = hashes
    files = next(card.files for card in CARDS if card.name == name)
    assert training_conflicts(hashes, [ROOT / file for file in files]) == [name]
    assert training_conflicts(hashes, [ROOT / "pyproject.toml", ROOT / "absent"]) == []


def test_no_training_network_of_the_world_is_a_judge() -> None:
    weights = ROOT / "datasets/annotators/world/weights"
    hashes = judge_hashes(select_metrics(), synthetic=True)
    shipped = [path for path in weights.glob("*.safetensors") if "judge" not in path.name]
    assert len(shipped) == 2 and training_conflicts(hashes, shipped) == []


# -- answers that are kept -------------------------------------------------------------------------------------------
def test_a_frame_is_read_once_and_the_real_side_survives_on_disk() -> None:
    judge = Counting("one frame")
    shown = frame(10)
    first = observe(shown, "reference", judge)
    assert observe(shown, "reference", judge) is first and judge.asked == 1
    assert np.array_equal(observe(frame(10), "reference", Counting("one frame")), first)
    other = Counting("another network")
    observe(frame(10), "reference", other)
    assert other.asked == 1  # another network's answers are its own


def test_the_store_gives_back_the_very_array_and_survives_damage(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite3"
    array = np.array([[1.5, np.nan], [-0.0, 3e-40]], np.float32)
    ObservationStore(path).put("key", array)
    again = ObservationStore(path).get("key")
    assert again is not None and again.tobytes() == array.tobytes() and again.dtype == array.dtype
    assert ObservationStore(path).get("other") is None
    path.with_name("broken.sqlite3").write_bytes(b"not a database" * 100)
    broken = ObservationStore(path.with_name("broken.sqlite3"))
    assert broken.get("key") is None
    broken.put("key", array)  # nothing is kept, and nothing fails
    assert ObservationStore(tmp_path / "answers.sqlite3" / "below a file").get("key") is None


def test_a_store_that_is_merely_locked_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "answers.sqlite3"
    ObservationStore(path).put("key", np.ones(3))

    def locked(*args, **kwargs):
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", locked)
        assert ObservationStore(path).get("key") is None
    assert path.is_file() and ObservationStore(path).get("key") is not None


def test_values_by_frame_and_parts_are_written_with_checksums(tmp_path: Path) -> None:
    world, kept = ToyWorld(size=32, frames=5), Kept()
    pairs = world.pairs(SELF).pairs
    specs = [find_metric("l1"), find_metric("motion-ratio")]
    scores = score_pairs(lambda pair: world.clip(pair.driving), world, SELF, pairs, specs, keep=kept)
    kept.write(tmp_path, "self")
    table = pd.read_parquet(tmp_path / "self.frames.parquet")
    assert tuple(table.columns) == FRAME_COLUMNS and verify_checksum(tmp_path / "self.frames.parquet")
    whole = table[(table.metric == "l1") & (table.region == "whole")].set_index("pair")
    assert set(whole.index) == {pair.id for pair in pairs}
    l1 = scores[(scores.metric == "l1") & (scores.region == "whole")].set_index("pair")
    for pair, row in whole.iterrows():
        assert len(row["values"]) == l1.n_frames[pair] and np.isclose(np.mean(row["values"]), l1.value[pair])
    assert not (tmp_path / "self.parts.npz").exists()
