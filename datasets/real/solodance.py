"""SoloDance (Wei et al., C2F-FWN, AAAI 2021): dancers of YouTube and Bilibili, 256 x 192."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.base import Array
    from datasets.store.geometry import Crop
    from datasets.store.items import Item, ListedPair, Listing, Options

SOLO = "solodance-self@1"
SPEC = RealSpec(
    name="solodance",
    title="SoloDance: dancers of YouTube and Bilibili",
    factory="datasets.real.solodance:OPEN",
    scan="datasets.real.solodance:scan",
    paper="Wei et al., C2F-FWN: Coarse-to-Fine Flow Warping Network for Motion Transfer, AAAI 2021",
    homepage="https://github.com/wswdx/C2F-FWN",
    licence="no terms stated; footage of YouTube and Bilibili",
    consent="not asked: videos found on the web",
    kinds=frozenset(),
    protocols=(SELF, CROSS, SOLO),
    where="bench data prepare solodance --from DIR",
    get=("Google Drive or Baidu, as the README of C2F-FWN says", "an old copy in your laboratory"),
    layouts=("SoloDance/{train,test}/{train,test}_{img,parsing,pose}/{target,source}/videoNNN/",),
    resolution=(256, 192),
    crop="height 256, then the middle 192 columns (C2F-FWN, REMOT)",
    fps_rule="not stated; 25 is assumed",
    frames=(1, None),
    clip_name=r"[A-Za-z_]*\d+(/appearance)?",
    counts=(Count("Wei et al. 2021", {"train": 153, "test": 26}),),
    defects=(
        "C2F-FWN calls the driving person source and the photo target, the reverse of everyone else: swapped on import",
        "143 subjects in 179 videos, split by video, no list of identities: the same dancer may be in both splits",
    ),
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """Driving videos with parsing and pose where they are there; of test videos also the appearance photos.

    Raises:
        MissingInputError: another layout.
    """
    from datasets.errors import MissingInputError
    from datasets.store.card import how_to_get
    from datasets.store.items import ListedPair, Listing
    from datasets.store.readers import clip_paths

    root = next((p for p in (folder / "SoloDance", folder) if (p / "test" / "test_img").is_dir()), None)
    if root is None:
        raise MissingInputError(f"{folder} is not in the layout of SoloDance", how_to_get(SPEC))
    items: list[Item] = []
    pairs: list[ListedPair] = []
    for split in ("train", "test"):
        images = root / split / f"{split}_img"
        for path in clip_paths(images / "source"):
            items.append(_clip(root / split, split, "source", path, path.name))
        for path in clip_paths(images / "target") if split == "test" else []:
            items.append(_clip(root / split, split, "target", path, f"{path.name}/appearance"))
            if any(item.name == path.name for item in items):
                pairs.append(ListedPair(f"{path.name}/appearance", 0, path.name, truth=True))
    return Listing(tuple(items), pairs={SOLO: tuple(pairs)} if pairs else {})


def _clip(base: Path, split: str, side: str, path: Path, name: str) -> Item:
    from datasets.store.readers import clip_item, read_labels
    from datasets.video import frame_files

    annotations: dict[str, Callable[[], Array]] = {}
    parsing = base / f"{split}_parsing" / side / path.name
    if parsing.is_dir():
        annotations["parsing20"] = lambda: read_labels(frame_files(parsing))
        annotations["mask"] = lambda: (read_labels(frame_files(parsing)) > 0).astype("uint8")
    pose = base / f"{split}_pose" / side / path.name
    if pose.is_dir():
        annotations["keypoints"] = lambda: _openpose(pose)
    identity = re.sub(r"/.*", "", path.name)
    return clip_item(
        path, name, split, identity=identity, motion=identity, source_video=identity, crop=_middle,
        annotations=annotations,
    )  # fmt: skip


def _middle(shape: tuple[int, int]) -> Crop:
    """The middle columns of a picture that is wider than 3 : 4; a narrower one is taken whole."""
    from datasets.store.geometry import Crop, whole

    height, width = shape
    kept = round(height * SPEC.resolution[1] / SPEC.resolution[0])
    return (
        Crop((width - kept) // 2, 0, kept, height, SPEC.resolution) if width > kept else whole(shape, SPEC.resolution)
    )


def _openpose(folder: Path) -> Array:
    """(T, 135, 3) of a folder of OpenPose 1.x JSON files; a frame without a person is missing throughout."""
    import numpy as np

    from datasets.conversions import openpose_to_ours
    from datasets.files import read_json
    from datasets.video import natural_key

    def part(person: dict[str, Any], key: str, count: int) -> Array:
        values = np.asarray(person.get(f"{key}_keypoints_2d", []), np.float32).reshape(-1, 3)
        return values if len(values) == count else np.zeros((count, 3), np.float32)

    frames = []
    for file in sorted(folder.glob("*.json"), key=lambda p: natural_key(p.name)):
        people = read_json(file).get("people", [])
        person: dict[str, Any] = max(people, key=lambda p: float(part(p, "pose", 25)[:, 2].sum()), default={})
        body, face = part(person, "pose", 25), part(person, "face", 70)
        frames.append(openpose_to_ours(body, part(person, "hand_left", 21), part(person, "hand_right", 21), face))
    return np.stack(frames) if frames else np.zeros((0, 135, 3), np.float32)
