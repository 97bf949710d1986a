"""Fashion video, also "DanceFashion" (Zablotskaia et al., DwNet, BMVC 2019): models on white, upright 720p video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Finding, Item, ListedPair, Listing, Options

FASHION, FASHION_SELF, FASHION_CROSS = "fashion-500-100@1", "fashion-self@1", "fashion-cross@1"
SPEC = RealSpec(
    name="fashion",
    title="Fashion video (DanceFashion): models on white",
    factory="datasets.real.fashion:OPEN",
    scan="datasets.real.fashion:scan",
    paper="Zablotskaia et al., DwNet: Dense warp-based network for pose-guided human video generation, BMVC 2019",
    homepage="https://vision.cs.ubc.ca/datasets/fashion/",
    licence="CC BY-NC 4.0 (DwNet); videos belong to Amazon's sellers",
    consent="not asked: models of shop videos",
    kinds=frozenset(),
    protocols=(SELF, CROSS, FASHION, FASHION_SELF, FASHION_CROSS),
    where="bench data prepare fashion --from DIR",
    get=(
        "the files that fashion_train.txt and fashion_test.txt of its page list, with a downloader of your own",
        "an old copy in your laboratory",
    ),
    layouts=(
        "train/ and test/ with ID.mp4 or folders of frames",
        "ID.mp4 in one folder beside fashion_train.txt and fashion_test.txt",
        "train_256/train_A/ID/ and test_256/test_A/ID/ with frames (GFLA)",
        "for the protocols of iPERCore fashionvideo_protocol.json beside them",
    ),
    resolution=(512, 512),
    crop="whole picture padded to a square; papers that resize it to a square lose its aspect ratio (--crop stretched)",
    fps_rule="the rate of the videos; folders of frames state none, 25 is assumed",
    frames=(2, None),
    clip_name=r"[A-Za-z0-9+_.-]+",
    counts=(Count("DwNet", {"train": 500, "test": 100}),),
    defects=(
        "no list of identities, and the same models appear in many clips: count on people shared by the splits",
        "some papers resize the upright video to a square",
    ),
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """Clips of the three layouts, the official lists, and the protocols.

    Raises:
        MissingInputError: no layout fits. UsageError: the test split is not stated.
    """
    from datasets.errors import MissingInputError
    from datasets.store.card import how_to_get
    from datasets.store.geometry import stretched, whole
    from datasets.store.items import ListedPair, Listing
    from datasets.store.readers import clip_item, find_file, read_list, refuse_to_invent

    expected = _official(folder)
    protocol = find_file(folder, "fashionvideo_protocol.json")
    found = _clips(folder, {name: split for split, names in expected.items() for name in names})
    if options.test_list:
        test = {name.removesuffix(".mp4") for name in read_list(options.test_list)}
        found = [(path, name, "test" if name in test else "train") for path, name, _ in found]
    if not found:
        raise MissingInputError(f"{folder} is not in a layout of the fashion videos", how_to_get(SPEC))
    if not any(split == "test" for _, _, split in found):
        raise refuse_to_invent("fashion", f"{folder} has no test/ and no fashion_test.txt")
    rule = stretched if options.crop == "stretched" else whole
    items = [
        replace(clip_item(path, name, split, crop=lambda shape: rule(shape, SPEC.resolution)), source_video=name)
        for path, name, split in found
    ]
    pairs, findings = _protocols(protocol, items)
    test_names = expected.get("test") or tuple(item.name for item in items if item.split == "test")
    pairs[FASHION] = tuple(ListedPair(name, 0, name, truth=True) for name in test_names)
    return Listing(tuple(items), tuple(findings), pairs, expected, "stretched to a square" if options.crop else "")


def _official(folder: Path) -> dict[str, tuple[str, ...]]:
    """Split -> clip names of the official lists of addresses, where they are there."""
    from datasets.store.readers import read_list

    found = {}
    for split in ("train", "test"):
        path = folder / f"fashion_{split}.txt"
        if path.is_file():
            found[split] = tuple(line.rstrip("/").rpartition("/")[2].removesuffix(".mp4") for line in read_list(path))
    return found


def _clips(folder: Path, listed: dict[str, str]) -> list[tuple[Path, str, str]]:
    """(path, official name, split) of every clip."""
    from datasets.store.readers import clip_paths, plain_name

    out = []
    for split in ("train", "test"):
        gfla = [folder / f"{split}_256" / name for name in (f"{split}_A", "train_A")]
        root = next((p for p in (folder / split, *gfla) if p.is_dir()), None)
        out += [(path, plain_name(path), split) for path in clip_paths(root)] if root else []
    if not out:
        loose = [(path, plain_name(path)) for path in clip_paths(folder)]
        out = [(path, name, listed[name]) for path, name in loose if name in listed]
    return out


def _protocols(path: Path | None, items: list[Item]) -> tuple[dict[str, tuple[ListedPair, ...]], list[Finding]]:
    """Pairs of ``fashionvideo_protocol.json``: the 1-shot view as photo, ranges with their last frame."""
    from datasets.files import read_json
    from datasets.store.items import Finding, ListedPair
    from datasets.store.readers import numbered

    if path is None:
        message = f"fashionvideo_protocol.json is not here, so {FASHION_SELF} and {FASHION_CROSS} are left out"
        return {}, [Finding("W", 10, "", message, "copy it from iPERCore (thirdparty/his_evaluators/data) and repeat")]
    pairs: dict[str, list[ListedPair]] = {FASHION_SELF: [], FASHION_CROSS: []}
    for name, entry in read_json(path)["val"].items():
        photo = numbered(entry["s_n"]["1"][0]) or 0
        for protocol, key in ((FASHION_SELF, "self_imitation"), (FASHION_CROSS, "cross_imitation")):
            first, last = entry[key]["range"]
            names = [text.removesuffix(".mp4") for text in (name, entry[key]["target"])]
            pairs[protocol].append(
                ListedPair(names[0], photo, names[1], int(first), int(last) + 1, protocol == FASHION_SELF)
            )
    return {protocol: tuple(listed) for protocol, listed in pairs.items()}, []
