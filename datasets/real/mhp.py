"""LV-MHP v2 (Zhao et al., Understanding Humans in Crowded Scenes, ACM MM 2018): persons of photos, 58 labels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Finding, Item, Listing, Options

_PERSON = re.compile(r"(\d+)_(\d+)_(\d+)")
SPEC = RealSpec(
    name="mhp",
    title="LV-MHP v2: persons of photos, with parsing",
    factory="datasets.real.mhp:OPEN",
    scan="datasets.real.mhp:scan",
    paper="Zhao et al., Understanding Humans in Crowded Scenes, ACM Multimedia 2018",
    homepage="https://github.com/ZhaoJ9014/Multi-Human-Parsing",
    licence="research only",
    consent="not asked: photos found on the web",
    kinds=frozenset({"parsing20", "parsing6", "mask"}),
    protocols=(CROSS,),
    where="bench data prepare mhp --from DIR",
    get=("Google Drive or Baidu, as the README of Multi-Human-Parsing says", "an old copy in your laboratory"),
    layouts=("LV-MHP-v2/{train,val}/{images,parsing_annos}/, one label map a person: IMAGE_PERSONS_NUMBER.png",),
    resolution=(512, 320),
    crop="around each person, 8 : 5, with a tenth of margin (single-shot dance trains on 512 x 320)",
    fps_rule="photos",
    frames=(1, None),
    clip_name=r"\d+_\d+_\d+",
    counts=(Count("images, in its README", {"train": 15403, "test": 5000}),),
    defects=(
        "labels lie in the first channel of colour files",
        "58 labels of its own: brought to CIHP's by a table of ours (datasets/conversions.py)",
        "val is the test split here",
    ),
    images=True,
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """A clip (of one photo) a person. Raises MissingInputError for another layout."""
    from datasets.errors import MissingInputError
    from datasets.store.card import how_to_get
    from datasets.store.items import Finding, Listing

    root = next((p for p in (folder / "LV-MHP-v2", folder) if (p / "train" / "parsing_annos").is_dir()), None)
    if root is None:
        raise MissingInputError(f"{folder} is not in the layout of LV-MHP v2", how_to_get(SPEC))
    items: list[Item] = []
    findings: list[Finding] = []
    for part, split in (("train", "train"), ("val", "test")):
        people = _people(root / part)
        images = {path.stem: path for path in (root / part / "images").glob("*.jpg")}
        for name, path in people.items():
            image = images.get(name.partition("_")[0])
            if image is None:
                findings.append(Finding("E", 11, name, "its photo is not in images/", "get the photo"))
                continue
            items.append(_item(name, split, image, path))
        findings += _incomplete(people)
    return Listing(tuple(items), tuple(findings))


def _people(root: Path) -> dict[str, Path]:
    from datasets.video import natural_key

    files = sorted((root / "parsing_annos").glob("*.png"), key=lambda p: natural_key(p.name))
    return {path.stem: path for path in files if _PERSON.fullmatch(path.stem)}


def _item(name: str, split: str, image: Path, labels: Path) -> Item:
    from datasets.conversions import MHP_TO_CIHP
    from datasets.store.people import Sight, person_item

    return person_item(name, split, [Sight(image, labels)], SPEC.resolution, "mhp", MHP_TO_CIHP)


def _incomplete(people: dict[str, Path]) -> list[Finding]:
    """Photos of which not every person's label map is here: the file names say how many there are."""
    from datasets.store.items import Finding

    stated: dict[str, int] = {}
    here: dict[str, int] = {}
    for name in people:
        image, count, _ = name.split("_")
        stated[image], here[image] = int(count), here.get(image, 0) + 1
    return [
        Finding("E", 11, image, f"{here[image]} of {count} label maps are here", "get the missing ones")
        for image, count in stated.items()
        if here[image] < count
    ]
