"""Every known defect, planted in a miniature, is found by verify with the right clip named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import miniatures as mini
import numpy as np
import pytest
from helpers import errors, silent
from PIL import Image

from datasets.annotation_write import note_writer
from datasets.annotations import write_annotations
from datasets.errors import MissingInputError
from datasets.files import atomic_path
from datasets.provenance import maker
from datasets.store.card import RealSpec
from datasets.store.dataset import StoreDataset
from datasets.store.items import Finding, Options
from datasets.store.manifest import Manifest, clip_id, read_manifest
from datasets.store.prepare import ANNOTATIONS, prepare
from datasets.store.verify import verify

N = 12
Shrink = Callable[[str], RealSpec]


def name(i: int, person: int | None = None) -> str:
    """Official name of clip ``i`` of a miniature of the FOMM family."""
    who = "" if person is None else f"id{person}#"
    return f"{who}{mini.youtube(i)}#000000#{N:06d}"


def found(card: RealSpec, folder: Path, crop: str = "") -> list[Finding]:
    """Findings of verify after an import."""
    prepare(card, folder, Options(crop=crop), silent)
    return verify(card, silent)


def has(findings: list[Finding], mark: str, clip: str, words: str) -> bool:
    """Whether a finding with this level and check names the clip and says the words."""
    return any(
        f"{f.level}{f.check}" == mark and clip in (f.clip, clip_id(f.clip)) and words in f.message for f in findings
    )


# -- defects of the official files ---------------------------------------------------------------------------------
def test_duplicate_rows_of_the_metadata(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("voxceleb"), mini.fomm(tmp_path / "o", "png", N, person=True)
    rows = [(mini.youtube(i), 0, N, "train" if i < 3 else "test") for i in (0, 1, 1, 3)]
    mini.metadata(folder / "vox-metadata.csv", rows, person="id10001")
    assert has(found(card, folder), "E4", clip_id(name(1, 10001)), "2 rows")


def test_a_clip_in_both_splits(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", "png", N)
    shutil.copytree(folder / "train" / name(0), folder / "test" / name(0))
    findings = found(card, folder)
    assert has(findings, "E4", clip_id(name(0)) + "-test", "same video and range")
    assert has(findings, "E5", clip_id(name(0)) + "-test", f"source video {mini.youtube(0)}")
    assert len(read_manifest(card.root).rows) == 6


def test_the_same_pixels_under_another_name(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", "png", N)
    shutil.rmtree(folder / "test" / name(4))
    shutil.copytree(folder / "train" / name(0), folder / "test" / name(4))
    assert has(found(card, folder), "E4", clip_id(name(4)), f"same pixels as {clip_id(name(0))} (train)")


def test_a_compressed_copy_looks_alike(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", "png", N)
    shutil.rmtree(folder / "test" / name(4))
    mini.write_clip(folder / "test" / name(4), mini.figure(0, N).rgb, "mp4")
    findings = found(card, folder)
    assert has(findings, "W4", clip_id(name(4)), f"looks like that of the training clip {clip_id(name(0))}")
    assert not has(findings, "W4", clip_id(name(3)), "")


def test_a_person_in_both_splits(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("voxceleb"), mini.fomm(tmp_path / "o", "png", N, person=True)
    (folder / "test" / name(3, 10003)).rename(folder / "test" / name(3, 10001))
    findings = found(card, folder)
    assert has(findings, "E5", clip_id(name(3, 10001)), "person id10001 is in train and test")
    assert any(f.check == 5 and "voxceleb:person-disjoint" in f.remedy for f in findings)


def test_unpadded_frame_numbers(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("iper"), mini.iper(tmp_path / "o", padded=False)
    findings = found(card, folder)
    assert {f.clip for f in findings if f.check == 8} == {"001-1-1", "002-1-1", "001-2-2", "003-1-2"}
    frame = read_manifest(card.root).root / "frames/001-1-1/000009.png"
    ten = np.asarray(Image.open(folder / "images_HD/001/1/1/9.jpg").resize((64, 64)))
    assert np.abs(np.asarray(Image.open(frame)).astype(int) - ten).mean() < 12  # number 9, not the tenth by text


def test_iuv_as_colours_or_through_a_lossy_codec(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("tiktok"), mini.tiktok(tmp_path / "o")
    parts = folder / "TikTok_dataset" / "00002" / "densepose"
    for file in sorted(parts.glob("*.png")):  # went through JPEG, and was saved as PNG again
        Image.open(file).save(file.with_suffix(".jpg"), quality=90)
        Image.open(file.with_suffix(".jpg")).save(file)
        file.with_suffix(".jpg").unlink()
    for file in sorted((folder / "TikTok_dataset" / "00336" / "densepose").glob("*.png")):
        Image.open(file).save(file.with_suffix(".jpg"))
        file.unlink()
    findings = found(card, folder)
    assert has(findings, "E11", "00002", "lossy codec") and has(findings, "E11", "00336", "lossy format")
    assert not has(findings, "E11", "00001", "")


def test_a_wrong_frame_rate(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("voxceleb"), mini.fomm(tmp_path / "o", "mp4", N, person=True)
    mini.write_clip(folder / "train" / name(1, 10001), mini.figure(1, N).rgb, "mp4", fps=30)
    findings = found(card, folder)
    assert {f.clip for f in findings if f.check == 6} == {clip_id(name(1, 10001))}
    assert has(findings, "E6", clip_id(name(1, 10001)), "30 frames per second")


def test_the_table_says_another_rate_than_the_file(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", "mp4", N)
    mini.metadata(folder / "taichi-metadata.csv", [(mini.youtube(2), 0, N, "train")], fps=59.94)
    assert has(found(card, folder), "E6", clip_id(name(2)), "official list says 59.94")


def test_a_truncated_video(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", "mp4", N)
    file = folder / "train" / f"{name(0)}.mp4"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    mini.write_clip(folder / "train" / name(1), mini.figure(1, N - 3).rgb, "mp4")
    findings = found(card, folder)
    assert has(findings, "E1", clip_id(name(0)), "left out") and has(
        findings, "E1", clip_id(name(1)), "cut short: 9 of 12"
    )
    assert len(read_manifest(card.root).rows) == 4


@pytest.mark.parametrize("form", ["mp4", "png"])
def test_a_zero_byte_file(shrink: Shrink, tmp_path: Path, form: str) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", form, N)
    path = folder / "test" / (f"{name(4)}.mp4" if form == "mp4" else f"{name(4)}/000005.png")
    path.write_bytes(b"")
    assert has(found(card, folder), "E1", clip_id(name(4)), "empty file")


def test_different_sizes_inside_a_clip_and_between_clips(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", "png", N)
    Image.new("RGB", (30, 48)).save(folder / "train" / name(0) / "000003.png")
    for file in (folder / "train" / name(1)).glob("*.png"):
        Image.open(file).resize((96, 96)).save(file)
    findings = found(card, folder)
    assert has(findings, "E2", clip_id(name(0)), "frame 3") and has(findings, "E2", clip_id(name(1)), "came as 96x96")
    assert not has(findings, "E2", clip_id(name(2)), "")


def test_missing_pairs(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("iper"), mini.iper(tmp_path / "o")
    shutil.rmtree(folder / "images_HD/003/1/2")
    findings = found(card, folder)
    assert has(findings, "E10", "003-1-2", "iper-cross@1 names it")
    assert (card.root / "missing.csv").read_text() == 'split,name\ntest,"003/1/2"\n'


def test_repeated_frozen_and_empty_frames(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", "png", N)
    frames = mini.figure(0, N).rgb
    for i, bad in ((0, np.repeat(frames[::2], 2, 0)), (1, np.repeat(frames[:1], N, 0))):
        mini.write_images(folder / "train" / name(i), bad)
    Image.new("RGB", (48, 48), (7, 7, 7)).save(folder / "train" / name(2) / "000004.png")
    findings = found(card, folder)
    assert has(findings, "W1", clip_id(name(0)), "repeat the one before") and has(
        findings, "W1", clip_id(name(1)), "frozen"
    )
    assert has(findings, "E1", clip_id(name(2)), "one colour, the first is frame 4")


def test_names_lengths_and_counts(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("taichi"), mini.fomm(tmp_path / "o", "png", N)
    (folder / "train" / name(0)).rename(folder / "train" / "my holiday")
    mini.write_images(folder / "train" / f"{mini.youtube(7)}#000000#000003", mini.figure(7, 3).rgb)
    findings = found(card, folder)
    assert has(findings, "E8", "my-holiday", "'my holiday'")
    assert has(findings, "E1", clip_id(f"{mini.youtube(7)}#000000#000003"), "too short: 3 frame(s)")
    counts = next(f for f in findings if f.check == 3)
    assert "3/2" in counts.message and "2927/253 (MRAA" in counts.message


def test_label_maps_that_are_missing_or_of_another_size(shrink: Shrink, tmp_path: Path) -> None:
    card, folder = shrink("cihp"), mini.cihp(tmp_path / "o")
    (folder / "Training/Human_ids/0000001.png").unlink()
    Image.new("L", (9, 9)).save(folder / "Training/Category_ids/0000002.png")
    (folder / "Training/Human_ids/0000003.png").write_bytes(b"")
    findings = found(card, folder)
    assert has(findings, "E11", "0000001", "no file in Human_ids") and has(findings, "E11", "0000003", "damaged")
    assert has(findings, "E11", "0000002-person1", "different sizes")
    card, folder = shrink("mhp"), mini.mhp(tmp_path / "m")
    (folder / "LV-MHP-v2/train/parsing_annos/2_02_01.png").unlink()
    assert has(found(card, folder), "E11", "2", "1 of 2 label maps")


# -- defects of the store --------------------------------------------------------------------------------------------
@pytest.fixture
def store(shrink: Shrink, tmp_path: Path) -> Manifest:
    """A prepared miniature without errors."""
    card = shrink("taichi")
    prepare(card, mini.fomm(tmp_path / "o", "png", N), Options(), silent)
    assert errors(verify(card, silent)) == []
    return read_manifest(card.root)


def checked(shrink: Shrink) -> list[Finding]:
    return verify(shrink("taichi"), silent)


def test_stored_frames_that_changed_or_are_gone(store: Manifest, shrink: Shrink) -> None:
    rows = [row.clip_id for row in store.rows]
    frames = [store.root / "frames" / clip for clip in rows]
    Image.fromarray(np.roll(np.asarray(Image.open(frames[0] / "000003.png")), 1)).save(frames[0] / "000003.png")
    (frames[1] / "000003.png").unlink()
    (frames[2] / "000003.png").write_bytes(b"")
    (frames[3] / "000003.png").write_bytes((frames[3] / "000003.png").read_bytes()[:200])
    Image.open(frames[4] / "000003.png").convert("L").save(frames[4] / "000003.png")
    findings = checked(shrink)
    assert has(findings, "E12", rows[0], "changed since") and has(findings, "E1", rows[1], "11 frames are in the store")
    assert has(findings, "E1", rows[2], "empty file") and has(findings, "E1", rows[3], "cannot be read")
    assert has(findings, "E2", rows[4], "64x64 L, expected 64x64 RGB")


def test_annotations_in_the_wrong_order_lossy_or_out_of_range(store: Manifest, shrink: Shrink) -> None:
    rows = [row.clip_id for row in store.rows]
    places = [store.root / ANNOTATIONS / clip for clip in rows]
    iuv = mini.figure(0, N, (64, 64)).iuv
    many = iuv.copy()
    many[:, 30:40, 30:40, 0] = np.arange(1, 11)[:, None]  # more than five parts
    _raw(places[0] / "iuv.npz", many[..., ::-1])
    lossy = many.copy()
    lossy[:, 0:9, 0:9, 1:] = 3
    write_annotations(places[1], "iuv", lossy)
    points = np.ones((N, 135, 3), np.float32)
    points[4, 7, 0] = 400
    write_annotations(places[2], "keypoints", points)
    (places[3]).mkdir(parents=True)
    (places[3] / "iuv.mp4").write_bytes(b"x")
    write_annotations(places[4], "parsing20", np.ones((N - 1, 64, 64), np.uint8))
    findings = checked(shrink)
    assert has(findings, "E11", rows[0], "parts are in channel 2") and has(findings, "E11", rows[1], "lossy codec")
    assert has(findings, "E11", rows[2], "1 key points lie far outside") and has(
        findings, "E11", rows[3], "lossy format"
    )
    assert has(findings, "E11", rows[4], "T = 12")
    assert has(findings, "E11", rows[0], "clips have no keypoints")


def test_annotations_that_changed_or_come_from_several_annotators(store: Manifest, shrink: Shrink) -> None:
    about = {"version": "1", "weights": "", "licence": "MIT"}
    for i, row in enumerate(store.rows):
        name = "one" if i else "other"
        folder = store.root / ANNOTATIONS / row.clip_id
        with note_writer(folder, "mask", N, (64, 64), {**about, "annotator": name, "clip": row.clip_id}) as writer:
            for _ in range(N):
                writer.add(np.eye(64, dtype=np.uint8))
    findings = checked(shrink)
    many, few = (maker(name, "1", "", {}) for name in ("one", "other"))
    assert [f.message for f in findings if f.check == 11 and f.level == "E"] == [
        f"mask comes from 2 annotators ({many}: 4 clips, {few}: 1 clips)"
    ]
    data = StoreDataset(shrink("taichi"), "", "tiny")
    assert "mask" not in data.clips("test")[0].kinds and "2 annotators" in data.findings()[-1]
    other = store.root / ANNOTATIONS / store.rows[1].clip_id
    with note_writer(other.parent / "x", "mask", N, (64, 64), {**about, "annotator": "x", "clip": "x"}) as writer:
        for _ in range(N):
            writer.add(np.ones((64, 64), np.uint8))
    (other.parent / "x" / "mask.npz").replace(other / "mask.npz")
    assert has(checked(shrink), "E11", store.rows[1].clip_id, "changed since they were made")


def _raw(path: Path, array: np.ndarray) -> None:
    """Write what write_annotations would refuse."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, data=array)


