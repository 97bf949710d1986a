"""Every data set in every official form: imported, verified without errors, and opened as clips and pairs."""

from __future__ import annotations

import dataclasses
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import miniatures as mini
import numpy as np
import pytest
from helpers import errors, silent
from PIL import Image

from datasets.errors import MissingInputError, UsageError
from datasets.files import read_json
from datasets.store.card import CROSS, SELF, RealSpec
from datasets.store.dataset import StoreDataset
from datasets.store.items import Options
from datasets.store.manifest import read_manifest
from datasets.store.prepare import prepare
from datasets.store.verify import verify

ROOT = Path(__file__).resolve().parents[3]
META = ROOT / ".." / "shared" / "meta"


FORMS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "taichi mp4": ("taichi", lambda p: mini.fomm(p, "mp4", 12)),
    "taichi png": ("taichi", lambda p: mini.fomm(p, "png", 12)),
    "taichi png.mp4": ("taichi", lambda p: mini.fomm(p, "png.mp4", 12)),
    "taichi gif": ("taichi", lambda p: mini.fomm(p, "gif", 12)),
    "taichi strip": ("taichi", lambda p: mini.fomm(p, "strip", 12)),
    "ted png": ("ted", lambda p: mini.fomm(p, "png", 12)),
    "voxceleb mp4": ("voxceleb", lambda p: mini.fomm(p, "mp4", 12, person=True)),
    "mgif gif": ("mgif", lambda p: mini.fomm(p, "gif", 12)),
    "iper images": ("iper", lambda p: mini.iper(p)),
    "iper videos": ("iper", lambda p: mini.iper(p, "videos")),
    "solodance": ("solodance", mini.solodance),
    "fashion splits": ("fashion", lambda p: mini.fashion(p, "splits")),
    "fashion lists": ("fashion", lambda p: mini.fashion(p, "lists")),
    "fashion gfla": ("fashion", lambda p: mini.fashion(p, "gfla")),
    "tiktok": ("tiktok", mini.tiktok),
    "vip": ("vip", mini.vip),
    "cihp": ("cihp", mini.cihp),
    "mhp": ("mhp", mini.mhp),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_miniature_is_imported_verified_and_opened(
    form: str, shrink: Callable[[str], RealSpec], tmp_path: Path
) -> None:
    name, make = FORMS[form]
    card = shrink(name)
    done = prepare(card, make(tmp_path / "official"), Options(), silent)
    absent = [f"E10 {n:05d}: " for n in range(337, 341)] if name == "tiktok" else []
    found = [line for line in errors(verify(card, silent)) if not line.startswith(tuple(absent))]
    assert found == [] and done.imported == len(read_manifest(card.root).rows) >= 4
    data = StoreDataset(card, "", "tiny")
    assert all(data.clips(split) for split in ("train", "val", "test"))
    clip = data.clips("test")[0]
    frames = clip.read([0, len(clip) - 1], clip.kinds)
    assert frames.rgb.shape == (2, 64, 64, 3) and set(frames.annotations) == set(clip.kinds)
    assert clip.kinds >= card.kinds
    for protocol in data.spec.protocols:
        pairs = data.pairs(protocol).pairs
        assert pairs, protocol
        trial = data.open(protocol, pairs[0])
        assert trial.source.rgb.shape == (1, 64, 64, 3) and len(trial.driving) > pairs[0].first_scored
    assert data.fingerprint("test") != data.fingerprint("train")


def test_frames_are_lossless_and_in_order_by_number(shrink: Callable[[str], RealSpec], tmp_path: Path) -> None:
    card = shrink("taichi")
    clip = mini.figure(1, 12, (64, 64)).rgb
    for split, i in (("train", 0), ("test", 1)):
        folder = tmp_path / "official" / split / f"{mini.youtube(i)}#000000#000012"
        mini.write_images(folder, clip, "frame{}.png")
    done = prepare(card, tmp_path / "official", Options(), silent)
    row = read_manifest(card.root).rows[0]
    stored = [np.asarray(Image.open(card.root / row.path / f"{i:06d}.png")) for i in range(12)]
    np.testing.assert_array_equal(stored, clip)
    unpadded = [f for f in verify(card, silent) if f.check == 8]
    assert {f.clip for f in unpadded} == {r.clip_id for r in read_manifest(card.root).rows} and not errors(
        done.findings
    )


