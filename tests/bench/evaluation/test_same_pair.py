"""What other tools give on one fixed pair: the committed values are today's, ours and theirs."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("same_pair", Path(__file__).with_name("peers") / "same_pair.py")
same_pair = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(same_pair)
FOUND = json.loads(same_pair.DATA.read_text())
METRICS = FOUND["metrics"]
FEW = (
    "l1@default", "ssim@torchmetrics", "ssim@disco", "psnr@disco-2023", "warping-error@default", "akd@siarohin-2020",
    "shape-leak@default", "dpis@absent-is-zero", "aed@source", "frechet@synth", "fvd@cdfvd", "csim@drift",
    "lpips-alex@default",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))


def test_every_metric_is_there_with_the_peer_of_today():
    assert set(METRICS) == set(same_pair.SPECS), "run python tests/bench/evaluation/peers/same_pair.py"
    assert FOUND["inputs"] == same_pair.INPUTS
    for key, entry in METRICS.items():
        row = same_pair.ROWS[key]
        assert entry["tool"] == f"{row['package']} {row['version']}", key
        assert entry["input"] == same_pair.input_of(key)


@pytest.mark.parametrize("key", METRICS)
def test_the_committed_values_agree(key):
    entry, tolerance = METRICS[key], same_pair.ROWS[key]["tolerance"]
    assert entry["ours"] == pytest.approx(entry["peer"], rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("key", FEW)
def test_a_few_values_are_those_of_today(key):
    now = same_pair.value_of(key)
    for side in ("ours", "peer"):
        assert now[side] == pytest.approx(METRICS[key][side], rel=1e-5, abs=1e-9), side


@pytest.mark.slow
@pytest.mark.parametrize("key", sorted(set(METRICS) - set(FEW)))
def test_all_values_are_those_of_today(key):
    now = same_pair.value_of(key)
    for side in ("ours", "peer"):
        assert now[side] == pytest.approx(METRICS[key][side], rel=1e-5, abs=1e-9), side


def test_one_name_is_many_numbers():
    ssim = {key: entry["ours"] for key, entry in METRICS.items() if key.startswith("ssim@")}
    assert len({round(value, 3) for value in ssim.values()}) >= 5