def test_pairs_that_cannot_be(store: Manifest, shrink: Shrink) -> None:
    test = [row.clip_id for row in store.rows if row.split == "test"]
    train = next(row.clip_id for row in store.rows if row.split == "train")
    lines = [
        "pair_id,source_clip,source_frame,driving_clip,start,stop,gt_clip",
        f"a,{test[0]},0,gone,0,12,",
        f"b,{test[0]},0,{train},0,12,",
        f"c,{test[0]},0,{test[0]},0,12,",
        f"d,{test[0]},99,{test[1]},0,13,",
    ]
    (store.root / "pairs").mkdir(exist_ok=True)
    (store.root / "pairs" / "own@1.csv").write_text("\n".join(lines) + "\n")
    findings = checked(shrink)
    assert has(findings, "E10", "gone", "pair a of own@1") and has(findings, "E10", train, "it is in train")
    assert has(findings, "E10", test[0], "cross pair of one person") and has(findings, "E10", test[0], "names frame 99")
    assert has(findings, "E10", test[1], "frames 0 to 12 of it, it has 12")


@pytest.mark.slow
def test_faces_need_a_detector_or_are_counted(store: Manifest, shrink: Shrink) -> None:
    try:
        import facenet_pytorch  # noqa: F401
    except ImportError:
        with pytest.raises(MissingInputError, match=r"facenet.pytorch"):
            verify(shrink("taichi"), silent, people=True)
        return
    faceless = [f for f in verify(shrink("taichi"), silent, people=True) if f.check == 9]
    assert {f.clip for f in faceless} == {row.clip_id for row in store.rows}  # drawn figures have no faces