def test_labels_arrive_bit_by_bit(shrink: Callable[[str], RealSpec], tmp_path: Path) -> None:
    card = dataclasses.replace(shrink("tiktok"), resolution=(64, 64))
    prepare(card, mini.tiktok(tmp_path / "official", size=(64, 64)), Options(), silent)
    data = StoreDataset(card, "", "quick")
    truth = mini.figure(2, 12, (64, 64))  # 00335, whose files hold V, U, I
    read = data.clip("00335").read(range(6), frozenset({"iuv", "mask"}))
    np.testing.assert_array_equal(read.annotations["iuv"], truth.iuv[::2][:6])
    np.testing.assert_array_equal(read.annotations["mask"], truth.parsing[::2][:6] > 0)
    again = pickle.loads(pickle.dumps(data.clip("00335"))).read(range(6), frozenset({"iuv"}))
    np.testing.assert_array_equal(again.annotations["iuv"], read.annotations["iuv"])


def test_solodance_names_are_swapped_and_the_pose_is_cropped_along(
    shrink: Callable[[str], RealSpec], tmp_path: Path
) -> None:
    card = shrink("solodance")
    prepare(card, mini.solodance(tmp_path / "official"), Options(), silent)
    data = StoreDataset(card, "", "standard")
    pairs = data.pairs("solodance-self@1").pairs
    assert [(p.source, p.driving) for p in pairs] == [
        ("video003-appearance", "video003"),
        ("video004-appearance", "video004"),
    ]
    assert {p.driving for p in data.pairs(SELF).pairs} == {"video003", "video004"}  # no two photos as a motion
    points = data.clip("video003").read([3], frozenset({"keypoints"})).annotations["keypoints"][0]
    # The middle of 54 x 96 is x = 48; 40 of 96 columns are kept and become 48 of 64, then a square of 128.
    assert points[0, 2] > 0 and abs(points[0, 0] - 63.5) < 2
    assert not data.clip("video003").read([0], frozenset({"keypoints"})).annotations["keypoints"][..., 2].any()


# -- official lists ----------------------------------------------------------------------------------------------
def test_the_protocol_of_iper_finds_frames_by_number_and_keeps_the_last(
    shrink: Callable[[str], RealSpec], tmp_path: Path
) -> None:
    card = shrink("iper")
    done = prepare(card, mini.iper(tmp_path / "official"), Options(), silent)
    assert [f.clip for f in done.findings if "names 003.jpg" in f.message] == ["001/2/2", "003/1/2"]
    data = StoreDataset(card, "", "standard")
    own, cross = (data.pairs(f"iper-{kind}@1") for kind in ("self", "cross"))
    assert own.target == "self" and cross.target is None
    assert [(p.source_frame, p.start, p.stop) for p in own.pairs] == [(3, 0, 20)] * 2
    assert next((p.source, p.driving, p.start, p.stop) for p in cross.pairs) == ("001-2-2", "003-1-2", 2, 10)


def test_person_disjoint_leaves_shared_people_out_of_training(
    shrink: Callable[[str], RealSpec], tmp_path: Path
) -> None:
    card = shrink("iper")
    prepare(card, mini.iper(tmp_path / "official"), Options(), silent)
    whole, apart = StoreDataset(card, "", "tiny"), StoreDataset(card, "person-disjoint", "tiny")
    people = [{c.identity for split in ("train", "val") for c in data.clips(split)} for data in (whole, apart)]
    assert people == [{"001", "002"}, {"002"}]
    assert apart.slug == "iper-person-disjoint"
    with pytest.raises(UsageError, match="no variant 'disjoint'"):
        StoreDataset(card, "disjoint", "tiny")


@pytest.mark.skipif(not META.is_dir(), reason="the folder shared/meta is not beside the checkout")
def test_the_official_list_and_pairs_of_taichi(tmp_path: Path) -> None:
    from datasets.real import taichi

    shutil.copy(META / "taichi-metadata.csv", tmp_path)
    shutil.copy(META / "taichi256-pairs.csv", tmp_path / "taichi256.csv")
    (tmp_path / "train").mkdir()
    (tmp_path / "test" / "u6rJiF-gPx8#000080#000300.mp4").mkdir(parents=True)
    listing = taichi.scan(tmp_path, Options())
    assert [len(listing.expected[split]) for split in ("train", "test")] == [3049, 285] and not listing.findings
    pairs = listing.pairs["fomm-pairs@1"]
    assert len(pairs) == 50 and {p.source for p in pairs} | {p.driving for p in pairs} <= set(listing.expected["test"])
    (item,) = listing.items
    assert (item.fps, item.start, item.end, item.source_video) == (29.97, 80, 300, "u6rJiF-gPx8")


