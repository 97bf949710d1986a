"""TikTok dances (Jafarian and Park, HDNet, CVPR 2021), with the two test sets that papers use."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.base import Array
    from datasets.store.items import Item, Listing, Options

LAST_SIX, DISCO_TEN = "tiktok-335-340@1", "tiktok-disco-10@1"
#: The sequences that papers without DisCo's own videos test on.
TEST = tuple(f"{number:05d}" for number in range(335, 341))
SPEC = RealSpec(
    name="tiktok",
    title="TikTok dances",
    factory="datasets.real.tiktok:OPEN",
    scan="datasets.real.tiktok:scan",
    paper="Jafarian and Park, Learning High Fidelity Depths of Dressed Humans, CVPR 2021",
    homepage="https://www.yasamin.page/hdnet_tiktok",
    licence="research only; videos belong to their authors",
    consent="not asked: videos found on TikTok",
    kinds=frozenset(),
    protocols=(SELF, CROSS, LAST_SIX, DISCO_TEN),
    where="bench data prepare tiktok --from DIR",
    get=(
        "the page of the data set (TikTok_dataset: images, masks, densepose of 340 sequences)",
        "for the other test set the ten videos of DisCo's archive (8 of its own, 2 of TikTok), in disco-test/",
    ),
    layouts=(
        "TikTok_dataset/NNNNN/{images,masks,densepose}/*.png (NNNNN.mp4 is read, too)",
        "optional disco-test/NAME/*.png, or disco-test.txt with sequence numbers, a line each",
    ),
    fps=30.0,
    fps_rule="30 frames per second",
    frames=(2, None),
    clip_name=r"\d{5}|disco/[^/]+",
    counts=(Count("page of the data set", {"train": 334, "test": 6}), Count("DisCo's test set", {"test": 10})),
    defects=(
        "two test sets circulate under one name: sequences 335 to 340, and DisCo's ten videos; numbers do not compare",
        "papers say 350 videos, the archive has 340",
        "no list of identities; several sequences show one dancer",
    ),
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """Sequences with masks and DensePose where they are there; test clips of both circulating sets.

    Raises:
        MissingInputError: another layout.
    """
    from datasets.errors import MissingInputError
    from datasets.store.card import how_to_get
    from datasets.store.items import ListedPair, Listing
    from datasets.store.readers import clip_paths, plain_name, read_list

    found = {
        name: path for root in _roots(folder) for path in clip_paths(root) if _is_sequence(name := plain_name(path))
    }
    if not found:
        raise MissingInputError(f"{folder} is not in the layout of the TikTok data set", how_to_get(SPEC))
    listed = folder / "disco-test.txt"
    disco = [f"{int(line):05d}" for line in read_list(listed)] if listed.is_file() else []
    extra = {f"disco/{plain_name(path)}": path for path in clip_paths(folder / "disco-test")}
    test = {*TEST, *disco, *extra}
    if options.test_list:
        test |= set(read_list(options.test_list))
    items = [_item(path, name, "test" if name in test else "train") for name, path in {**found, **extra}.items()]
    pairs = {LAST_SIX: tuple(ListedPair(name, 0, name, truth=True) for name in TEST)}
    if disco or extra:
        pairs[DISCO_TEN] = tuple(ListedPair(name, 0, name, truth=True) for name in (*disco, *extra))
    return Listing(tuple(items), pairs=pairs)


def _roots(folder: Path) -> list[Path]:
    nested = [folder / "TikTok_dataset" / "TikTok_dataset", folder / "TikTok_dataset", folder]
    return [next((p for p in nested if p.is_dir() and any(_is_sequence(q.stem) for q in p.iterdir())), folder)]


def _is_sequence(name: str) -> bool:
    return bool(re.fullmatch(r"\d{5}", name))


def _item(path: Path, name: str, split: str) -> Item:
    from datasets.store.readers import clip_item, read_labels
    from datasets.video import frame_files

    images = path / "images" if (path / "images").is_dir() else path
    annotations: dict[str, Callable[[], Array]] = {}
    masks, parts = path / "masks", path / "densepose"
    if masks.is_dir():
        annotations["mask"] = lambda: (read_labels(frame_files(masks), channel=0) > 127).astype("uint8")
    if parts.is_dir():
        annotations["iuv"] = lambda: _iuv(parts)
    return clip_item(
        images, name, split, identity=name, motion=name, source_video=name, annotations=annotations
    )  # fmt: skip


def _iuv(folder: Path) -> Array:
    """(T, H, W, 3) in the order I, U, V, whichever channel of the files holds the part. Raises SuiteError."""
    from datasets.store.densepose import read_iuv
    from datasets.video import frame_files

    return read_iuv(frame_files(folder))
