"""The evaluator on the toy world: what the rows say, and that nothing is dropped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pandas as pd
import pytest

from bench.evaluation import cards
from bench.evaluation.base import COLUMNS, FramePair, Metric, MetricSpec, Outcome
from bench.evaluation.evaluator import score_pairs
from bench.evaluation.frame_mean import FrameMean
from bench.evaluation.metrics.pixel import l1
from bench.evaluation.scores import aggregate, read_scores, write_scores
from bench.evaluation.select import find_metric, select_metrics
from bench.testing.world import ToyWorld
from datasets.base import OBSERVABILITY, Trial
from datasets.clips import ArrayClip
from datasets.errors import SuiteError, UsageError
from datasets.files import checksum_path, verify_checksum
from datasets.video_write import write_frames

CROSS, SELF = "cross-animation@1", "self-reconstruction@1"
PIXEL = (cards.L1, cards.PSNR, cards.SSIM)
WITHOUT_JUDGE = [spec for spec in select_metrics() if not spec.judge]


@pytest.fixture(scope="module")
def world() -> ToyWorld:
    return ToyWorld(size=32, frames=7)


def blurred(world: ToyWorld, protocol: str):
    def frames_of(pair):
        clip = world.open(protocol, pair).oracles["target"]()
        rgb = clip.read(range(len(clip))).rgb
        return ArrayClip(pair.id, np.stack([cv2.GaussianBlur(x, (0, 0), 1) for x in rgb]))

    return frames_of


def oracle(world: ToyWorld, protocol: str):
    return lambda pair: world.open(protocol, pair).oracles["target"]()


def pick(scores: pd.DataFrame, metric: str, region: str = "whole", profile: str = "default") -> pd.DataFrame:
    chosen = scores[(scores.metric == metric) & (scores.region == region) & (scores.profile == profile)]
    return chosen.set_index("pair")


@pytest.mark.parametrize("protocol", [CROSS, SELF])
def test_the_truth_is_perfect_in_every_region(world, protocol):
    pairs = world.pairs(protocol).pairs
    scores = score_pairs(oracle(world, protocol), world, protocol, pairs, WITHOUT_JUDGE)
    assert list(scores.columns) == list(COLUMNS)
    for region in ("whole", "seen", "unseen"):
        assert (pick(scores, "l1", region).value == 0).all()
        assert (pick(scores, "psnr", region).value == 100).all()
        assert (pick(scores, "ssim", region).value == 1).all()
    assert (pick(scores, "flicker").value == 0).all() and (pick(scores, "warping-error").value == 0).all()
    assert (pick(scores, "motion-ratio").value == 1).all() and (pick(scores, "motion-agreement").value > 0.5).all()
    assert set(pick(scores, "warping-error").judge) == {"true-flow"}
    old = scores.metric.isin([spec.name for spec in (*PIXEL, cards.FLICKER, cards.WARPING_ERROR, cards.MOTION_RATIO)])
    assert set(scores[old].status) == {"ok"}


def test_self_reconstruction_leaves_out_the_photos_own_frame(world):
    scores = score_pairs(oracle(world, SELF), world, SELF, world.pairs(SELF).pairs, [cards.L1])
    whole = pick(scores, "l1")
    assert (whole.n_frames.drop("*") == 6).all() and whole.n_frames["*"] == 18


def test_values_are_means_over_frames_of_the_pure_functions(world):
    pairs = world.pairs(CROSS).pairs
    scores = score_pairs(blurred(world, CROSS), world, CROSS, pairs, PIXEL, {"run": "r", "seed": 3})
    trial = world.open(CROSS, pairs[0])
    real = trial.reference.read(range(7), frozenset({"observability"}))
    made = blurred(world, CROSS)(pairs[0]).read(range(7)).rgb
    expected = [l1(g, r) for g, r in zip(made, real.rgb, strict=True)]
    assert pick(scores, "l1").value[pairs[0].id] == pytest.approx(np.mean(expected), rel=1e-12)
    seen = np.isin(real.annotations["observability"], [OBSERVABILITY["person-seen"], OBSERVABILITY["background-seen"]])
    for region, inside in (("seen", seen), ("unseen", ~seen)):
        difference = np.abs(made.astype(float) - real.rgb) / 255
        values = [d[m].mean() for d, m in zip(difference, inside, strict=True) if m.any()]
        row = pick(scores, "l1", region).loc[pairs[0].id]
        assert row.value == pytest.approx(np.mean(values), rel=1e-9) and row.n_frames == len(values)
    total = pick(scores, "ssim")
    assert total.value["*"] == pytest.approx(total.value.drop("*").mean(), rel=1e-12)
    assert set(scores["run"]) == {"r"} and set(scores.seed) == {3} and set(scores["size"]) == {32}
    assert set(scores.dataset) == {"toy-world"} and set(scores.protocol) == {CROSS}


def test_stored_frames_give_the_same_values_as_frames_in_memory(world, tmp_path):
    pairs = world.pairs(CROSS).pairs
    for pair in pairs:
        clip = blurred(world, CROSS)(pair)
        write_frames(tmp_path / pair.id, iter(clip.read(range(7)).rgb))
        cv2.imwrite(str(tmp_path / pair.id / "source.png"), np.zeros((4, 4, 3), np.uint8))
    memory = score_pairs(blurred(world, CROSS), world, CROSS, pairs, select_metrics())
    disk = score_pairs(lambda pair: tmp_path / pair.id, world, CROSS, pairs, select_metrics())
    pd.testing.assert_frame_equal(memory, disk, check_exact=True)


def test_order_of_pairs_and_of_metrics_and_chunks_changes_no_value(world, monkeypatch):
    pairs = world.pairs(CROSS).pairs
    metrics = select_metrics()
    first = score_pairs(blurred(world, CROSS), world, CROSS, pairs, metrics)
    monkeypatch.setattr("bench.evaluation.evaluator._CHUNK", 3)
    second = score_pairs(blurred(world, CROSS), world, CROSS, pairs[::-1], metrics[::-1])
    keys = ["metric", "profile", "region", "pair"]
    left, right = (s.sort_values(keys).reset_index(drop=True) for s in (first, second))
    pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_damaged_and_missing_frames_become_rows(world, tmp_path):
    pairs = world.pairs(CROSS).pairs
    for pair in pairs[:2]:
        write_frames(tmp_path / pair.id, iter(oracle(world, CROSS)(pair).read(range(7)).rgb))
    (tmp_path / pairs[0].id / "000003.png").unlink()
    (tmp_path / pairs[1].id / "000004.png").write_bytes(b"no image")
    scores = score_pairs(lambda pair: tmp_path / pair.id, world, CROSS, pairs, PIXEL)
    l1_rows = pick(scores, "l1")
    assert list(l1_rows.status[[p.id for p in pairs]]) == ["invalid-input", "invalid-input", "failed"]
    assert "000003.png" in l1_rows.reason[pairs[0].id] and "000004.png" in l1_rows.reason[pairs[1].id]
    assert l1_rows.status["*"] == "failed" and l1_rows.value.isna().all()
    assert len(scores) == 3 * 3 * 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rgb: rgb[:, :, :-2], "30x32"),
        (lambda rgb: rgb[:-1], "6 generated frames, not 7"),
        (lambda rgb: np.full(rgb.shape, np.nan, np.float32), "NaN"),
    ],
)
def test_frames_that_do_not_fit_are_invalid(world, change, reason):
    pairs = world.pairs(CROSS).pairs

    def frames_of(pair):
        return ArrayClip(pair.id, change(oracle(world, CROSS)(pair).read(range(7)).rgb))

    scores = score_pairs(frames_of, world, CROSS, pairs, PIXEL)
    assert set(scores.status) == {"invalid-input"} and scores.reason.str.contains(reason).all()


def test_one_bad_pair_leaves_the_mean_of_the_others(world):
    pairs = world.pairs(CROSS).pairs

    def frames_of(pair):
        rgb = blurred(world, CROSS)(pair).read(range(7)).rgb
        return ArrayClip(pair.id, rgb[:3] if pair is pairs[1] else rgb)

    rows = pick(score_pairs(frames_of, world, CROSS, pairs, [cards.L1]), "l1")
    assert rows.status["*"] == "ok" and rows.n_frames["*"] == 14
    assert rows.value["*"] == pytest.approx(rows.value[[pairs[0].id, pairs[2].id]].mean())
    assert "1 of 3 pairs have no value" in rows.reason["*"]


class WithoutTruth(ToyWorld):
    """The toy world as a folder of videos is: cross-animation has no reference, and clips have no annotations."""

    def pairs(self, protocol):
        return replace(super().pairs(protocol), target=None)

    def open(self, protocol, pair) -> Trial:
        return replace(super().open(protocol, pair), reference=None, oracles={})


def test_without_truth_only_reference_free_metrics_have_values():
    world = WithoutTruth(size=32, frames=5)
    pairs = world.pairs(CROSS).pairs
    scores = score_pairs(lambda pair: world.clip(pair.driving), world, CROSS, pairs, WITHOUT_JUDGE)
    ratio = pick(scores, "motion-ratio", profile="driving")
    assert (ratio.value == 1).all()
    assert (pick(scores, "flicker", profile="raw").value > 0).all()
    rest = scores[~scores.profile.isin(["driving", "raw"])]
    assert set(rest.status) == {"missing-input"} and rest.reason.str.contains("reference").all()


def test_tiny_frames_have_no_ssim():
    world = ToyWorld(size=8, frames=3)
    scores = score_pairs(oracle(world, CROSS), world, CROSS, world.pairs(CROSS).pairs, PIXEL)
    assert set(pick(scores, "ssim").status) == {"undefined"} and "11x11" in pick(scores, "ssim").reason["*"]
    assert set(pick(scores, "l1").status) == {"ok"}


# -- metrics of others -------------------------------------------------------------------------------------------
class Broken(Metric):
    spec: ClassVar[MetricSpec] = replace(
        cards.L1, name="broken", implementation=f"{__name__}:Broken", regions=("whole",)
    )

    def start(self, clip) -> None:
        pass

    def update(self, frame: FramePair) -> None:
        raise KeyError("oops")

    def finish(self) -> dict[str, Outcome]:
        return {}


def test_a_metric_that_breaks_fails_alone(world):
    scores = score_pairs(oracle(world, CROSS), world, CROSS, world.pairs(CROSS).pairs, [Broken.spec, cards.L1])
    assert set(pick(scores, "broken").status) == {"failed"} and "oops" in pick(scores, "broken").reason["*"]
    assert (pick(scores, "l1").value == 0).all()


def test_an_infinite_value_is_no_score():
    assert aggregate([Outcome(float("inf"), 3), Outcome(2.0, 3)]).value == 2.0
    assert aggregate([Outcome(float("nan"), 3)]).status == "undefined"
    assert aggregate([]).status == "missing-input"


def test_a_region_that_is_empty_in_some_frames_counts_the_others():
    class Area(FrameMean):
        spec = cards.L1

        def value(self, frame, mask):
            return float("nan") if not mask.any() else float(mask.sum())

    metric = Area(("unseen",))
    metric.start(None)
    for observability in (np.zeros((2, 2), np.uint8), np.array([[1, 3], [0, 2]], np.uint8)):
        metric.update(FramePair(np.zeros((2, 2, 3), np.uint8), None, {"observability": observability}))
    assert metric.finish()["unseen"] == Outcome(2.0, 1, reason="1 of 2 frames have no unseen pixels")


# -- names and files ---------------------------------------------------------------------------------------------
def test_names_find_cards():
    assert find_metric("ssim").id == "ssim@default" == find_metric("ssim@default").id
    assert find_metric("ssim@wang").profile == "wang"
    assert [s.id for s in select_metrics(["psnr", "l1", "psnr@default"])] == ["psnr@default", "l1@default"]
    assert all(spec.default for spec in select_metrics())


def test_unknown_names_say_so():
    with pytest.raises(UsageError) as unknown:
        find_metric("simm")
    assert "ssim" in unknown.value.hint
    with pytest.raises(UsageError) as profile:
        find_metric("l1@nonsense")
    assert "'l1'" in profile.value.hint


def test_files_keep_every_digit(world, tmp_path):
    scores = score_pairs(blurred(world, CROSS), world, CROSS, world.pairs(CROSS).pairs, PIXEL, {"run": "r", "seed": 0})
    scores.loc[0, ["value", "status", "reason"]] = [np.nan, "failed", 'a, "b"\nc']
    csv, parquet = write_scores(scores, tmp_path / "out")
    assert Path(csv).read_text().splitlines()[0] == ",".join(COLUMNS)
    for path in (csv, parquet):
        pd.testing.assert_frame_equal(read_scores(path), scores, check_exact=True)
        assert verify_checksum(path)
    assert {p.name for p in (tmp_path / "out").iterdir() if p.suffix != ".sha256"} == {"scores.csv", "scores.parquet"}
    text = Path(csv).read_text().splitlines()
    value = scores.value[5]
    assert any(f",{value:.17g}," in line for line in text)


def test_an_edited_scores_file_is_refused_and_one_without_a_checksum_is_read(world, tmp_path):
    scores = score_pairs(blurred(world, CROSS), world, CROSS, world.pairs(CROSS).pairs, PIXEL, {"run": "r", "seed": 0})
    for path in write_scores(scores, tmp_path):
        path.write_bytes(path.read_bytes() + b"\n")
        with pytest.raises(SuiteError, match=f"{path.name} does not match its checksum"):
            read_scores(path)
    checksum_path(tmp_path / "scores.csv").unlink()
    assert len(read_scores(tmp_path / "scores.csv")) == len(scores)
