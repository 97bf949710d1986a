"""Annotators as judges of real video: what they answer, and what is said where their weights are not here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.evaluation.judges import annotators
from bench.evaluation.judges.cards import ANNOTATORS
from bench.evaluation.judges.resolve import card_for
from bench.registry import get, load_object
from datasets.annotators.osnet import OSNet
from datasets.errors import MissingInputError


@pytest.fixture(autouse=True)
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("card", ANNOTATORS, ids=lambda card: card.name)
def test_without_weights_the_command_is_named(card: object) -> None:
    with pytest.raises(MissingInputError, match="are not here") as caught:
        load_object(card.implementation)()  # type: ignore[attr-defined]
    assert "bench weights add FILE --as" in caught.value.hint


def test_the_metrics_that_waited_find_them_on_real_data_only() -> None:
    for metric, name in (("interp-psnr", "super-slomo"), ("aed", "osnet-x1.0")):
        card = card_for(get("metrics", metric), synthetic=False)
        assert card is not None and card.name == name
    on_world = card_for(get("metrics", "aed"), synthetic=True)
    assert on_world is not None and on_world.synthetic


def test_a_judge_answers_in_its_role(weights: Path) -> None:
    torch.manual_seed(0)
    torch.save(OSNet().state_dict(), weights / "osnet_x1_0_msmt17.pth")
    judge = annotators.osnet()
    answer = judge.read(np.zeros((40, 30, 3), np.uint8))
    assert answer.shape == (512,) and answer.dtype == np.float32 and len(judge.fingerprint) == 64
