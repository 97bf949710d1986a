"""Array-backed clips and time ranges of them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from datasets.clips import ArrayClip, SubClip
from datasets.errors import MissingInputError

RGB = np.random.default_rng(0).integers(0, 256, (20, 6, 8, 3), dtype=np.uint8)
MASK = RGB[..., 0] // 128


@pytest.fixture
def clip(tmp_path: Path) -> ArrayClip:
    np.save(tmp_path / "rgb.npy", RGB)
    np.save(tmp_path / "mask.npy", MASK)
    return ArrayClip("a", tmp_path / "rgb.npy", annotations={"mask": tmp_path / "mask.npy"}, identity="p", fps=24)


def test_reads_any_frames_in_any_order(clip: ArrayClip) -> None:
    assert (len(clip), clip.size, clip.kinds) == (20, (6, 8), frozenset({"mask"}))
    for index in ([3], [7, 2, 7], range(4, 9), []):
        stack = clip.read(index, frozenset({"mask"}))
        assert np.array_equal(stack.rgb, RGB[list(index)].reshape(-1, 6, 8, 3))
        assert np.array_equal(stack.annotations["mask"], MASK[list(index)].reshape(-1, 6, 8))
    assert clip.read([0]).annotations == {}


def test_what_is_read_is_a_copy(clip: ArrayClip) -> None:
    stack = clip.read([0])
    stack.rgb[:] = 0
    assert np.array_equal(clip.read([0]).rgb, RGB[:1])


def test_streams_all_frames_once(clip: ArrayClip) -> None:
    stacks = list(clip.stream(start=3, stop=99, chunk=4))
    assert max(len(s) for s in stacks) == 4
    assert np.array_equal(np.concatenate([s.rgb for s in stacks]), RGB[3:])


def test_wrong_index_or_kind_is_refused(clip: ArrayClip) -> None:
    for index in (-1, 20):
        with pytest.raises(IndexError, match="20 frames"):
            clip.read([index])
    with pytest.raises(MissingInputError, match=r"'iuv'.*it has: mask"):
        clip.read([0], frozenset({"iuv", "mask"}))


def test_part_of_a_clip(clip: ArrayClip) -> None:
    part = SubClip(SubClip(clip, 5, 15), 2, clip_id="b")
    assert (part.id, part.identity, part.fps, len(part), part.kinds) == ("b", "p", 24, 8, clip.kinds)
    assert np.array_equal(part.read([0, 7], frozenset({"mask"})).annotations["mask"], MASK[[7, 14]])
    with pytest.raises(IndexError):
        part.read([8])
    with pytest.raises(IndexError):
        SubClip(clip, 3, 21)


def test_travels_to_other_processes_without_its_frames(clip: ArrayClip) -> None:
    data = pickle.dumps(SubClip(clip, 1))
    assert len(data) < RGB.nbytes // 2
    assert np.array_equal(pickle.loads(data).read([0]).rgb, RGB[1:2])


def test_arrays_in_memory_do_as_well() -> None:
    assert np.array_equal(ArrayClip("m", RGB).read([2]).rgb, RGB[2:3])
    with pytest.raises(ValueError, match="m: frames"):
        ArrayClip("m", MASK)
