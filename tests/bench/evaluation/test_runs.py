"""Scores of real run folders, and metrics that an installed package brings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main
from bench.evaluation.evaluator import score_pairs
from bench.evaluation.scores import read_scores
from bench.evaluation.select import find_metric, select_metrics
from bench.progress import silent
from bench.run import execute
from bench.spec import RunSpec, resolve
from bench.testing.world import ToyWorld
from datasets.errors import UsageError

PLUGIN = """
from dataclasses import replace
from bench.evaluation import cards
from bench.evaluation.frame_mean import FrameMean

RED = replace(cards.L1, name="redness", implementation="foreign:Redness", needs=frozenset(), regions=("whole",))
LOST = replace(cards.L1, name="lost", implementation="foreign:Nothing")

class Redness(FrameMean):
    spec = RED

    def value(self, frame, mask):
        return float(frame.generated[..., 0].mean())
"""


@pytest.fixture
def run(toys: Path, tmp_path: Path) -> Path:
    """A finished run of a sanity row on the toy world."""
    spec = RunSpec("copy-driving", "toy-world:32x8", preset="tiny", track="none", runs=tmp_path / "runs")
    return execute(resolve(spec), silent).folder.path


def test_a_runs_stored_frames_give_its_values_exactly(run: Path, tmp_path: Path):
    stored = read_scores(run / "scores.parquet")
    assert main(["evaluate", "--run", str(run), "--out", str(tmp_path / "again")]) == 0
    again = read_scores(tmp_path / "again" / "scores.parquet")
    keys = ["protocol", "metric", "profile", "region", "pair"]
    left, right = (s.sort_values(keys).reset_index(drop=True) for s in (stored, again))
    pd.testing.assert_frame_equal(left, right, check_exact=True)

    protocol = "cross-animation@1"
    truth = next(run.parents[1].glob(f"references/{protocol}-*/frames"))
    made = run / "generated" / protocol
    words = ["evaluate", "--predictions", str(made), "--reference", str(truth), "--out", str(tmp_path / "folders")]
    assert main(words) == 0
    folders = read_scores(tmp_path / "folders" / "scores.csv")
    for metric in ("l1", "psnr", "ssim", "flicker", "motion-ratio"):
        chosen = (stored.metric == metric) & (stored.region == "whole") & (stored.protocol == protocol)
        expected = stored[chosen].set_index("pair").value.to_dict()
        assert folders[folders.metric == metric].set_index("pair").value.to_dict() == expected


def test_metrics_asked_for_by_name_on_a_protocol_that_is_not_theirs(run: Path, tmp_path: Path):
    """They say so, stand-ins are measured although nothing is missing, and the others have their values."""
    names = ["shape-leak", "motion-agreement@dis", "l1"]
    assert main(["evaluate", "--run", str(run), "--metrics", ",".join(names), "--out", str(tmp_path / "out")]) == 0
    scores = read_scores(tmp_path / "out" / "scores.parquet")
    rows = scores[(scores.protocol == "self-reconstruction@1") & (scores.region == "whole")]
    leak = rows[rows.metric == "shape-leak"]
    assert set(leak.status) == {"not-applicable"} and leak.value.isna().all() and "*" in set(leak.pair)
    names = "cross-animation, cross-place, cross-shape, synthetic-lite"
    assert set(leak.reason) == {f"shape-leak@default is for {names} only"}
    assert set(rows[rows.metric == "l1"].status) == {"ok"}
    assert set(rows[rows.metric == "motion-agreement"].profile) == {"dis"}
    other = scores[(scores.metric == "shape-leak") & (scores.protocol == "cross-animation@1")]
    assert len(other) and "not-applicable" not in set(other.status)


def test_a_run_has_its_own_frames(tmp_path: Path):
    assert main(["evaluate", "--run", str(tmp_path), "--predictions", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert main(["evaluate", "--run", str(tmp_path / "absent"), "--out", str(tmp_path / "o")]) == 3


def test_an_installed_metric_scores_and_a_broken_one_harms_nothing(install_plugin):
    folder = install_plugin(
        "[bench.metrics]\nredness = foreign:RED\nlost = foreign:LOST\nshattered = no_such_module:SPEC\n"
    )
    (folder / "foreign.py").write_text(PLUGIN, encoding="utf-8")
    metrics = select_metrics(preset="tiny")
    names = {spec.name for spec in metrics}
    assert "redness" in names and not names & {"lost", "shattered"}
    world = ToyWorld(size=32, frames=4)
    pairs = world.pairs("cross-animation@1").pairs
    scores = score_pairs(lambda pair: world.clip(pair.driving), world, "cross-animation@1", pairs, metrics)
    redness = scores[scores.metric == "redness"].set_index("pair").value
    expected = world.clip(pairs[0].driving).read(range(4)).rgb[..., 0].mean()
    assert redness[pairs[0].id] == pytest.approx(expected)
    with pytest.raises(UsageError, match="broken"):
        find_metric("shattered")
    with pytest.raises(UsageError, match="lost@default is broken"):
        score_pairs(lambda pair: None, world, "cross-animation@1", pairs, [find_metric("lost")])
