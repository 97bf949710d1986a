"""The shipped networks of the world against exact truth: what a judge must reach, on frames never trained on."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from datasets.annotators.world.accuracy import report
from datasets.annotators.world.cards import CARDS
from datasets.annotators.world.data import HELD_OUT, Shard, load, render_shard
from datasets.annotators.world.ladders import blurred, ladders
from datasets.annotators.world.measure import FULL_CLIPS, held_out
from datasets.annotators.world.reader import WorldReader, code_digest
from datasets.files import sha256_file

SHIPPED = [name for name, card in CARDS.items() if card.weights.is_file()]
KINDS = frozenset({"keypoints", "iuv", "parsing20"})
MEDIAN = {64: 0.025, 128: 0.015}


def check(found: dict[str, Any], median: float) -> None:
    body = found["points"]["body"]
    assert body["median"] < median and body["mean"] < 0.06 and found["swaps"] < 0.03
    assert found["points"]["wrists"]["count"] and found["points"]["ankles"]["count"]


# -- what the cards say ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_describes_the_weights_beside_it_and_clears_the_bar(name: str) -> None:
    card = CARDS[name]
    said = json.loads(card.card.read_text(encoding="utf-8"))
    assert said["sha256"] == sha256_file(card.weights) and card.weights.stat().st_size < 1_600_000
    assert (said["seed"], said["split"], said["steps"]) == (card.seed, card.split, card.steps)
    for size, median in MEDIAN.items():
        conditions = said["errors"]["full"][str(size)]
        assert conditions["clean"]["frames"] >= 500
        check(conditions["clean"], median)
    assert said["errors"]["full"]["64"]["blur"]["points"]["body"]["median"] < 0.05


@pytest.mark.parametrize("name", SHIPPED)
def test_the_ladders_on_the_card_rise_strictly(name: str) -> None:
    said = json.loads(CARDS[name].card.read_text(encoding="utf-8"))["errors"]["ladders"]
    assert set(said) == {"64", "128"}
    for rungs in (r for ladder in said.values() for r in ladder.values()):
        assert len(rungs) == 3 and all(a < b for a, b in pairwise(rungs))


# -- measured again --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A few held-out frames at 64 px: of the judges' split, of clips that no card was measured on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        shard = Shard("judge", HELD_OUT + 50_000, 8, 64, "full")
        render_shard(shard)
        return load([shard])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_few_frames_confirm_the_card(name: str, few: Any) -> None:
    truth = {"keypoints": few.keypoints, "iuv": few.iuv, "parsing20": few.parsing20}
    found = report(WorldReader.load(name).read(np.asarray(few.rgb), KINDS), truth)
    body = found["points"]["body"]
    assert body["median"] < 0.025 and body["mean"] < 0.06 and found["swaps"] < 0.06  # few pairs: a looser bar
    assert found["mask_iou"] > 0.85 and found["parts_iou"] > 0.3 and found["uv_error"] < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("name", SHIPPED)
def test_500_frames_clear_the_bar(name: str, size: int) -> None:
    """About a minute each, and two more to render the frames for the first time."""
    frames = held_out("judge", size, FULL_CLIPS, "full")
    assert len(frames) >= 500
    truth = {"keypoints": frames.keypoints, "iuv": frames.iuv, "parsing20": frames.parsing20}
    reader = WorldReader.load(name)
    check(report(reader.read(frames.rgb, KINDS), truth), MEDIAN[size])
    if size == 64:
        softer = report(reader.read(blurred(frames.rgb, 1.5), KINDS), truth)
        assert softer["points"]["body"]["median"] < 0.05


@pytest.mark.slow
def test_both_judges_put_the_ladders_in_the_same_order() -> None:
    """Two minutes each."""
    frames = held_out("judge", 64, FULL_CLIPS, "full")
    for name in (name for name in SHIPPED if CARDS[name].role == "judge"):
        for rungs in ladders(WorldReader.load(name), frames, "judge").values():
            assert all(a < b for a, b in pairwise(rungs)), (name, rungs)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_was_measured_with_this_code(name: str) -> None:
    assert json.loads(CARDS[name].card.read_text(encoding="utf-8"))["code"] == code_digest()
