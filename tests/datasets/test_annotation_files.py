"""Annotations written frame by frame and read again: bit by bit, without loss, and never by two makers unnoticed."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datasets.annotation_write import note_writer, remove_kind
from datasets.annotations import ENCODINGS, present_kinds, read_annotations, stream_annotation, write_annotations
from datasets.base import Array
from datasets.errors import SuiteError
from datasets.files import read_json
from datasets.provenance import GIVEN, made_by, maker, mixed, read_provenance

ABOUT: Mapping[str, Any] = {"annotator": "net", "version": "1", "weights": "ab", "licence": "MIT", "clip": "a"}
SIZE = (13, 21)


def sample(kind: str, n: int = 5, seed: int = 1) -> Array:
    encoding = ENCODINGS[kind]
    shape = (n, *({0: SIZE[0], 1: SIZE[1]}[i] if side == -1 else side for i, side in enumerate(encoding.shape)))
    rng = np.random.default_rng(seed)
    if encoding.dtype == "float32":
        return rng.normal(size=shape).astype(np.float32)
    values = rng.integers(0, 256, shape, dtype=np.uint8)
    if encoding.largest is not None and encoding.colour:
        values[..., 0] %= encoding.largest + 1
    elif encoding.largest is not None:
        values %= encoding.largest + 1
    return values


def write(folder: Path, kind: str, frames: Array, **about: Any) -> None:
    with note_writer(folder, kind, len(frames), SIZE, {**ABOUT, **about}) as writer:
        for frame in frames:
            writer.add(frame)


@pytest.mark.parametrize("kind", sorted(ENCODINGS))
def test_what_is_written_is_read_again_bit_by_bit(tmp_path: Path, kind: str) -> None:
    frames = sample(kind)
    if kind == "flow":  # stored in 1/64 pixel
        frames = np.round(frames * 64) / np.float32(64) + 0  # no negative zero
    write(tmp_path, kind, frames)
    assert present_kinds(tmp_path) == {kind}
    back = read_annotations(tmp_path, [kind], len(frames), SIZE)[kind]
    assert back.dtype == frames.dtype and back.tobytes() == frames.tobytes()
    streamed = list(stream_annotation(tmp_path, kind, len(frames), SIZE))
    assert np.stack(streamed).tobytes() == frames.tobytes()


def test_flow_is_rounded_to_the_nearest_64th_of_a_pixel(tmp_path: Path) -> None:
    frames = sample("flow") * 100
    frames[0, 0, 0] = (9000, -9000)  # beyond what int16 holds
    write(tmp_path, "flow", frames)
    back = read_annotations(tmp_path, ["flow"])["flow"]
    assert np.abs(back - frames)[1:].max() <= 1 / 128
    assert back[0, 0, 0].tolist() == [32767 / 64, -32767 / 64]


def test_iuv_says_its_order_and_labels_have_a_palette(tmp_path: Path) -> None:
    write(tmp_path, "iuv", sample("iuv"))
    write(tmp_path, "parsing20", sample("parsing20"))
    with Image.open(tmp_path / "iuv" / "000000.png") as image:
        assert image.mode == "RGB" and image.text["densepose-order"] == "IUV"  # type: ignore[attr-defined]
    with Image.open(tmp_path / "parsing20" / "000000.png") as image:
        assert image.mode == "P" and len({image.getpalette()[3 * i] for i in range(20)}) == 20  # type: ignore[index]


def test_a_still_background_is_one_picture_for_all_frames(tmp_path: Path) -> None:
    still = np.repeat(sample("background", 1), 6, axis=0)
    write(tmp_path / "still", "background", still)
    assert len(list((tmp_path / "still" / "background").iterdir())) == 1
    assert np.array_equal(read_annotations(tmp_path / "still", ["background"], 6, SIZE)["background"], still)
    moving = still.copy()
    moving[4] += 1
    write(tmp_path / "moving", "background", moving)
    assert len(list((tmp_path / "moving" / "background").iterdir())) == 6
    assert np.array_equal(read_annotations(tmp_path / "moving", ["background"], 6)["background"], moving)


@pytest.mark.parametrize("kind", ["iuv", "parsing6", "keypoints", "mask"])
def test_a_lossy_container_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"{kind}.mp4").write_bytes(b"a video")
    with pytest.raises(SuiteError, match="lossy format"):
        read_annotations(tmp_path, [kind])


def test_jpeg_frames_of_labels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "iuv").mkdir()
    Image.fromarray(sample("iuv")[0]).save(tmp_path / "iuv" / "000000.jpg")
    with pytest.raises(SuiteError, match=r"000000\.jpg is in a lossy format"):
        list(stream_annotation(tmp_path, "iuv"))


def test_a_file_that_is_cut_or_changed_is_damaged(tmp_path: Path) -> None:
    write(tmp_path, "mask", sample("mask"))
    path = tmp_path / "mask.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SuiteError, match="damaged"):
        list(stream_annotation(tmp_path, "mask"))
    with zipfile.ZipFile(path, "w") as archive, archive.open("data.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (9, *SIZE)}
        )  # nine frames are promised
        file.write(sample("mask").tobytes())
    with pytest.raises(SuiteError, match="damaged: it ends early"):
        list(stream_annotation(tmp_path, "mask"))


def test_nothing_appears_before_it_is_whole_and_another_number_of_frames_is_an_error(tmp_path: Path) -> None:
    frames = sample("iuv")
    with (
        pytest.raises(SuiteError, match="1 frames were annotated, the clip has 2"),
        note_writer(tmp_path, "iuv", 2, SIZE, ABOUT) as w,
    ):
        w.add(frames[0])
    with pytest.raises(ZeroDivisionError), note_writer(tmp_path, "mask", 1, SIZE, ABOUT) as w:
        w.add(sample("mask")[0])
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(SuiteError, match="what the annotator says is"),
        note_writer(tmp_path, "mask", 1, (4, 4), ABOUT) as w,
    ):
        w.add(sample("mask")[0])


def test_provenance_lies_beside_it_and_goes_when_other_values_come(tmp_path: Path) -> None:
    write(tmp_path, "mask", sample("mask"), facts={"of": "iuv"}, settings={"alpha": 0.5})
    known = read_provenance(tmp_path, "mask")
    assert known is not None and known.facts == {"of": "iuv"} and known.frames == 5 and known.size == SIZE
    assert made_by(tmp_path, "mask") == known.maker == maker("net", "1", "ab", {"alpha": 0.5})
    write(tmp_path, "mask", sample("mask", seed=2))
    again = read_provenance(tmp_path, "mask")
    assert again is not None and again.sha256 != known.sha256 and read_json(tmp_path / "mask.json")["weights"] == "ab"
    write_annotations(tmp_path, "mask", sample("mask"))
    assert made_by(tmp_path, "mask") == GIVEN
    remove_kind(tmp_path, "mask")
    assert list(tmp_path.iterdir()) == []


def test_the_same_values_make_the_same_bytes(tmp_path: Path) -> None:
    for kind in ("mask", "keypoints", "flow"):
        write(tmp_path / "a", kind, sample(kind))
        write(tmp_path / "b", kind, sample(kind))
        assert (tmp_path / "a" / f"{kind}.npz").read_bytes() == (tmp_path / "b" / f"{kind}.npz").read_bytes()


def test_makers_that_differ_are_counted() -> None:
    found = mixed({"mask": ["a", "a", "b"], "iuv": ["a", "a"], "face": []})
    assert found == {"mask": "mask comes from 2 annotators (a: 2 clips, b: 1 clips)"}


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    size, peaks = (120, 160), []
    for n in (20, 200):
        tracemalloc.start()
        with note_writer(tmp_path / str(n), "mask", n, size, ABOUT) as writer:
            for i in range(n):
                writer.add(np.full(size, i % 2, np.uint8))
        assert sum(int(m[0, 0]) for m in stream_annotation(tmp_path / str(n), "mask", n)) == n // 2
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 120 * 160 * 10  # ten of 180 more frames