@pytest.mark.skipif(not META.is_dir(), reason="the folder shared/meta is not beside the checkout")
def test_the_official_protocol_of_iper(tmp_path: Path) -> None:
    from datasets.real import iper

    protocol = read_json(META / "iPER_protocol.json")["val"]
    for name, entry in protocol.items():
        folder = tmp_path / "images_HD" / name
        folder.mkdir(parents=True)
        width = max(len(frame) for frame in entry["source"])  # the 000.jpg of a clip of four digits is a typo
        for frame in entry["source"]:
            (folder / frame.rjust(width, "0")).touch()
    shutil.copy(META / "iPER_protocol.json", tmp_path)
    (tmp_path / "val.txt").write_text("\n".join(protocol))
    listing = iper.scan(tmp_path, Options())
    own, cross = listing.pairs["iper-self@1"], listing.pairs["iper-cross@1"]
    assert len(listing.items) == len(own) == len(cross) == 42 and len({i.identity for i in listing.items}) == 14
    assert sum((p.stop or 0) - p.start for p in own) == 40940 and sum((p.stop or 0) - p.start for p in cross) == 3110
    assert all("the clip has" in f.message for f in listing.findings)
    frames = {item.name: item.frame_names for item in listing.items}
    for pair in own:
        wanted = protocol[pair.source]["s_n"]["1"][0]
        assert int(frames[pair.source][pair.source_frame].removesuffix(".jpg")) == int(wanted.removesuffix(".jpg"))


@pytest.mark.skipif(not META.is_dir(), reason="the folder shared/meta is not beside the checkout")
def test_the_official_protocol_of_the_fashion_videos(tmp_path: Path) -> None:
    from datasets.real import fashion

    protocol = read_json(META / "fashionvideo_protocol.json")["val"]
    for name in protocol:
        (tmp_path / "test" / name.removesuffix(".mp4")).mkdir(parents=True)
    shutil.copy(META / "fashionvideo_protocol.json", tmp_path)
    listing = fashion.scan(tmp_path, Options())
    assert [len(pairs) for pairs in listing.pairs.values()] == [100, 100, 100]
    names = {item.name for item in listing.items}
    assert all({p.source, p.driving} <= names for pairs in listing.pairs.values() for p in pairs)
    photo = next(p for p in listing.pairs["fashion-self@1"] if p.source == "91M3UFSKn8S")
    assert (photo.source_frame, photo.stop) == (311, 317)


def test_fomm_pairs_are_used_where_their_list_is(shrink: Callable[[str], RealSpec], tmp_path: Path) -> None:
    card = shrink("taichi")
    folder = mini.fomm(tmp_path / "official", "png", 12)
    names = [f"{mini.youtube(i)}#000000#000012.mp4" for i in (3, 4)]
    lines = [f"1.5,{names[0]},{names[1]},0", f"1.5,{names[0]},gone#000000#000012.mp4,0"]
    (folder / "taichi256.csv").write_text("distance,source,driving,frame\n" + "\n".join(lines))
    done = prepare(card, folder, Options(), silent)
    assert [f.clip for f in done.findings if f.check == 10] == ["gone#000000#000012"]
    listed = StoreDataset(card, "", "standard").pairs("fomm-pairs@1")
    assert len(listed.pairs) == 1 and listed.target is None and listed.pairs[0].stop == 12


def test_clips_are_cut_from_whole_videos(shrink: Callable[[str], RealSpec], tmp_path: Path) -> None:
    card = shrink("taichi")
    folder = tmp_path / "official"
    video = mini.figure(0, 40, (96, 96)).rgb  # twice the size of the table's 48 x 48
    for i in range(2):
        mini.write_clip(folder / "videos" / mini.youtube(i), video, "mp4")
    rows = [(mini.youtube(0), 4, 24, "train"), (mini.youtube(1), 10, 30, "test"), (mini.youtube(2), 0, 20, "test")]
    mini.metadata(folder / "taichi-metadata.csv", rows)
    done = prepare(card, folder, Options(), silent)
    assert [r.n_frames for r in read_manifest(card.root).rows] == [20, 20] and not errors(done.findings)
    assert (card.root / "missing.csv").read_text().splitlines()[1:] == [f'test,"{mini.youtube(2)}#000000#000020"']
    assert any(f.check == 3 and "missing.csv" in f.remedy for f in done.findings)


