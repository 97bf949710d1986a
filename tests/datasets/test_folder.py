"""Any folder of videos as a dataset: layouts, splits, pairs, the cache, and everything that can be wrong with it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datasets.annotations import write_annotations
from datasets.base import Array
from datasets.errors import MissingInputError, StorageError, UsageError
from datasets.files import cache_root, read_json
from datasets.folder import FolderDataset
from datasets.folder_spec import CROSS, SELF
from datasets.folder_split import windows
from datasets.letterbox import square
from datasets.video_write import write_frames

sys.path.insert(0, str(Path(__file__).parent))
from video_samples import encode, moving_square

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / ".." / "shared" / "clips"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("BENCH_CACHE", str(folder))
    return folder


def clip(path: Path, n: int = 30, shade: int = 0, size: tuple[int, int] = (32, 32)) -> list[Array]:
    """Write a lossless clip, a container or a folder of frames, that depends on ``shade``; return its frames."""
    frames = [np.roll(frame, shade, axis=0) for frame in moving_square(n, *size)]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix:
        encode(path, frames, "ffv1", "bgr0", fps=15)
    else:
        write_frames(path, frames)
    return frames


def many(folder: Path, n: int) -> Path:
    for i in range(n):
        clip(folder / f"clip{i}.mkv", shade=i)
    return folder


def ids(data: FolderDataset, split: str) -> list[str]:
    return [c.id for c in data.clips(split)]


# -- what is a clip ----------------------------------------------------------------------------------------------
def test_every_kind_of_video_is_found_once(tmp_path: Path) -> None:
    clip(tmp_path / "a.mkv")
    clip(tmp_path / "a.mp4.d" / "frames")
    frames = clip(tmp_path / "b")
    Image.fromarray(np.concatenate(frames, axis=1)).save(tmp_path / "strip.png")
    clip(tmp_path / "anna" / "walk.mkv", shade=3)
    clip(tmp_path / "anna" / "run.mkv", shade=4)
    (tmp_path / "notes.csv").write_text("no video")
    (tmp_path / ".hidden.mp4").write_text("no video")
    data = FolderDataset(str(tmp_path), "quick")
    found = {c.id: c.identity for s in ("train", "test") for c in data.clips(s)}
    assert found == {
        "a": "a",
        "a.mp4.d-frames": "a.mp4.d",
        "b": "b",
        "strip": "strip",
        "anna-walk": "anna",
        "anna-run": "anna",
    }
    assert data.findings() == []


def test_names_that_would_clash_stay_apart(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mov", "ä.mkv", "ö.mkv", "b+c.mkv", "b-c.mkv"):
        (tmp_path / name).write_bytes(b"x")
    from datasets.folder_scan import scan

    names = [c.id for c in scan(tmp_path)]
    assert len(set(names)) == 6
    assert not any(set(name) & set("/+äö") for name in names)


def test_a_folder_of_plain_frames_is_one_clip(tmp_path: Path) -> None:
    clip(tmp_path / "only", n=40)
    data = FolderDataset(str(tmp_path / "only"), "quick")
    assert ids(data, "train") == ["only"]
    assert ids(data, "test") == ["only+test"]


def test_frames_are_the_squares_of_the_video(tmp_path: Path) -> None:
    for i, size in enumerate([(32, 32), (33, 61), (90, 47)]):
        frames = clip(tmp_path / f"{i}.mkv", shade=i, size=size)
        clip(tmp_path / f"other{i}.mkv", shade=7)
        data = FolderDataset(str(tmp_path), "quick")
        read = np.concatenate([stack.rgb for stack in data.clip(f"{i}").stream()])
        assert np.array_equal(read, np.stack([square(frame, 64) for frame in frames])[: len(read)])
        assert len(read) >= 20


def test_frames_are_dropped_evenly_to_the_rate_of_the_preset(tmp_path: Path) -> None:
    frames = moving_square(200)
    encode(tmp_path / "a.mkv", frames, "ffv1", "bgr0", fps=30)
    (tmp_path / "b").mkdir()
    clip(tmp_path / "b" / "frames", n=70)
    tiny = FolderDataset(str(tmp_path), "tiny")
    lengths = {
        c.id: (sum(len(p) for s in ("train", "val", "test") for p in tiny.clips(s) if p.id.startswith(c.id)), c.fps)
        for s in ("train", "test")
        for c in tiny.clips(s)
    }
    assert lengths == {"a": (64, 15), "b-frames": (64, 25)}
    assert np.array_equal(tiny.clip("a").read([3]).rgb[0], square(frames[6], 64))


# -- splits ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("n", "test"), [(2, 1), (3, 2), (4, 2), (9, 3)])
def test_split_by_clip_is_disjoint_repeatable_and_written_down(tmp_path: Path, n: int, test: int) -> None:
    folder = many(tmp_path / "videos", n)
    data = FolderDataset(str(folder), "tiny")
    train, held_out = ids(data, "train"), ids(data, "test")
    assert len(held_out) == test
    assert sorted(train + held_out) == sorted(f"clip{i}" for i in range(n))
    again = FolderDataset(str(folder), "tiny")
    assert (ids(again, "train"), ids(again, "test")) == (train, held_out)
    (record,) = cache_root().glob("folder-splits/*/split.json")
    assert read_json(record)["splits"]["test"] == held_out


def test_validation_frames_are_not_trained_on(tmp_path: Path) -> None:
    data = FolderDataset(str(many(tmp_path, 3)), "quick")
    for part, held_out in zip(data.clips("train"), data.clips("val"), strict=True):
        assert held_out.id == f"{part.id}+val"
        assert len(part) + len(held_out) == 30
        assert len(held_out) == 8


def test_validation_is_whole_clips_where_there_are_many(tmp_path: Path) -> None:
    data = FolderDataset(str(many(tmp_path, 14)), "tiny")
    assert len(data.clips("val")) == 1
    assert not {c.identity for c in data.clips("val")} & {c.identity for c in data.clips("train")}


def test_split_folders_are_obeyed(tmp_path: Path) -> None:
    clip(tmp_path / "train" / "a.mkv")
    clip(tmp_path / "train" / "b", shade=2)
    clip(tmp_path / "test" / "a.mkv", shade=3)
    data = FolderDataset(str(tmp_path), "quick")
    assert ids(data, "train") == ["train-a", "train-b"]
    assert ids(data, "test") == ["test-a"]


def test_a_single_clip_is_cut_in_time_and_says_so(tmp_path: Path) -> None:
    clip(tmp_path / "solo.mkv", n=100)
    data = FolderDataset(str(tmp_path), "quick")
    assert [len(data.clips(s)[0]) for s in ("train", "val", "test")] == [72, 8, 20]
    assert any("solo is the only usable clip" in line for line in data.findings())
    assert data.spec.protocols == (SELF,)
    assert data.pairs(CROSS).pairs == ()
    trial = data.open(SELF, data.pairs(SELF).pairs[0])
    assert np.array_equal(trial.source.rgb[0], trial.driving.read([0]).rgb[0])


# -- pairs -------------------------------------------------------------------------------------------------------
def test_self_reconstruction_drives_a_clip_from_its_own_first_frame(tmp_path: Path) -> None:
    data = FolderDataset(str(many(tmp_path, 4)), "tiny")
    listed = data.pairs(SELF)
    assert listed.target == "self"
    assert len(listed.pairs) == 4
    for pair in listed.pairs:
        trial = data.open(SELF, pair)
        assert (len(trial.driving), pair.first_scored) == (8, 1)
        assert pair.source == pair.driving in ids(data, "test")
        assert trial.reference is not None
        assert np.array_equal(trial.reference.read([0]).rgb, trial.source.rgb)


def test_cross_animation_pairs_different_people_and_has_no_truth(tmp_path: Path) -> None:
    data = FolderDataset(str(many(tmp_path, 12)), "quick")
    listed = data.pairs(CROSS)
    assert listed.target is None
    assert len({p.id for p in listed.pairs}) == len(listed.pairs) == 3
    for pair in listed.pairs:
        assert pair.source != pair.driving
        assert {pair.source, pair.driving} <= set(ids(data, "test"))
        assert data.open(CROSS, pair).reference is None
    assert {p.driving for p in listed.pairs} == {p.source for p in listed.pairs} == set(ids(data, "test"))
    assert FolderDataset(str(tmp_path), "quick").pairs(CROSS) == listed


def test_one_test_person_borrows_photos_from_training_clips(tmp_path: Path) -> None:
    for name in ("train/a.mkv", "train/b.mkv", "test/c.mkv"):
        clip(tmp_path / name, shade=len(name))
    data = FolderDataset(str(tmp_path), "tiny")
    assert {p.source for p in data.pairs(CROSS).pairs} == {"train-a", "train-b"}
    assert any("photos from training clips" in line for line in data.findings())


def test_unknown_names_are_refused_with_what_is_known(tmp_path: Path) -> None:
    data = FolderDataset(str(many(tmp_path, 2)), "tiny")
    with pytest.raises(UsageError, match="no protocol"):
        data.pairs("cross-place@1")
    with pytest.raises(UsageError, match="no split"):
        data.clips("training")
    with pytest.raises(MissingInputError) as caught:
        data.clip("clip11")
    assert "'clip1'" in caught.value.hint
    with pytest.raises(UsageError, match="no preset 'huge'"):
        FolderDataset(str(tmp_path), "huge")
    with pytest.raises(UsageError, match="noisy-2"):
        FolderDataset(str(tmp_path), "tiny", "noisy-2")
    with pytest.raises(UsageError, match="not named"):
        FolderDataset("", "tiny")


@given(st.integers(8, 2000), st.integers(8, 48))
def test_windows_lie_in_the_clip_and_never_overlap(length: int, frames: int) -> None:
    spans = windows(length, frames)
    assert 1 <= len(spans) <= 6
    assert spans[0][0] == 0
    assert all(stop - start == min(frames, length) for start, stop in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert spans[-1][1] <= length


# -- identity ----------------------------------------------------------------------------------------------------
def test_fingerprint_follows_content_size_and_split_but_not_the_place(tmp_path: Path) -> None:
    one = many(tmp_path / "x" / "videos", 3)
    two = Path(shutil.copytree(one, tmp_path / "y" / "videos"))
    a, b = FolderDataset(str(one), "tiny"), FolderDataset(str(two), "tiny")
    assert a.slug == b.slug
    assert a.slug.startswith("folder-videos-")
    prints = {s: a.fingerprint(s) for s in ("train", "val", "test")}
    assert prints == {s: b.fingerprint(s) for s in prints}
    assert len(set(prints.values())) == 3
    assert FolderDataset(str(one), "standard").fingerprint("test") != prints["test"]
    changed = ids(b, "test")[0]
    clip(two / f"{changed}.mkv", shade=20)
    c = FolderDataset(str(two), "tiny")
    assert c.slug != a.slug
    assert c.fingerprint("test") != prints["test"]
    assert c.fingerprint("train") == prints["train"]
    swapped = FolderDataset(str(two), "tiny")
    assert [swapped.fingerprint(s) for s in ("train", "test")] == [c.fingerprint(s) for s in ("train", "test")]


def test_decoding_happens_once_and_damage_is_repaired(tmp_path: Path, cache: Path) -> None:
    folder = many(tmp_path, 2)
    steps: list[tuple[int, int, str]] = []
    data = FolderDataset(str(folder), "tiny")
    assert not list(cache.rglob("*.npy"))
    data.prepare(["train"], [SELF], lambda *step: steps.append(step))
    assert [s[:2] for s in steps] == [(0, 2), (1, 2), (2, 2)]
    stored = sorted(cache.glob("folder/*/rgb.npy"))
    before = {p: p.stat().st_mtime_ns for p in stored}
    whole = stored[0].read_bytes()
    FolderDataset(str(folder), "tiny").clips("test")
    assert {p: p.stat().st_mtime_ns for p in stored} == before
    stored[0].write_bytes(whole[:-7] + b"damaged")
    FolderDataset(str(folder), "tiny").clips("test")
    assert stored[0].read_bytes() == whole
    assert not list(cache.rglob(".tmp-*"))


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    script = """
import resource, sys
from datasets.folder import FolderDataset
FolderDataset(sys.argv[1], "paper").clips("test")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for n in (20, 300):  # 300 frames of 256 x 256 are 59 MB
        (tmp_path / f"{n}").mkdir()
        encode(tmp_path / f"{n}" / "a.mp4", moving_square(n), "libx264", "yuv420p")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "BENCH_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-c", script, str(tmp_path / f"{n}")]
        peaks.append(int(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout))
    assert peaks[1] - peaks[0] < 12_000  # KiB


