"""Miniatures of the real data sets in their official layouts, drawn on the spot: a figure that sways before a wall."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from datasets.base import Array
from datasets.video_write import write_mp4

#: CIHP labels of the figure's pieces, from head to feet, and DensePose parts of them.
PIECES = (("head", 13, 23), ("torso", 5, 2), ("left-leg", 16, 10), ("right-leg", 17, 9), ("shoe", 18, 5))


@dataclass(frozen=True)
class Figure:
    """A clip with labels: rgb (T, H, W, 3), parsing (T, H, W) in CIHP labels, iuv (T, H, W, 3)."""

    rgb: Array
    parsing: Array
    iuv: Array


def figure(seed: int, n: int = 12, size: tuple[int, int] = (48, 48), people: int = 1) -> Figure:
    """A figure in colours of its own, in front of a moving wall of its own; ``people`` of them stand side by side."""
    rng = np.random.default_rng(seed)
    h, w = size
    wall = cv2.resize(rng.integers(40, 200, (6, 6, 3), dtype=np.uint8), (w, h), interpolation=cv2.INTER_LINEAR)
    colours = rng.integers(0, 255, (len(PIECES), 3)).tolist()
    rgb, parsing, iuv = (
        np.stack([np.roll(wall, 2 * t, 1) for t in range(n)]),
        np.zeros((n, h, w), np.uint8),
        np.zeros((n, h, w, 3), np.uint8),
    )
    for t in range(n):
        for person in range(people):
            x = round(w * (person + 0.5) / people + w / 8 / people * np.sin(t / 3 + seed))
            for (piece, label, part), colour in zip(PIECES, colours, strict=True):
                where = _piece(piece, x, w // people, h, w)
                rgb[t][where], parsing[t][where] = colour, label
                iuv[t][where] = (part, 40 + 5 * part, 200 - 3 * part)
    return Figure(rgb, parsing, iuv)


def _piece(piece: str, x: int, width: int, h: int, w: int) -> Array:
    mask = np.zeros((h, w), np.uint8)
    unit = min(h, width) / 12
    boxes = {
        "torso": (-2, 3, 2, 6.5), "left-leg": (0.2, 6.5, 1.8, 10), "right-leg": (-1.8, 6.5, -0.2, 10),
        "shoe": (-2.2, 10, 2.2, 11),
    }  # fmt: skip
    top = (h - 12 * unit) / 2
    if piece == "head":
        cv2.circle(mask, (x, round(top + 1.8 * unit)), max(1, round(1.2 * unit)), 1, -1)
    else:
        left, upper, right, lower = boxes[piece]
        corners = (
            (round(x + left * unit), round(top + upper * unit)),
            (round(x + right * unit), round(top + lower * unit)),
        )
        cv2.rectangle(mask, *corners, 1, -1)
    return mask.astype(bool)


# -- files -------------------------------------------------------------------------------------------------------
def write_images(folder: Path, frames: Sequence[Array], name: str = "{:06d}.png", start: int = 0) -> Path:
    """Frames as image files."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, frame in enumerate(frames, start):
        Image.fromarray(frame).save(folder / name.format(i))
    return folder


def write_clip(path: Path, frames: Array, form: str, fps: float = 25.0) -> Path:
    """A clip in one of FOMM's forms; ``path`` has no suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "mp4":
        write_mp4(path.with_name(path.name + ".mp4"), frames, fps)
    elif form == "gif":
        images = [Image.fromarray(frame) for frame in frames]
        images[0].save(path.with_name(path.name + ".gif"), save_all=True, append_images=images[1:], duration=40)
    elif form == "strip":
        Image.fromarray(np.concatenate(list(frames), axis=1)).save(path.with_name(path.name + ".png"))
    else:  # "png": a folder, named like a video where "png.mp4"
        write_images(path.with_name(path.name + form.removeprefix("png")), frames)
    return path


def youtube(i: int) -> str:
    """An id as YouTube makes them, with the characters that are awkward in file names."""
    return f"-a_B{i:07d}"


def fomm(folder: Path, form: str, n: int, person: bool = False, train: int = 3, test: int = 2) -> Path:
    """``train/`` and ``test/`` of the FOMM family."""
    for i in range(train + test):
        split = "train" if i < train else "test"
        who = f"id{10000 + i}#" if person else ""
        name = f"{who}{youtube(i)}#{0:06d}#{n:06d}"
        write_clip(folder / split / name, figure(i, n).rgb, form)
    return folder


def metadata(
    path: Path, rows: Sequence[tuple[str, int, int, str]], fps: float = 25.0, size: int = 48, person: str = ""
) -> Path:
    """A metadata table: rows are (video, start, end, partition)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["video_id", "start", "end", "bbox", "fps", "width", "height", "partition"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "person_id"] if person else names)
        for video, start, end, split in rows:
            line = [video, start, end, f"0-0-{size}-{size}", fps, size, size, split]
            writer.writerow([*line, person] if person else line)
    return path


