"""CIHP (Gong et al., Instance-level Human Parsing via Part Grouping Network, ECCV 2018): persons of photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Finding, Item, Listing, Options

SPEC = RealSpec(
    name="cihp",
    title="CIHP: persons of photos, with parsing",
    factory="datasets.real.cihp:OPEN",
    scan="datasets.real.cihp:scan",
    paper="Gong et al., Instance-level Human Parsing via Part Grouping Network, ECCV 2018",
    homepage="https://github.com/Engineering-Course/CIHP_PGN",
    licence="research only",
    consent="not asked: photos found on the web",
    kinds=frozenset({"parsing20", "parsing6", "mask"}),
    protocols=(CROSS,),
    where="bench data prepare cihp --from DIR",
    get=(
        "Google Drive or Baidu, as the README of CIHP_PGN says (instance-level_human_parsing.tar.gz)",
        "an old copy in your laboratory",
    ),
    layouts=("{Training,Validation}/{Images,Category_ids,Human_ids}/ and their *_id.txt",),
    resolution=(512, 320),
    crop="around each person, 8 : 5, with a tenth of margin (single-shot dance trains on 512 x 320)",
    fps_rule="photos",
    frames=(1, None),
    clip_name=r"\d+/person\d+",
    counts=(Count("images, in its papers", {"train": 28280, "test": 5000}),),
    defects=(
        "test labels are withheld: Validation is the test split here",
        "no identity across photos: the identities that the dance paper counts in CIHP cannot come from it",
        "label 10 is torso skin, in LIP it is jumpsuits",
    ),
    images=True,
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """A clip (of one photo) a person. Raises MissingInputError for another layout."""
    from datasets.errors import MissingInputError
    from datasets.store.card import how_to_get
    from datasets.store.items import Listing

    inner = "instance-level_human_parsing"
    root = next(
        (p for p in (folder / inner / inner, folder / inner, folder) if (p / "Training" / "Images").is_dir()), None
    )
    if root is None:
        raise MissingInputError(f"{folder} is not in the layout of CIHP", how_to_get(SPEC))
    items: list[Item] = []
    findings: list[Finding] = []
    for part, split in (("Training", "train"), ("Validation", "test")):
        more, found = _part(root / part, split)
        items += more
        findings += found
    return Listing(tuple(items), tuple(findings))


def _part(root: Path, split: str) -> tuple[list[Item], list[Finding]]:
    from datasets.errors import SuiteError
    from datasets.store.items import Finding
    from datasets.store.people import LEAST_HEIGHT, Sight, people_of, person_item
    from datasets.store.readers import find_file, read_list
    from datasets.video import frame_files

    path = find_file(root, "*_id.txt")
    images = {file.stem: file for file in frame_files(root / "Images")} if (root / "Images").is_dir() else {}
    items, findings = [], []
    for name in read_list(path) if path else tuple(images):
        category, human = (root / kind / f"{name}.png" for kind in ("Category_ids", "Human_ids"))
        gone = [file.parent.name for file in (category, human) if not file.is_file()]
        if name not in images or gone:
            what = ", ".join(gone or ["Images"])
            findings.append(Finding("E", 11, name, f"it has no file in {what}", "get the file, or leave the photo out"))
            continue
        try:
            heights = people_of(human)
        except SuiteError as error:
            findings.append(Finding("E", 11, name, error.message, "get the label map again"))
            continue
        for person, height in heights.items():
            if height >= LEAST_HEIGHT:
                sight = Sight(images[name], category, human, person)
                items.append(person_item(f"{name}/person{person}", split, [sight], SPEC.resolution, "cihp"))
    return items, findings