# -- annotations -------------------------------------------------------------------------------------------------
def test_annotations_beside_a_clip_come_along(tmp_path: Path) -> None:
    clip(tmp_path / "a.mkv", n=20, size=(32, 64))
    clip(tmp_path / "b.mkv", n=20, shade=2)
    mask = np.zeros((20, 32, 64), np.uint8)
    mask[:, 8:24, 24:40] = 1
    write_annotations(tmp_path / "a.annotations", "mask", mask)
    data = FolderDataset(str(tmp_path), "quick")
    a = data.clip("a")
    assert (a.kinds, data.clip("b").kinds) == ({"mask"}, frozenset())
    read = a.read([4], frozenset({"mask"})).annotations["mask"][0]
    assert np.array_equal(read, square(mask[4], 64, nearest=True))
    before = data.fingerprint("train"), data.fingerprint("test")
    write_annotations(tmp_path / "a.annotations", "mask", 1 - mask)
    changed = FolderDataset(str(tmp_path), "quick")
    assert (changed.fingerprint("train"), changed.fingerprint("test")) != before


def test_wrong_annotations_leave_the_clip_out_and_say_why(tmp_path: Path) -> None:
    clip(tmp_path / "a.mkv", n=20)
    clip(tmp_path / "b.mkv", n=20, shade=2)
    write_annotations(tmp_path / "a.annotations", "mask", np.zeros((20, 9, 9), np.uint8))
    findings = FolderDataset(str(tmp_path), "quick").findings()
    assert "annotation 'mask'" in findings[0]
    assert "expected (T, 32, 32) uint8" in findings[0]