def test_a_split_is_never_invented(shrink: Callable[[str], RealSpec], tmp_path: Path) -> None:
    card = shrink("ted")
    folder = tmp_path / "official"
    mini.write_clip(folder / mini.youtube(0), mini.figure(0, 40).rgb, "mp4")
    # The table of the repository: the range is inside video_id, and everything is train.
    mini.metadata(
        folder / "ted-metadata.csv",
        [(f"{mini.youtube(0)}#{a:06d}#{b:06d}", 0, 0, "train") for a, b in ((0, 12), (20, 32))],
    )
    with pytest.raises(UsageError, match="would have to be invented") as caught:
        prepare(card, folder, Options(), silent)
    assert "--test-list" in caught.value.hint
    (tmp_path / "test.txt").write_text(f"{mini.youtube(0)}#000020#000032\n")
    prepare(card, folder, Options(test_list=tmp_path / "test.txt"), silent)
    assert [(r.split, r.start, r.n_frames) for r in read_manifest(card.root).rows] == [
        ("train", 0, 12),
        ("test", 20, 12),
    ]


# -- going on, and what is not there -------------------------------------------------------------------------------
def test_an_import_that_was_killed_goes_on(shrink: Callable[[str], RealSpec], tmp_path: Path) -> None:
    card, folder = shrink("fashion"), mini.fashion(tmp_path / "official")
    code = (
        "import dataclasses, os, sys; from pathlib import Path; from datasets.real import fashion\n"
        "fashion.SPEC = dataclasses.replace(fashion.SPEC, resolution=(64, 64))\n"
        "from datasets.store.prepare import prepare; from datasets.store.items import Options\n"
        "stop = lambda done, total, what: os.kill(os.getpid(), 9) if done == 3 else None\n"
        "prepare(fashion.SPEC, Path(sys.argv[1]), Options(), stop)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=False)
    assert killed.returncode == -9 and not card.prepared
    with pytest.raises(MissingInputError, match="only half"):
        StoreDataset(card, "", "tiny")
    (card.root / "frames" / ".tmp-1-left").mkdir()
    done = prepare(card, folder, Options(), silent)
    assert (done.kept, done.imported) == (3, 2)
    assert not list(card.root.rglob(".tmp-*")) and not errors(verify(card, silent))
    assert prepare(card, folder, Options(), silent).imported == 0
    changed = folder / "test" / "A1o4gxGfr6S.mp4"
    shutil.copy(folder / "train" / "91aTrain1.mp4", changed)
    os.utime(changed, ns=(1, 1))
    again = prepare(card, folder, Options(), silent)
    assert again.imported == 1 and again.fingerprint != done.fingerprint


def test_the_store_is_the_same_wherever_and_whenever_it_is_made(
    shrink: Callable[[str], RealSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = shrink("mgif")
    marks = []
    for i in range(2):
        monkeypatch.setenv("BENCH_DATA", str(tmp_path / f"data{i}"))
        marks.append(prepare(card, mini.fomm(tmp_path / f"official{i}", "gif", 12), Options(), silent).fingerprint)
    assert marks[0] == marks[1]


def test_what_is_not_here_is_said_with_the_command(root: Path, tmp_path: Path) -> None:
    from datasets import BUILTIN

    for name in BUILTIN:
        if name in ("synthetic", "folder"):
            continue
        card = import_module(f"datasets.real.{name}").SPEC
        with pytest.raises(MissingInputError, match=f"{name} is not here") as caught:
            import_module(f"datasets.real.{name}").OPEN("", "tiny", "exact")
        assert f"bench data prepare {name} --from DIR" in caught.value.hint and card.get[0] in caught.value.hint
        with pytest.raises(MissingInputError, match="does not exist"):
            prepare(card, tmp_path / "nowhere", Options(), silent)
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises((MissingInputError, UsageError)):
            prepare(card, tmp_path / "empty", Options(), silent)
        assert card.licence and card.consent and not card.publishable and card.counts and card.defects
        assert (ROOT / "docs" / "datasets" / f"{name}.md").is_file()


def test_protocols_of_absent_lists_say_so(shrink: Callable[[str], RealSpec], tmp_path: Path) -> None:
    card = shrink("taichi")
    prepare(card, mini.fomm(tmp_path / "official", "png", 12), Options(), silent)
    data = StoreDataset(card, "", "tiny")
    assert data.spec.protocols == (SELF, CROSS)
    with pytest.raises(UsageError, match="fomm-pairs@1") as caught:
        data.pairs("fomm-pairs@1")
    assert "official list was not in the folder" in caught.value.hint
