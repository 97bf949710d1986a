"""VIP (Zhou et al., Adaptive Temporal Encoding Network, ACM MM 2018): persons of videos with parsing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Finding, Item, Listing, Options
    from datasets.store.people import Sight

#: Annotated frames of one person that are farther apart than this belong to no common pair (single-shot dance).
GAP = 250
SPEC = RealSpec(
    name="vip",
    title="VIP: persons of videos, with parsing",
    factory="datasets.real.vip:OPEN",
    scan="datasets.real.vip:scan",
    paper="Zhou et al., Adaptive Temporal Encoding Network for Video Instance-level Human Parsing, ACM MM 2018",
    homepage="https://github.com/HCPLab-SYSU/ATEN",
    licence="research only",
    consent="not asked: videos found on the web",
    kinds=frozenset({"parsing20", "parsing6", "mask"}),
    protocols=(SELF, CROSS),
    where="bench data prepare vip --from DIR",
    get=("OneDrive or Baidu, as the README of ATEN says", "an old copy in your laboratory"),
    layouts=("VIP_Fine/{Images,Category_ids,Human_ids}/videosN/ and VIP_Fine/lists/{train,val}_videos.txt",),
    resolution=(512, 320),
    crop="around each person, 8 : 5, with a tenth of margin (single-shot dance trains on 512 x 320)",
    fps_rule="one of 25 frames is annotated; the clips hold the annotated ones",
    frames=(2, None),
    clip_name=r"videos?\d+/person\d+(-\d+)?",
    counts=(Count("videos, in the README of ATEN", {"train": 304, "test": 50}),),
    defects=(
        "test labels are withheld: val is the test split here",
        "person numbers hold within one video only",
    ),
    images=True,
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """A clip a person of a video: its annotated frames, cropped. Raises MissingInputError for another layout."""
    from datasets.errors import MissingInputError
    from datasets.store.card import how_to_get
    from datasets.store.items import Finding, Listing
    from datasets.store.readers import read_list

    root = next((p for p in (folder / "VIP_Fine", folder) if (p / "Images").is_dir()), None)
    if root is None:
        raise MissingInputError(f"{folder} is not in the layout of VIP", how_to_get(SPEC))
    labels = root / "Annotations" if (root / "Annotations").is_dir() else root
    lists = {split: root / "lists" / f"{name}_videos.txt" for split, name in (("train", "train"), ("test", "val"))}
    items: list[Item] = []
    findings: list[Finding] = []
    for split, path in lists.items():
        for video in read_list(path):
            if not (root / "Images" / video).is_dir():
                findings.append(Finding("E", 3, video, f"{path.name} names it, and it is not here", "get the video"))
                continue
            more, left_out = _people(root / "Images" / video, labels, video, split)
            items += more
            findings += left_out
    return Listing(tuple(items), tuple(findings))


def _people(images: Path, labels: Path, video: str, split: str) -> tuple[list[Item], list[Finding]]:
    from datasets.errors import SuiteError
    from datasets.store.items import Finding
    from datasets.store.people import LEAST_HEIGHT, Sight, people_of, person_item
    from datasets.video import frame_files

    seen: dict[int, list[Sight]] = {}
    findings = []
    for image in frame_files(images):
        category, human = (labels / kind / video / f"{image.stem}.png" for kind in ("Category_ids", "Human_ids"))
        if not category.is_file() or not human.is_file():
            continue  # not one of the annotated frames
        try:
            heights = people_of(human)
        except SuiteError as error:
            findings.append(Finding("E", 11, f"{video}/{image.stem}", error.message, "get the label map again"))
            continue
        for person, height in heights.items():
            if height >= LEAST_HEIGHT:
                seen.setdefault(person, []).append(Sight(image, category, human, person))
    items = []
    for person, sights in sorted(seen.items()):
        for number, part in enumerate(_near(sights)):
            name = f"{video}/person{person}" + (f"-{number}" if number else "")
            if len(part) >= SPEC.frames[0]:
                items.append(person_item(name, split, part, SPEC.resolution, "cihp"))
    return items, findings


def _near(sights: list[Sight]) -> list[list[Sight]]:
    """Cut a person's frames where more than GAP frames lie between two of them."""
    from datasets.store.readers import numbered

    parts: list[list[Sight]] = []
    for sight in sights:
        at, last = numbered(sight.image.name) or 0, numbered(parts[-1][-1].image.name) or 0 if parts else None
        if last is None or at - last > GAP:
            parts.append([])
        parts[-1].append(sight)
    return parts
