"""iPER (Liu et al., Liquid Warping GAN, ICCV 2019): 30 people in 103 outfits, turning and moving, one room each."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Finding, Item, ListedPair, Listing, Options

IPER_SELF, IPER_CROSS = "iper-self@1", "iper-cross@1"
_VIDEO = re.compile(r"(\d{3})[_/](\d+)[_/](\d+)")
SPEC = RealSpec(
    name="iper",
    title="iPER: people turning and moving in a room",
    factory="datasets.real.iper:OPEN",
    scan="datasets.real.iper:scan",
    paper="Liu et al., Liquid Warping GAN, ICCV 2019",
    homepage="https://github.com/iPERDance/iPERCore",
    licence="non-commercial research; code of the protocol Apache-2.0",
    consent="actors of the authors' laboratory; the form is not published",
    kinds=frozenset(),
    protocols=(SELF, CROSS, IPER_SELF, IPER_CROSS),
    where="bench data prepare iper --from DIR",
    get=(
        "OneDrive or Baidu, as docs/manually_download_datasets.md of iPERCore says (Baidu works where OneDrive fails)",
        "an old copy in your laboratory",
    ),
    layouts=(
        "images_HD/PERSON/OUTFIT/ACTION/*.jpg with train.txt and val.txt",
        "iPER_256_video_release/PERSON_OUTFIT_ACTION.mp4 with train.txt and val.txt",
        "for the official protocols iPER_protocol.json of iPERCore beside them",
    ),
    fps_rule="the rate of the videos; the HD frames state none, 25 is assumed for them",
    frames=(2, None),
    one_size=True,
    clip_name=r"\d{3}/\d+/\d+",
    counts=(Count("official lists", {"train": 164, "test": 42}),),
    defects=(
        "the split is by person and outfit: person 001 has 33 outfits, 5 of them in val (iper:person-disjoint)",
        "frame names are not padded to one width (000.jpg, 0253.jpg)",
        'the official protocol names "000.jpg" in clips of four digits; frames are found by their number',
    ),
    shared_people="the official split is by person and outfit (iper:person-disjoint leaves shared people out)",
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """Clips of ``images_HD`` or of the 256 px videos, by ``train.txt`` and ``val.txt``, and the official protocol.

    Raises:
        MissingInputError: neither layout is there. UsageError: the lists of the split are not there.
    """
    from datasets.store.items import Listing
    from datasets.store.readers import clip_item, find_file, read_list, refuse_to_invent

    found = _clips(folder)
    lists = {
        "train": find_file(folder, "train.txt", "**/train.txt"),
        "test": find_file(folder, "val.txt", "**/val.txt"),
    }
    if options.test_list:
        lists["test"] = options.test_list
    if lists["test"] is None:
        raise refuse_to_invent("iper", f"{folder} has no val.txt")
    expected = {split: read_list(path) for split, path in lists.items() if path}
    test = set(expected["test"])
    items = []
    for name, path in found.items():
        person, outfit, action = name.split("/")
        split = "test" if name in test else "train"
        item = clip_item(
            path, name, split, identity=person, motion=name, flags=(f"outfit={outfit}", f"action={action}")
        )
        items.append(replace(item, source_video=name))
    pairs, findings = _protocol(find_file(folder, "iPER_protocol.json", "**/iPER_protocol.json"), items)
    return Listing(tuple(items), tuple(findings), pairs, expected)


def _clips(folder: Path) -> dict[str, Path]:
    """Official name -> frame folder or video."""
    from datasets.errors import MissingInputError
    from datasets.store.card import how_to_get
    from datasets.video import VIDEO_SUFFIXES

    roots = [p for p in (folder / "images_HD", folder / "images", folder) if p.is_dir()]
    for root in roots:
        frames = {p.relative_to(root).as_posix(): p for p in sorted(root.glob("[0-9][0-9][0-9]/*/*")) if p.is_dir()}
        if frames:
            return frames
    videos = {}
    for path in sorted(folder.rglob("*")):
        parts = _VIDEO.fullmatch(path.stem)
        if parts and path.suffix.lower() in VIDEO_SUFFIXES:
            videos["/".join(parts.groups())] = path
    if not videos:
        raise MissingInputError(f"{folder} is not in a layout of iPER", how_to_get(SPEC))
    return videos


def _protocol(path: Path | None, items: list[Item]) -> tuple[dict[str, tuple[ListedPair, ...]], list[Finding]]:
    """The pairs of ``iPER_protocol.json``: one photo a clip (its 1-shot view), ranges with their last frame."""
    from datasets.files import read_json
    from datasets.store.items import Finding

    if path is None:
        message = f"iPER_protocol.json is not here, so {IPER_SELF} and {IPER_CROSS} are left out"
        return {}, [Finding("W", 10, "", message, "copy it from iPERCore (thirdparty/his_evaluators/data) and repeat")]
    known = {item.name: item for item in items}
    pairs: dict[str, list[ListedPair]] = {IPER_SELF: [], IPER_CROSS: []}
    findings = []
    for name, entry in read_json(path)["val"].items():
        photo, typo = _frame_index(known.get(name), entry["s_n"]["1"][0])
        if typo:
            findings.append(Finding("W", 10, name, typo, "nothing: the frame of that number is taken"))
        for protocol, key in ((IPER_SELF, "self_imitation"), (IPER_CROSS, "cross_imitation")):
            pairs[protocol].append(_pair(name, photo, entry[key], truth=protocol == IPER_SELF))
    return {protocol: tuple(listed) for protocol, listed in pairs.items()}, findings


def _pair(name: str, photo: int, driving: dict[str, Any], truth: bool) -> ListedPair:
    from datasets.store.items import ListedPair

    first, last = driving["range"]
    return ListedPair(name, photo, driving["target"], int(first), int(last) + 1, truth)


def _frame_index(item: Item | None, file: str) -> tuple[int, str]:
    """Place of an official frame name in a clip, and a sentence where only its number fits."""
    from datasets.store.readers import numbered

    number = numbered(file) or 0
    if item is None or not item.frame_names or file in item.frame_names:
        return (item.frame_names.index(file) if item and file in item.frame_names else number), ""
    same = [i for i, name in enumerate(item.frame_names) if numbered(name) == number]
    if same:
        return same[0], f"the official protocol names {file}, the clip has {item.frame_names[same[0]]}"
    return 0, f"the official protocol names {file}, which the clip does not have; frame 0 is taken"