# -- bad input ---------------------------------------------------------------------------------------------------
def test_missing_and_empty_folders_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="does not exist"):
        FolderDataset(str(tmp_path / "nowhere"), "tiny")
    with pytest.raises(MissingInputError, match="holds no videos"):
        FolderDataset(str(tmp_path), "tiny")
    (tmp_path / "readme.txt").write_text("nothing to see")
    with pytest.raises(MissingInputError, match="holds no videos"):
        FolderDataset(str(tmp_path), "tiny")
    with pytest.raises(UsageError, match="is a file"):
        FolderDataset(str(tmp_path / "readme.txt"), "tiny")


def test_bad_videos_among_good_ones_are_flagged_and_counted(tmp_path: Path) -> None:
    many(tmp_path, 3)
    (tmp_path / "broken.mp4").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "empty.gif").touch()
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    data = FolderDataset(str(tmp_path), "tiny")
    assert len(ids(data, "train") + ids(data, "test")) == 3
    lines = data.findings()
    assert len(lines) == 4
    assert "broken.mp4 cannot be decoded at frame 0" in lines[0]
    assert "empty.gif is an empty file" in lines[1]
    assert "photo.png is too short: 1 frame(s), 8 are needed" in lines[2]
    assert "3 of 6 videos" in lines[3]


