"""``bench animate`` and the Python interface: inputs of every kind, outputs, labels, annotations."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import bench
from bench.cli import main
from bench.data import export_clip
from datasets.files import canonical_json
from datasets.video import open_video
from datasets.video_write import read_mp4_metadata, write_frames, write_mp4

RNG = np.random.default_rng(7)


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    smooth = cv2.resize(RNG.integers(0, 255, (5, 4, channels), dtype=np.uint8), (width, height))
    return smooth.reshape(height, width, channels)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "drive.mp4"
    write_mp4(path, [picture(48, 48) for _ in range(5)], 12.5)
    return path


def animate(*args: str) -> int:
    return main(["animate", "--method", "copy-driving", "--device", "cpu", *args])


def test_mp4_with_provenance_and_a_label(tmp_path: Path, video: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), picture(48, 48))
    common = ("--source", str(tmp_path / "photo.png"), "--driving", str(video), "--size", "64")
    assert animate(*common, "--out", str(tmp_path / "marked.mp4")) == 0
    assert animate(*common, "--out", str(tmp_path / "plain.mp4"), "--no-label") == 0
    marked, plain = (np.stack(list(open_video(tmp_path / f"{n}.mp4"))) for n in ("marked", "plain"))
    assert marked.shape == plain.shape == (5, 64, 64, 3)
    assert open_video(tmp_path / "marked.mp4").fps == pytest.approx(12.5)
    difference = np.abs(marked.astype(int) - plain)
    assert difference[:, 48:].max() > 60 and difference[:, :32].max() < 25
    about = json.loads(read_mp4_metadata(tmp_path / "marked.mp4"))
    assert about["generated"] is True and about["method"] == "copy-driving" and about["driving"] == "drive.mp4"
    assert str(tmp_path) not in canonical_json(about)


@pytest.mark.parametrize("name", ["grey.png", "rgba.png", "odd.png", "photo.jpg"])
def test_photos_of_every_kind(tmp_path: Path, video: Path, name: str) -> None:
    shapes = {"grey.png": (48, 48, 1), "rgba.png": (48, 48, 4), "odd.png": (37, 51, 3), "photo.jpg": (48, 30, 3)}
    cv2.imwrite(str(tmp_path / name), picture(*shapes[name]))
    out = tmp_path / "out"
    assert animate("--source", str(tmp_path / name), "--driving", str(video), "--out", str(out), "--size", "32") == 0
    assert sorted(p.name for p in out.iterdir()) == [f"{i:06d}.png" for i in range(5)]
    assert cv2.imread(str(out / "000000.png")).shape == (32, 32, 3)


def test_a_folder_of_frames_comes_out_lossless(tmp_path: Path) -> None:
    frames = np.stack([picture(64, 64) for _ in range(3)])
    write_frames(tmp_path / "in", frames)
    cv2.imwrite(str(tmp_path / "photo.png"), frames[0])
    source, driving, out = tmp_path / "photo.png", tmp_path / "in", tmp_path / "out"
    assert animate("--source", str(source), "--driving", str(driving), "--out", str(out), "--size", "64") == 0
    made = [cv2.imread(str(p))[..., ::-1] for p in sorted(out.iterdir())]
    assert np.array_equal(made, frames)


def test_one_frame_of_odd_size(tmp_path: Path) -> None:
    write_mp4(tmp_path / "one.mp4", [picture(33, 47)], 25)
    cv2.imwrite(str(tmp_path / "photo.png"), picture(33, 47))
    out = tmp_path / "out.mp4"
    source = str(tmp_path / "photo.png")
    assert animate("--source", source, "--driving", str(tmp_path / "one.mp4"), "--out", str(out), "--size", "33") == 0
    assert len(list(open_video(out))) == 1


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"--source": "nowhere.png"}, 3, "nowhere.png does not exist"),
        ({"--driving": "nowhere.mp4"}, 3, "nowhere.mp4 does not exist"),
        ({"--out": "out.avi"}, 2, "out.avi"),
        ({"--mode": "sideways"}, 2, "no mode 'sideways'"),
        ({"--source": "toy-world:test-9"}, 3, "test-9"),
        ({"--driving": "toy-world:test-0@999"}, 2, "no frame 999"),
        ({"--device": "abacus"}, 2, "abacus"),
    ],
)
def test_wrong_inputs_get_one_sentence(
    toys: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, change: dict[str, str], status: int, words: str
) -> None:
    out = str(tmp_path / "out.mp4")
    options = {"--source": "toy-world:test-0", "--driving": "toy-world:test-1", "--out": out, "--size": "32"} | change
    args = [part for item in options.items() for part in item]
    assert main(["animate", "--method", "copy-driving", *args]) == status
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error
    assert not (tmp_path / "out.mp4").exists()


# -- annotations -------------------------------------------------------------------------------------------------
@pytest.fixture
def toy_checkpoint(tmp_path: Path, toys: Path) -> Path:
    """Untrained networks of the toy method, which needs key points."""
    from bench.checkpoints import SCHEMA, config_of, models_of, save_checkpoint
    from bench.testing.toy import ToyConfig
    from bench.testing.toy_method import Toy

    method = Toy(ToyConfig())
    path = tmp_path / "toy.pt"
    state = {"schema": SCHEMA, "method": "toy", "config": config_of(method), "models": models_of(method), "size": 64}
    save_checkpoint(path, state)
    return path


def test_exported_annotations_give_what_the_clip_gives(tmp_path: Path, toy_checkpoint: Path) -> None:
    count, kinds = export_clip("toy-world:test-1", tmp_path / "drive", None, "tiny", "exact")
    export_clip("toy-world:test-0@0", tmp_path / "photo", ["keypoints"], "tiny", "exact")
    assert count == 24 and "keypoints" in kinds
    animator = bench.load_method("toy", toy_checkpoint, device="cpu")
    named = list(animator.animate("toy-world:test-0@0", "toy-world:test-1", preset="tiny"))
    filed = animator.animate(
        tmp_path / "photo" / "frames" / "000000.png",
        tmp_path / "drive" / "frames",
        source_annotations=tmp_path / "photo" / "annotations",
        driving_annotations=tmp_path / "drive" / "annotations",
    )
    assert len(named) == 24 and np.array_equal(named, list(filed))


def test_an_absent_kind_is_named(tmp_path: Path, toy_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_clip("toy-world:test-1", tmp_path / "drive", ["mask"], "tiny", "exact")
    frames, notes = tmp_path / "drive" / "frames", tmp_path / "drive" / "annotations"
    common = ["animate", "--method", "toy", "--checkpoint", str(toy_checkpoint), "--out", str(tmp_path / "o.mp4")]
    assert main([*common, "--source", str(frames / "000000.png"), "--driving", str(frames)]) == 3
    assert "'keypoints'" in capsys.readouterr().err
    named = ["--source", "toy-world:test-0", "--driving", str(frames), "--driving-annotations", str(notes)]
    assert main([*common, *named]) == 3
    error = capsys.readouterr().err
    assert "'keypoints'" in error and "--driving-annotations" in error


# -- Python ------------------------------------------------------------------------------------------------------
def test_arrays_go_in_and_frames_come_out() -> None:
    animator = bench.load_method("copy-source", device="cpu")
    photo = picture(32, 32)
    made = list(animator.animate(photo, np.zeros((4, 32, 32, 3), np.uint8), size=32))
    assert len(made) == 4 and all(np.array_equal(frame, photo) for frame in made)
    with pytest.raises(bench.UsageError, match="float64"):
        next(animator.animate(photo / 255.0, np.zeros((1, 32, 32, 3), np.uint8)))


def test_a_checkpoint_must_fit_the_method(tmp_path: Path, toy_checkpoint: Path) -> None:
    with pytest.raises(bench.UsageError, match="'toy', not of 'tps'"):
        bench.load_method("tps", toy_checkpoint, device="cpu")
    with pytest.raises(bench.UsageError, match="needs --checkpoint"):
        bench.load_method("tps")
    with pytest.raises(bench.MissingInputError, match="does not exist"):
        bench.load_method("tps", tmp_path / "none.pt")