# -- data sets ---------------------------------------------------------------------------------------------------
def iper(folder: Path, form: str = "images", n: int = 20, padded: bool = True) -> Path:
    """People 001 to 003; 001 has outfits in both lists, as the official ones have."""
    clips = {"001/1/1": "train", "002/1/1": "train", "001/2/2": "val", "003/1/2": "val"}
    for i, name in enumerate(clips):
        frames = figure(i, n).rgb
        if form == "images":
            write_images(folder / "images_HD" / name, frames, "{:04d}.jpg" if padded else "{}.jpg")
        else:
            write_clip(folder / "iPER_256_video_release" / name.replace("/", "_"), frames, "mp4", fps=30)
    for split in ("train", "val"):
        (folder / f"{split}.txt").write_text("".join(f"{n}\n" for n, s in clips.items() if s == split))
    entry = {
        name: {
            "s_n": {"1": ["003.jpg"]},  # three digits, as in the official file
            "self_imitation": {"target": name, "range": [0, n - 1]},
            "cross_imitation": {"target": other, "range": [2, 9]},
        }
        for name, other in (("001/2/2", "003/1/2"), ("003/1/2", "001/2/2"))
    }
    (folder / "iPER_protocol.json").write_text(json.dumps({"val": entry}))
    return folder


def openpose(folder: Path, n: int, size: tuple[int, int]) -> Path:
    """OpenPose JSON files of a body that walks to the right."""
    folder.mkdir(parents=True, exist_ok=True)
    for t in range(n):

        def points(count: int, t: int = t) -> list[float]:
            return [v for k in range(count) for v in (size[1] / 2 + t / n, k * size[0] / count, 0.9)]

        person = {
            "pose_keypoints_2d": points(25), "face_keypoints_2d": points(70),
            "hand_left_keypoints_2d": points(21), "hand_right_keypoints_2d": points(21),
        }  # fmt: skip
        (folder / f"{t:06d}_keypoints.json").write_text(json.dumps({"people": [person] if t else []}))
    return folder


def solodance(folder: Path, n: int = 12, size: tuple[int, int] = (54, 96)) -> Path:
    """Two training videos and two test videos with appearance photos."""
    root = folder / "SoloDance"
    for i, (split, video) in enumerate(
        (("train", "video001"), ("train", "video002"), ("test", "video003"), ("test", "video004"))
    ):
        clip, base = figure(i, n, size), root / split
        write_images(base / f"{split}_img" / "source" / video, clip.rgb, "{:05d}.jpg")
        write_images(base / f"{split}_parsing" / "source" / video, clip.parsing, "{:05d}.png")
        openpose(base / f"{split}_pose" / "source" / video, n, size)
        write_images(base / f"{split}_img" / "target" / video, clip.rgb[:2], "timg{:04d}.jpg")
        write_images(base / f"{split}_parsing" / "target" / video, clip.parsing[:2], "timg{:04d}.png")
        openpose(base / f"{split}_pose" / "target" / video, 2, size)
    return folder


def fashion(folder: Path, form: str = "splits", n: int = 12, size: tuple[int, int] = (64, 40)) -> Path:
    """Three training videos and two test videos, in one of the three layouts, with lists and protocol."""
    names = {
        "91aTrain1": "train",
        "91bTrain2": "train",
        "91cTrain3": "train",
        "91M3UFSKn8S": "test",
        "A1o4gxGfr6S": "test",
    }
    for i, (name, split) in enumerate(names.items()):
        clip = figure(i, n, size).rgb
        if form == "splits":
            write_clip(folder / split / name, clip, "mp4", fps=30)
        elif form == "lists":
            write_clip(folder / name, clip, "mp4", fps=30)
        else:
            write_images(folder / f"{split}_256" / f"{split}_A" / name, clip, "{:05d}.png")
    if form == "lists":
        for split in ("train", "test"):
            urls = "".join(f"https://example.org/images/I/{n}.mp4\n" for n, s in names.items() if s == split)
            (folder / f"fashion_{split}.txt").write_text(urls)
    tests = [f"{name}.mp4" for name, split in names.items() if split == "test"]
    entries = {
        name: {
            "s_n": {"1": ["frame_00000003.png"]},
            "self_imitation": {"target": name, "range": [0, n - 1]},
            "cross_imitation": {"target": other, "range": [0, n - 1]},
        }
        for name, other in zip(tests, reversed(tests), strict=True)
    }
    (folder / "fashionvideo_protocol.json").write_text(json.dumps({"val": entries}))
    return folder


