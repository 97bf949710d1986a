"""Derived arrays are made once, and again when what they depend on changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.derived import derived_arrays
from bench.progress import silent
from bench.testing.toy import ToyConfig
from bench.testing.toy_method import Toy
from bench.testing.training import tiny_world
from datasets.errors import UsageError


class Counting(Toy):
    calls = 0

    def derive(self, clip: Any) -> Any:
        Counting.calls += 1
        return super().derive(clip)


def test_arrays_are_cached_by_content_and_config(tmp_path: Path) -> None:
    world, method = tiny_world(), Counting(ToyConfig(width=4))
    clips = world.clips("train")
    first = derived_arrays(method, world, clips, silent, tmp_path)
    made = Counting.calls
    assert made == len(clips) == len(first)
    np.testing.assert_array_equal(first[1]["crop"], Toy(ToyConfig(width=4)).derive(clips[1])["crop"])
    derived_arrays(method, world, clips, silent, tmp_path)
    assert Counting.calls == made
    derived_arrays(Counting(ToyConfig(width=5)), world, clips, silent, tmp_path)
    assert Counting.calls == 2 * made


def test_a_damaged_array_is_made_again(tmp_path: Path) -> None:
    world, method = tiny_world(), Toy(ToyConfig(width=4))
    clips = world.clips("train")
    expected = [np.array(a["crop"]) for a in derived_arrays(method, world, clips, silent, tmp_path)]
    path = next(tmp_path.rglob("crop.npy"))
    path.write_bytes(path.read_bytes()[:50])
    again = derived_arrays(method, world, clips, silent, tmp_path)
    assert all(np.array_equal(a, b["crop"]) for a, b in zip(expected, again, strict=True))


def test_arrays_of_different_lengths_are_refused(tmp_path: Path) -> None:
    class Uneven(Toy):
        def derive(self, clip: Any) -> Any:
            return {"crop": np.zeros((3, 2)), "other": np.zeros((4, 2))}

    world = tiny_world()
    with pytest.raises(UsageError, match="different lengths"):
        derived_arrays(Uneven(ToyConfig()), world, world.clips("train"), silent, tmp_path)
