"""Splits, seeds and the committed test lists."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from datasets.synthetic.dataset import open_synthetic
from datasets.synthetic.lists import CROSS, LITE, PROTOCOLS, RELATIVE, SELF, all_lists, make_rows, read_rows
from datasets.synthetic.wardrobe import sample_person
from datasets.synthetic.world import PRESETS, SPLIT_SEEDS, clip_spec, seed_of


@pytest.mark.parametrize(("protocol", "size"), list(all_lists()))
def test_committed_lists_are_what_the_law_gives(protocol: str, size: str) -> None:
    assert read_rows(protocol, size) == make_rows(protocol, size)


@pytest.mark.parametrize(("size", "count"), [("tiny", 6), ("quick", 36), ("standard", 96)])
def test_every_identity_and_motion_is_used_equally_often(size: str, count: int) -> None:
    for protocol in (SELF, CROSS):
        rows = make_rows(protocol, size)
        assert len(rows) == count
        assert set(Counter(r.source for r in rows).values()) == {1}
        assert set(Counter(r.driving for r in rows).values()) == {1}
    cross = make_rows(CROSS, size)
    assert all(r.source != r.driving for r in cross)


def test_quick_has_six_kinds_by_three_framings_by_two() -> None:
    for protocol in (SELF, CROSS):
        cells = Counter((r.kind, r.framing) for r in make_rows(protocol, "quick"))
        assert len(cells) == 18 and set(cells.values()) == {2}
    rows = {r.driving: r for r in make_rows(CROSS, "quick")}
    assert all(rows[r.source].kind != r.kind for r in rows.values())  # another kind of motion, not only another seed


@pytest.mark.parametrize(("preset", "count", "frames"), [("tiny", 6, 8), ("quick", 20, 24), ("standard", 20, 24)])
def test_the_short_list_is_a_part_of_cross_animation(preset: str, count: int, frames: int) -> None:
    world = open_synthetic("", preset)
    lite, cross = world.pairs(LITE).pairs, {pair.id: pair for pair in world.pairs(CROSS).pairs}
    assert len(lite) == count and all(pair.stop - pair.start == frames for pair in lite)
    for pair in lite:
        whole = cross[pair.id]
        assert (pair.source, pair.driving, pair.start) == (whole.source, whole.driving, 0) and pair.stop <= whole.stop
    cells = Counter((r.kind, r.framing) for r in make_rows(LITE, "quick"))
    assert len(cells) == 18  # every kind of motion in every framing
    assert len(world.open(LITE, lite[0]).reference) == frames


@pytest.mark.parametrize("draw", [0, 3])
@pytest.mark.parametrize("size", ["quick", "standard"])
def test_drivers_are_of_similar_build(size: str, draw: int) -> None:
    def height(number: int) -> float:
        return sample_person(seed_of("test", number, draw))[0].height

    rows = make_rows(CROSS, size, draw)
    gaps = [abs(height(r.source) / height(r.driving) - 1) for r in rows]
    chance = [abs(height(a.source) / height(b.driving) - 1) for a in rows for b in rows if a is not b]
    assert np.mean(gaps) < np.mean(chance) / 2 and len({r.source for r in rows}) == len(rows)


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS if p not in (SELF, CROSS, RELATIVE)])
def test_slices_change_only_the_level(protocol: str) -> None:
    rows = make_rows(protocol, "quick")
    groups = Counter((r.source, r.driving, r.kind, r.framing) for r in rows)
    assert set(groups.values()) == {5} and {r.level for r in rows} == {0, 1, 2, 3, 4}


def test_splits_share_no_identity_motion_or_scene() -> None:
    seen: dict[str, set[int]] = {}
    for split in SPLIT_SEEDS:
        seeds = set()
        for i in range(1000):
            spec = clip_spec(split, i, 64, 8)
            seeds |= {spec.person.look, spec.person.shape, spec.motion.seed, spec.scene, spec.camera.seed}
        seen[split] = seeds
    seen["draw 1"], seen["draw 2"] = ({seed_of("test", i, d) for i in range(1000)} for d in (1, 2))
    assert all(not seen[a] & seen[b] for a, b in product(seen, seen) if a != b)


def test_sizes_of_the_presets() -> None:
    assert {name: p.size for name, p in PRESETS.items()} == {"tiny": 64, "quick": 64, "standard": 128, "paper": 256}
    assert all(p.frames >= 64 for name, p in PRESETS.items() if name != "tiny")
    assert [PRESETS[p].test_frames for p in ("quick", "standard", "paper")] == [24, 48, 48]
