"""Flow annotators: DIS on known motion, the forward-backward check, RAFT-small's structure."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from datasets.annotators.base import Annotator
from datasets.annotators.cards import CARDS, load
from datasets.annotators.flow import ABSOLUTE, RELATIVE, Flow, inconsistent
from datasets.annotators.raft import RAFT
from datasets.annotators.states import build, state_digest
from datasets.base import Array
from datasets.footage import Footage, measure

CARD = {card.name: card for card in CARDS}


def texture(h: int = 96, w: int = 128) -> Array:
    rng = np.random.default_rng(0)
    return cv2.resize(rng.integers(0, 255, (h // 4, w // 4, 3), dtype=np.uint8), (w, h), interpolation=cv2.INTER_CUBIC)


def said(annotator: Annotator, frames: list[Array], folder: Path) -> list[dict[str, Array]]:
    return [dict(found) for found in annotator.annotate(measure(Footage("a", folder, lambda: frames)), {})]


def test_dis_follows_a_shift_and_the_last_frame_has_no_successor(tmp_path: Path) -> None:
    big = texture(96, 160)
    frames = [np.ascontiguousarray(big[:, 8 - 3 * t : 136 - 3 * t]) for t in range(3)]  # moves 3 px to the right
    found = said(load(CARD["dis"]), frames, tmp_path)
    inner = (slice(16, -16), slice(16, -16))
    assert len(found) == 3
    for each in found[:2]:
        assert np.abs(np.median(each["flow"][inner], axis=(0, 1)) - (3, 0)).max() < 0.2
        assert each["occlusion"][inner].mean() < 0.05 and each["occlusion"][:, -3:].mean() > 0.9  # leaves the frame
    assert not found[2]["flow"].any() and found[2]["occlusion"].all()


def test_the_consistency_check_is_the_papers() -> None:
    rng = np.random.default_rng(3)
    forward = rng.integers(-2, 3, (9, 11, 2)).astype(np.float32)  # whole pixels, so that no sampling is needed
    backward = rng.normal(size=(9, 11, 2)).astype(np.float32) * 2
    expected = np.zeros((9, 11), bool)
    for y in range(9):
        for x in range(11):
            tx, ty = x + int(forward[y, x, 0]), y + int(forward[y, x, 1])
            if not (0 <= tx < 11 and 0 <= ty < 9):
                expected[y, x] = True
                continue
            f, b = forward[y, x].astype(float), backward[ty, tx].astype(float)
            expected[y, x] = ((f + b) ** 2).sum() > RELATIVE * ((f**2).sum() + (b**2).sum()) + ABSOLUTE
    np.testing.assert_array_equal(inconsistent(forward, backward), expected)


def test_raft_small_is_loaded_in_its_own_structure(tmp_path: Path) -> None:
    from torchvision.models.optical_flow import raft_small

    state = raft_small(weights=None).state_dict()
    assert sum(t.numel() for t in state.values() if t.is_floating_point()) * 4 / 1e6 < 4.1  # the file has 4 MB
    network = RAFT(build(lambda: raft_small(weights=None), state), state_digest(state), updates=1)
    flow = Flow(CARD["raft-small"], network.flow, network.fingerprint)
    found = said(flow, [texture(40, 56), texture(40, 56)], tmp_path)
    assert [each["flow"].shape for each in found] == [(40, 56, 2)] * 2 and np.isfinite(found[0]["flow"]).all()
    assert found[0]["flow"].dtype == np.float32 and flow.weights == network.fingerprint