def test_nothing_but_bad_videos_names_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"x" * 99)
    with pytest.raises(MissingInputError, match=r"no video of .* can be used .*broken\.mp4"):
        FolderDataset(str(tmp_path), "tiny").clips("train")


def test_odd_sizes_grey_and_transparent_frames_are_taken(tmp_path: Path) -> None:
    for name, mode, size in (("grey", "L", (31, 17)), ("clear", "RGBA", (17, 31)), ("odd", "RGB", (5, 3))):
        (tmp_path / name).mkdir()
        for i in range(10):
            Image.new(mode, size, {"L": 9 * i, "RGBA": (9 * i, 0, 0, 128), "RGB": (9 * i, 0, 0)}[mode]).save(
                tmp_path / name / f"{i}.png"
            )
    data = FolderDataset(str(tmp_path), "tiny")
    assert data.findings() == []
    assert {c.size for s in ("train", "test") for c in data.clips(s)} == {(64, 64)}


def test_an_unwritable_cache_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many(tmp_path / "videos", 2)
    (tmp_path / "cache").write_text("a file where the cache should be")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(StorageError, match="cache"):
        FolderDataset(str(tmp_path / "videos"), "tiny").clips("train")


# -- real video --------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared/clips is not beside the checkout")
def test_real_clips_are_all_usable_and_move() -> None:
    data = FolderDataset(str(SHARED), "quick")
    assert data.findings() == []
    assert len(data.clips("test")) == 3
    for pair in data.pairs(SELF).pairs:
        frames = data.open(SELF, pair).driving.read(range(24)).rgb.astype(float)
        assert np.abs(frames[1:] - frames[:1]).mean() > 1
