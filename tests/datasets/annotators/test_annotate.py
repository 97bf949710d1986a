"""Annotating a folder and a store: end to end, going on after a kill, and never mixing what two annotators say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from datasets.annotations import present_kinds, read_annotations, write_annotations
from datasets.annotators.base import Annotator
from datasets.annotators.cards import CARDS, ROLES, chosen, load
from datasets.annotators.run import Done, annotate
from datasets.base import Array
from datasets.errors import MissingInputError, UsageError
from datasets.folder import FolderDataset
from datasets.footage import Footage
from datasets.video_write import write_frames

ROOT = Path(__file__).resolve().parents[3]
N, H, W = 10, 40, 56


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


def scene(seed: int, n: int = N) -> tuple[list[Array], Array]:
    """Frames of a square that crosses a fixed textured wall, and where the square is (T, H, W) uint8."""
    rng = np.random.default_rng(seed)
    wall = rng.integers(0, 255, (H, W, 3), dtype=np.uint8)
    frames, masks = [], np.zeros((n, H, W), np.uint8)
    for t in range(n):
        x = 4 * t
        masks[t, 10:30, x : x + 12] = 1
        frames.append(np.where(masks[t][..., None] > 0, np.array([255, 0, 0], np.uint8), wall))
    return frames, masks


def videos(folder: Path, clips: int = 3) -> Path:
    for i in range(clips):
        write_frames(folder / f"clip{i}", scene(i)[0])
    return folder


def footage(folder: Path) -> list[Footage]:
    return list(FolderDataset(str(folder), "quick").footage())


def run(clips: list[Footage], *annotators: Annotator, replace: bool = False) -> list[Done]:
    return annotate(clips, annotators, lambda *_: None, lambda _: nullcontext(), replace)


def loaded(name: str, **settings: object) -> Annotator:
    annotator = load(next(card for card in CARDS if card.name == name))
    annotator.settings = {**annotator.settings, **settings}
    return annotator


# -- end to end ----------------------------------------------------------------------------------------------------
def test_a_folder_is_annotated_and_the_data_set_finds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = videos(tmp_path / "videos")
    before = sorted(p.name for p in folder.rglob("*"))
    plain = FolderDataset(str(folder), "quick")
    assert main(["data", "annotate", f"folder:{folder}", "--with", "background,flow=dis"]) == 0
    said = capsys.readouterr()
    assert "median-telea clip0: annotated, 10 frames; person: not found" in said.out and "100 %" not in said.out
    assert "annotations: " in said.out and sorted(p.name for p in folder.rglob("*")) == before  # nothing beside videos
    data = FolderDataset(str(folder), "quick")
    assert data.spec.kinds == {"background", "flow", "occlusion"} and data.slug == plain.slug
    assert data.fingerprint("train") != plain.fingerprint("train")
    clip = data.clips("test")[0]
    assert clip.kinds >= {"background", "flow", "occlusion"}
    read = clip.read([0, len(clip) - 1], frozenset({"background", "flow"})).annotations
    assert read["background"].shape == (2, 64, 64, 3) and read["flow"].shape == (2, 64, 64, 2)
    assert main(["data", "annotate", f"folder:{folder}", "--with", "background", "--json"]) == 0
    assert {row["state"] for row in json.loads(capsys.readouterr().out)} == {"kept"}


def test_a_moved_video_keeps_its_annotations_and_another_one_has_none(tmp_path: Path) -> None:
    folder = videos(tmp_path / "videos", 2)
    run(footage(folder), loaded("dis"))
    folder.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "clip0").rename(tmp_path / "elsewhere" / "renamed")
    write_frames(tmp_path / "elsewhere" / "clip9", scene(9)[0])
    kinds = {clip.id: clip.folder_of("flow") is not None for clip in footage(tmp_path / "elsewhere")}
    assert kinds == {"clip1": True, "clip9": False, "renamed": True}


def test_the_synthetic_world_is_not_annotated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "annotate", "synthetic", "--with", "background"]) == 2
    assert "come with it" in capsys.readouterr().err


def test_what_is_missing_is_named_with_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = videos(tmp_path / "videos", 1)
    os.environ.pop("BENCH_WEIGHTS", None)
    assert main(["data", "annotate", f"folder:{folder}", "--with", "parsing"]) == 3
    said = capsys.readouterr().err
    assert "the weights schp-lip" in said and "bench weights add FILE --as schp-lip" in said
    assert main(["data", "annotate", f"folder:{folder}", "--with", "mask"]) == 3
    assert "labels-mask needs iuv or parsing20 or parsing6 of every clip" in capsys.readouterr().err


def test_a_broken_video_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    folder = videos(tmp_path / "videos", 2)
    (folder / "broken.mp4").write_bytes(b"no video at all")
    (folder / "clip1" / "000003.png").write_bytes(b"")
    done = {each.clip: each for each in run(footage(folder), loaded("dis"))}
    assert {clip: each.state for clip, each in done.items()} == {
        "broken": "left out",
        "clip0": "annotated",
        "clip1": "left out",
    }
    assert "broken.mp4" in done["broken"].reason and "000003.png" in done["clip1"].reason


# -- going on ------------------------------------------------------------------------------------------------------
def test_a_killed_run_loses_at_most_one_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = videos(tmp_path / "videos", 4)
    code = (
        "import os, sys, bench.annotate as a\n"
        "class Kill:\n"
        "    def __call__(self, done, total, what):\n"
        "        if done == 25: os.kill(os.getpid(), 9)\n"  # in the middle of the third clip
        "a.annotate_dataset('folder:' + sys.argv[1], ['flow=dis'], 'cpu', False, Kill())\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert sum(clip.folder_of("flow") is not None for clip in footage(folder)) == 2
    third = footage(folder)[2].folder
    assert any(third.glob(".tmp-*")) and not present_kinds(third)
    assert main(["data", "annotate", f"folder:{folder}", "--with", "flow=dis", "--json"]) == 0
    states = [row["state"] for row in json.loads(capsys.readouterr().out)]
    assert states == ["kept", "kept", "annotated", "annotated"]
    assert not any(third.glob(".tmp-*"))
    alone = run([Footage("b", tmp_path / "b", lambda: scene(2)[0])], loaded("dis"))
    assert alone[0].state == "annotated"
    for kind in ("flow", "occlusion"):  # what was gone on with is what one run makes
        assert np.array_equal(read_annotations(third, [kind])[kind], read_annotations(tmp_path / "b", [kind])[kind])


def test_two_processes_do_not_write_one_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = videos(tmp_path / "videos", 1)
    place = footage(folder)[0].folder
    code = "import sys, time; from pathlib import Path; from bench.locks import folder_lock\n"
    code += "with folder_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code, str(place)], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        assert main(["data", "annotate", f"folder:{folder}", "--with", "flow=dis"]) == 2
        assert f"in use by process {other.pid}" in capsys.readouterr().err
    finally:
        other.kill()
        other.wait()
    begun = time.monotonic()
    assert main(["data", "annotate", f"folder:{folder}", "--with", "flow=dis"]) == 0 and time.monotonic() - begun < 30


# -- mixing --------------------------------------------------------------------------------------------------------
def test_annotators_are_not_mixed_silently(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = videos(tmp_path / "videos")
    clips = footage(folder)
    run(clips[:2], loaded("dis"))
    other = loaded("dis", preset="fast")
    with pytest.raises(UsageError, match="2 of 3 clips have flow from elsewhere: clip0 from dis 1") as caught:
        run(clips, other)
    assert "--replace" in caught.value.hint and clips[2].folder_of("flow") is None
    run(clips[2:], other)
    data = FolderDataset(str(folder), "quick")
    assert "flow" not in data.spec.kinds and "flow" not in data.clips("train")[0].kinds
    assert any("flow comes from 2 annotators" in line and "--with flow --replace" in line for line in data.findings())
    assert {each.state for each in run(clips, other, replace=True)} == {"kept", "annotated"}
    assert "flow" in FolderDataset(str(folder), "quick").spec.kinds


def test_given_files_come_first_and_are_never_replaced(tmp_path: Path) -> None:
    folder = videos(tmp_path / "videos", 2)
    frames, masks = scene(0)
    write_annotations(folder / "clip0.annotations", "parsing6", masks)
    clips = footage(folder)
    with pytest.raises(MissingInputError, match="1 of 2 have none, the first is clip1"):
        run(clips, loaded("labels-mask"))
    write_annotations(folder / "clip1.annotations", "parsing6", scene(1)[1])
    done = run(clips, loaded("labels-mask"), loaded("median-telea"))
    assert done[0].facts == {"of": "parsing6"} and done[2].facts is not None and done[2].facts["person"] == "mask"
    assert np.array_equal(read_annotations(clips[0].folder, ["mask"])["mask"], masks)
    write_annotations(folder / "clip0.annotations", "mask", masks)
    for replace in (False, True):
        with pytest.raises(UsageError, match="clip0 from given files"):
            run(footage(folder), loaded("labels-mask"), replace=replace)
    assert len(frames) == N


def test_what_was_made_of_something_else_is_made_anew(tmp_path: Path) -> None:
    folder = videos(tmp_path / "videos", 1)
    clips = footage(folder)
    assert run(clips, loaded("median-telea"))[0].state == "annotated"
    write_annotations(clips[0].folder, "parsing6", scene(0)[1])
    assert [each.state for each in run(clips, loaded("labels-mask"), loaded("median-telea"))] == ["annotated"] * 2
    assert run(clips, loaded("median-telea"))[0].state == "kept"


# -- words ---------------------------------------------------------------------------------------------------------
def test_words_become_annotators_in_an_order_that_works() -> None:
    names = [card.name for card, _ in chosen(["background", "mask", "face", "parsing=schp-atr"])]
    assert names.index("schp-atr") < names.index("labels-mask") < names.index("median-telea")
    assert names.index("mtcnn") < names.index("median-telea") and len(names) == 4
    assert chosen(["mmpose@a.py@b.pth"])[0][1] == ("a.py", "b.pth")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mtccn"], "there is no annotator 'mtccn'"),
        (["depth=mtcnn"], "there is no annotation 'depth'"),
        (["face=dis"], "there is no annotator 'face=dis'"),
        (["mmpose@a.py"], "mmpose takes 2 arguments, 1 are given"),
        (["flow=dis", "flow"], "both make flow"),
    ],
)
def test_wrong_words_are_one_sentence(words: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        chosen(words)


def test_the_documentation_has_a_row_for_every_annotator() -> None:
    text = (ROOT / "docs" / "datasets" / "annotators.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for card in CARDS:
        name = "@".join([card.name, *card.arguments])
        (row,) = [row for row in rows if row.startswith(f"| {card.role} | {name} |")]
        assert f"| {card.licence} | {card.measured} |" in row
        assert all(f"`{weight}`" in row for weight in card.weights) and all(kind in row for kind in card.outputs)


def test_every_card_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    from datasets.base import KINDS
    from datasets.weights import KNOWN

    assert {"keypoints", "iuv", "parsing", "mask", "flow", "face", "background"} == set(ROLES)
    known = {weight.name for weight in KNOWN}
    for card in CARDS:
        assert set(card.outputs) <= set(KINDS) and set(card.weights) <= known and card.licence and card.measured
        module, _, attribute = card.implementation.partition(":")
        assert hasattr(__import__(module, fromlist=[attribute]), attribute)
    assert main(["data", "annotators"]) == 0
    table = capsys.readouterr().out
    assert all(card.name in table for card in CARDS) and "needs bench weights: densepose" in table
