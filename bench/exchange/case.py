"""One pair on disk, for a program in an environment of its own: plain PNG and JSON files, nothing of ours to import.

    source.png                              the photo
    driving/%06d.png                        the driving frames
    source_annotations/<kind>/000000.*      what the annotation class lets a method see of the photo
    driving_annotations/<kind>/%06d.*       and of every driving frame

Key points are OpenPose JSON (BODY_25, hands, face), IUV an RGB image (part, u, v), label maps grey images whose values
are the labels, a face box JSON; any other kind is a ``.npy`` a frame. The truth is never written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets.base import KEYPOINT_GROUPS, Array, FrameStack
from datasets.files import storage_errors
from datasets.video_write import FRAME_NAME

#: Annotation kinds that a method may be shown of the photo and the driving video.
ALLOWED = ("face", "iuv", "keypoints", "mask", "parsing20", "parsing6")
SOURCE, DRIVING = "source.png", "driving"
SOURCE_NOTES, DRIVING_NOTES = "source_annotations", "driving_annotations"
#: OpenPose's field -> our group, and how many points its format has (the face has two pupils, which we do not know).
_OPENPOSE = {
    "pose_keypoints_2d": ("body25", 25),
    "face_keypoints_2d": ("face68", 70),
    "hand_left_keypoints_2d": ("lhand", 21),
    "hand_right_keypoints_2d": ("rhand", 21),
}
_IMAGES = ("background", "iuv", "mask", "occlusion", "parsing20", "parsing6")


def write_case(folder: Path, source: FrameStack, driving: Iterable[FrameStack]) -> int:
    """Write a pair into a folder, which is made; memory holds one stack of driving frames.

    Args:
        source: the photo (T = 1) with the annotations to show.
        driving: the driving frames in order, in stacks, with the annotations to show.

    Returns:
        The number of driving frames.

    Raises:
        StorageError: the folder cannot be written.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_png(folder / SOURCE, source.rgb[0])
        _write_notes(folder / SOURCE_NOTES, source.annotations, 0)
        (folder / DRIVING).mkdir(exist_ok=True)
        count = 0
        for stack in driving:
            for i, frame in enumerate(stack.rgb):
                write_png(folder / DRIVING / FRAME_NAME.format(count + i), frame)
            _write_notes(folder / DRIVING_NOTES, stack.annotations, count)
            count += len(stack)
    return count


def write_png(path: Path, image: Array) -> None:
    """Write an (H, W, 3) RGB or (H, W) uint8 image, losslessly."""
    path.write_bytes(encode_png(image))


def encode_png(image: Array) -> bytes:
    """An (H, W, 3) RGB or (H, W) uint8 image as PNG, level 1."""
    import cv2

    colour = image[..., ::-1] if image.ndim == 3 else image
    return cv2.imencode(".png", np.ascontiguousarray(colour), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _write_notes(folder: Path, annotations: Mapping[str, Array], first: int) -> None:
    for kind in sorted(annotations):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for i, value in enumerate(annotations[kind]):
            _write_note(folder / kind / f"{first + i:06d}", kind, value)


def _write_note(stem: Path, kind: str, value: Array) -> None:
    if kind == "keypoints":
        stem.with_suffix(".json").write_text(json.dumps(openpose(value)), encoding="utf-8")
    elif kind == "face":
        box = None if np.isnan(value).any() else [float(v) for v in value]
        stem.with_suffix(".json").write_text(json.dumps({"box": box}), encoding="utf-8")
    elif kind in _IMAGES:
        write_png(stem.with_suffix(".png"), value)
    else:
        np.save(stem.with_suffix(".npy"), value, allow_pickle=False)


def openpose(points: Array) -> dict[str, Any]:
    """Key points (135, 3) in OpenPose's JSON: one person, flat lists of x, y, confidence; a missing point is 0, 0, 0.

    Our confidences stay as they are: 1 visible, 0.5 hidden by the body itself. No person is an empty list.
    """
    present = points[:, 2:] > 0
    if not present.any():
        return {"version": 1.3, "people": []}
    clean = np.where(present, points, 0.0)
    person: dict[str, Any] = {"person_id": [-1]}
    for field, (group, count) in _OPENPOSE.items():
        found = clean[KEYPOINT_GROUPS[group]]
        padded = np.concatenate([found, np.zeros((count - len(found), 3), found.dtype)])
        person[field] = [float(value) for value in padded.reshape(-1)]
    return {"version": 1.3, "people": [person]}
