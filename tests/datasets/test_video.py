"""Reading videos of every kind, refusing bad ones, and writing frames and previews."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datasets.base import Array
from datasets.errors import CorruptVideoError, GenerationError, MissingInputError, SuiteError, UsageError
from datasets.video import natural_key, open_video, probe, read_image
from datasets.video_write import read_mp4_metadata, write_frames, write_mp4

sys.path.insert(0, str(Path(__file__).parent))
from video_samples import encode, moving_square, sound_only, turn_clockwise


def close(a: Array, b: Array, tolerance: float = 6.0) -> bool:
    """Whether two pictures differ by little on average (lossy codecs, halved chroma)."""
    return a.shape == b.shape and float(np.abs(a.astype(float) - b).mean()) < tolerance


# -- containers --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("suffix", "codec", "pixels"),
    [
        (".mp4", "libx264", "yuv420p"),
        (".mov", "png", "rgb24"),
        (".webm", "libvpx-vp9", "yuv420p"),
        (".mkv", "ffv1", "yuv420p10le"),
        (".mp4", "libx264", "yuv420p10le"),
        (".mkv", "ffv1", "gray"),
        (".mkv", "ffv1", "gray16le"),
    ],
)
def test_containers_give_rgb_frames_again_and_again(tmp_path: Path, suffix: str, codec: str, pixels: str) -> None:
    frames = moving_square()
    if pixels.startswith("gray"):
        frames = [np.repeat(frame[..., 1:2], 3, axis=-1) for frame in frames]
    video = open_video(encode(tmp_path / f"a{suffix}", frames, codec, pixels))
    assert video.size == (32, 32)
    assert video.fps == pytest.approx(25)
    for _ in range(2):
        read = list(video)
        assert len(read) == len(frames)
        assert all(frame.dtype == np.uint8 and close(frame, true) for frame, true in zip(read, frames, strict=True))


def test_odd_sizes_are_read_as_they_are(tmp_path: Path) -> None:
    frames = moving_square(4, height=33, width=47)
    video = open_video(encode(tmp_path / "a.mkv", frames, "ffv1", "bgr0", "rgb24"))
    assert video.size == (33, 47)
    assert np.array_equal(next(iter(video)), frames[0])


def test_rotation_of_phone_video_is_applied(tmp_path: Path) -> None:
    frames = moving_square(4, height=32, width=48)
    video = open_video(turn_clockwise(encode(tmp_path / "a.mp4", frames, "libx264", "yuv420p")))
    assert video.size == (48, 32)
    assert close(next(iter(video)), np.rot90(frames[0], -1))


def test_transparent_gif_lies_on_white(tmp_path: Path) -> None:
    pictures = []
    for x in (2, 12):
        picture = Image.new("RGBA", (24, 16), (0, 0, 0, 0))
        picture.paste((200, 0, 0, 255), (x, 4, x + 8, 12))
        pictures.append(picture)
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100, disposal=2)
    read = list(open_video(tmp_path / "a.gif"))
    assert len(read) == 2
    assert read[0][0, 0].tolist() == [255, 255, 255]
    assert read[0][8, 5].tolist() == [200, 0, 0]
    assert read[1][8, 15].tolist() == [200, 0, 0]


# -- images ------------------------------------------------------------------------------------------------------
def test_folder_of_frames_in_natural_order(tmp_path: Path) -> None:
    for i in (1, 2, 10):
        Image.new("RGB", (8, 6), (i, 0, 0)).save(tmp_path / f"f{i}.png")
    (tmp_path / "notes.txt").write_text("no frame")
    video = open_video(tmp_path)
    assert (video.size, video.n_frames) == ((6, 8), 3)
    assert [int(frame[0, 0, 0]) for frame in video] == [1, 2, 10]


def test_strip_is_cut_into_squares(tmp_path: Path) -> None:
    frames = moving_square(5, 16, 16)
    Image.fromarray(np.concatenate(frames, axis=1)).save(tmp_path / "strip.png")
    video = open_video(tmp_path / "strip.png")
    assert (video.size, video.n_frames) == ((16, 16), 5)
    assert np.array_equal(np.stack(list(video)), np.stack(frames))


@pytest.mark.parametrize(("size", "frames"), [((16, 16), 1), ((20, 16), 1), ((16, 20), 1), ((32, 16), 2)])
def test_single_images(tmp_path: Path, size: tuple[int, int], frames: int) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    video = open_video(tmp_path / "a.png")
    assert video.n_frames == frames == len(list(video))
    assert read_image(tmp_path / "a.png").shape == (size[1], size[0], 3)


def test_images_of_every_mode_become_rgb(tmp_path: Path) -> None:
    grey = np.tile(np.arange(0, 256, 16, dtype=np.uint8), (16, 1))
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), np.repeat(grey[..., None], 3, axis=2))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert np.array_equal(read_image(tmp_path / "deep.png"), np.repeat(grey[..., None], 3, axis=2))
    Image.new("RGBA", (4, 4), (100, 0, 0, 51)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png")[0, 0].tolist() == [224, 204, 204]  # 0.2 * colour + 0.8 * white
    Image.new("LA", (4, 4), (100, 0)).save(tmp_path / "la.png")
    assert read_image(tmp_path / "la.png")[0, 0].tolist() == [255, 255, 255]
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    assert read_image(tmp_path / "print.jpg").shape == (4, 4, 3)
    Image.new("1", (4, 4), 1).save(tmp_path / "bits.png")
    assert read_image(tmp_path / "bits.png").max() == 255


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter clockwise for display
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (20, 10, 3)


# -- bad input ---------------------------------------------------------------------------------------------------
def make_bad(tmp_path: Path, kind: str) -> Path:
    """A bad video of a kind; returns its path."""
    path = tmp_path / {"png": "a.png", "truncated png": "a.png", "gif": "a.gif", "text": "a.txt"}.get(kind, "a.mp4")
    if kind == "empty file":
        path.touch()
    elif kind in ("noise", "png", "gif", "text"):
        path.write_bytes(bytes(range(256)) * 20)
    elif kind == "truncated":
        encode(path, moving_square(40), "libx264", "yuv420p")
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "truncated png":
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:4000])
    elif kind == "sound":
        sound_only(path)
    elif kind == "empty folder":
        path = tmp_path / "frames"
        path.mkdir()
    elif kind == "sizes":
        path = tmp_path / "frames"
        write_frames(path, [*moving_square(2, 16, 16), *moving_square(1, 16, 20)])
    return path


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("missing", MissingInputError, "does not exist"),
        ("empty file", CorruptVideoError, "empty file"),
        ("noise", CorruptVideoError, "cannot be decoded at frame 0"),
        ("truncated", CorruptVideoError, "cannot be decoded"),
        ("sound", CorruptVideoError, "no video stream, only sound"),
        ("png", CorruptVideoError, "cannot be read as an image"),
        ("truncated png", CorruptVideoError, "cannot be read as an image"),
        ("gif", CorruptVideoError, "cannot be decoded"),
        ("empty folder", MissingInputError, "no .png or .jpg frames"),
        ("sizes", CorruptVideoError, "frame 2 is 20x16, but the first one is 16x16"),
        ("text", UsageError, "is no video"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, kind: str, error: type[SuiteError], says: str) -> None:
    path = make_bad(tmp_path, kind)
    with pytest.raises(error) as caught:
        list(open_video(path))
    assert says in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_file_cut_in_the_middle_of_its_frames_is_corrupt(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(30)]
    path = encode(tmp_path / "a.mp4", frames, "libx264", "yuv420p")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 3000
    data[start : start + 20000] = bytes(20000)
    path.write_bytes(data)
    with pytest.raises(CorruptVideoError, match=r"a\.mp4"):
        list(open_video(path))


# -- order -------------------------------------------------------------------------------------------------------
@given(st.lists(st.integers(0, 10**6), unique=True), st.text("abc_-", max_size=3))
def test_natural_order_is_the_order_of_numbers(numbers: list[int], stem: str) -> None:
    names = [f"{stem}{n}.png" for n in sorted(numbers)]
    assert sorted(sorted(names), key=natural_key) == names


@given(st.lists(st.text(max_size=6), max_size=8))
def test_natural_order_does_not_depend_on_the_order_given(names: list[str]) -> None:
    other = names[::-1]
    assert sorted(names, key=natural_key) == sorted(other, key=natural_key)


# -- writing -----------------------------------------------------------------------------------------------------
def test_frames_are_lossless(tmp_path: Path) -> None:
    frames = moving_square(3, 17, 23)
    assert write_frames(tmp_path / "out", iter(frames)) == 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["000000.png", "000001.png", "000002.png"]
    assert np.array_equal(np.stack(list(open_video(tmp_path / "out"))), np.stack(frames))
    assert write_frames(tmp_path / "out", frames[:1]) == 1  # our own frames are replaced ...
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        write_frames(tmp_path, moving_square(2))
    assert (tmp_path / "thesis.tex").exists()


def test_frames_appear_only_when_complete(tmp_path: Path) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield from moving_square(2)
        raise KeyError

    with pytest.raises(KeyError):
        write_frames(tmp_path / "out", broken())
    with pytest.raises(KeyError):
        write_mp4(tmp_path / "out.mp4", broken(), 25)
    assert list(tmp_path.iterdir()) == []


def test_mp4_carries_its_provenance_and_is_the_same_each_time(tmp_path: Path) -> None:
    frames = moving_square(10)
    for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4"):
        assert write_mp4(tmp_path / name, iter(frames), 29.97, {"run": "tps/quick", "frame": 0}) == 10
    assert len({(tmp_path / name).read_bytes() for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4")}) == 1
    assert read_mp4_metadata(tmp_path / "a.mp4") == '{"frame":0,"run":"tps/quick"}'
    video = probe(tmp_path / "a.mp4")
    assert (video.size, video.n_frames) == ((32, 32), 10)
    assert video.fps == pytest.approx(29.97, abs=1e-3)
    assert all(close(a, b) for a, b in zip(video, frames, strict=True))


def test_mp4_keeps_flat_colours(tmp_path: Path) -> None:
    frames = [np.full((16, 16, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 200, 30), (20, 30, 240))]
    write_mp4(tmp_path / "a.mp4", frames, 25)
    for read, true in zip(open_video(tmp_path / "a.mp4"), frames, strict=True):
        assert np.abs(read.astype(int) - true).max() <= 6


def test_odd_sizes_are_padded_by_repeating_the_edge(tmp_path: Path) -> None:
    frames = moving_square(3, 31, 45)
    write_mp4(tmp_path / "a.mp4", frames, 25)
    video = open_video(tmp_path / "a.mp4")
    assert video.size == (32, 46)
    assert close(next(iter(video))[:31, :45], frames[0])


@pytest.mark.parametrize("side", [64, 256])
def test_label_is_seen_and_small(tmp_path: Path, side: int) -> None:
    frames = [np.full((side, side, 3), 120, np.uint8)] * 2
    write_mp4(tmp_path / "a.mp4", frames, 25, label="synthetic")
    changed = np.abs(next(iter(open_video(tmp_path / "a.mp4"))).astype(int) - 120).max(axis=-1) > 40
    assert 20 < changed.sum() < 0.12 * side * side
    assert not changed[: side * 3 // 4].any()


def test_no_frames_and_changing_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="no frames"):
        write_mp4(tmp_path / "a.mp4", [], 25)
    with pytest.raises(GenerationError, match="frame 1"):
        write_mp4(tmp_path / "a.mp4", [*moving_square(1, 16, 16), *moving_square(1, 16, 18)], 25)
    assert list(tmp_path.iterdir()) == []