def tiktok(
    folder: Path, n: int = 12, size: tuple[int, int] = (64, 36), order: tuple[int, int, int] = (2, 1, 0)
) -> Path:
    """Two training sequences, two of the last six, one of DisCo's; ``order``: where part, U and V are in the files."""
    root = folder / "TikTok_dataset"
    for i, name in enumerate(("00001", "00002", "00335", "00336")):
        clip = figure(i, n, size)
        write_images(root / name / "images", clip.rgb, "{:04d}.png", start=1)
        write_images(
            root / name / "masks",
            np.repeat((clip.parsing > 0).astype(np.uint8)[..., None] * 255, 3, -1),
            "{:04d}.png",
            start=1,
        )
        write_images(root / name / "densepose", np.ascontiguousarray(clip.iuv[..., list(order)]), "{:04d}.png", start=1)
    extra = figure(9, n, size)
    write_images(folder / "disco-test" / "dance1" / "images", extra.rgb, "{:04d}.png")
    write_images(folder / "disco-test" / "dance1" / "masks", (extra.parsing > 0).astype(np.uint8) * 255, "{:04d}.png")
    write_images(folder / "disco-test" / "dance1" / "densepose", extra.iuv, "{:04d}.png")
    return folder


def _people_map(parsing: Array, people: int) -> Array:
    """Number of the person of every body pixel: the picture is cut into as many columns."""
    columns = np.arange(parsing.shape[-1]) * people // parsing.shape[-1] + 1
    return np.where(parsing > 0, columns, 0).astype(np.uint8)


def vip(folder: Path, n: int = 6, size: tuple[int, int] = (160, 200)) -> Path:
    """Videos of two people; every 25th frame is annotated."""
    root = folder / "VIP_Fine"
    lists: dict[str, list[str]] = {"train": ["videos1", "videos2"], "val": ["videos3", "videos4"]}
    for i, video in enumerate(v for part in lists.values() for v in part):
        clip = figure(i, n, size, people=2)
        write_images(root / "Images" / video, clip.rgb, "{:012d}.jpg")
        for t in range(n):
            for kind, image in (("Category_ids", clip.parsing[t]), ("Human_ids", _people_map(clip.parsing[t], 2))):
                path = root / kind / video / f"{t:012d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
    (root / "lists").mkdir()
    for name, videos in lists.items():
        (root / "lists" / f"{name}_videos.txt").write_text("\n".join(videos))
    return folder


def cihp(folder: Path, size: tuple[int, int] = (160, 200)) -> Path:
    """Photos of two people."""
    for part, photos in (("Training", range(1, 5)), ("Validation", range(5, 7))):
        for i in photos:
            clip = figure(i, 1, size, people=2)
            name = f"{i:07d}"
            images = (
                ("Images", clip.rgb[0], "jpg"),
                ("Category_ids", clip.parsing[0], "png"),
                ("Human_ids", _people_map(clip.parsing[0], 2), "png"),
            )
            for kind, image, suffix in images:
                path = folder / part / kind / f"{name}.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
        (folder / part / f"{part.lower()}_id.txt").write_text("".join(f"{i:07d}\n" for i in photos))
    return folder


def mhp(folder: Path, size: tuple[int, int] = (160, 200)) -> Path:
    """Photos of two people; one colour file with labels a person (face 3, t-shirt 12, leg 30, left shoe 24)."""
    to_mhp = np.zeros(20, np.uint8)
    to_mhp[[13, 5, 16, 17, 18]] = (3, 12, 30, 31, 24)
    for part, photos in (("train", range(1, 4)), ("val", range(4, 6))):
        root = folder / "LV-MHP-v2" / part
        for i in photos:
            clip = figure(i, 1, size, people=2)
            write_images(root / "images", clip.rgb, "{}.jpg", start=i)
            people = _people_map(clip.parsing[0], 2)
            for k in (1, 2):
                labels = np.where(people == k, to_mhp[clip.parsing[0]], 0).astype(np.uint8)
                write_images(
                    root / "parsing_annos", [np.stack([labels, labels * 0, labels * 0], -1)], f"{i}_02_{k:02d}.png"
                )
    return folder
