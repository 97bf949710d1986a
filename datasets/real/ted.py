"""TED-talks (Siarohin et al., Motion Representations for Articulated Animation, CVPR 2021): upper bodies, 384 x 384."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Listing, Options

SPEC = RealSpec(
    name="ted",
    title="TED-talks: speakers, upper body",
    factory="datasets.real.ted:OPEN",
    scan="datasets.real.ted:scan",
    paper="Siarohin et al., Motion Representations for Articulated Animation, CVPR 2021",
    homepage="https://github.com/snap-research/articulated-animation",
    licence="no licence is granted for the list (Snap); talks of TED are CC BY-NC-ND",
    consent="speakers agreed to publication by TED; to nothing else",
    kinds=frozenset(),
    protocols=(SELF, CROSS),
    where="bench data prepare ted --from DIR",
    get=(
        "an old copy in your laboratory",
        "the Baidu archive that Thin-Plate-Spline-Motion-Model links",
        "the whole talks with a downloader of your own, beside the metadata table (and --test-list)",
    ),
    layouts=(
        "train/ and test/ with clips named ID#START#END as .mp4, .gif, strips or folders of .png",
        "whole videos named ID.mp4 beside the metadata table, of which both forms are read",
    ),
    resolution=(384, 384),
    fps_rule="each clip keeps its own rate; the table's fps column says 10.0 for every clip and is not believed",
    frames=(64, 1024),
    one_size=True,
    clip_name=r"[A-Za-z0-9_-]{11}#\d{6}#\d{6}",
    counts=(
        Count("papers", {"train": 1123, "test": 131}),
        Count("table in the repository", {"train": 1320, "test": 0}),
    ),
    defects=(
        "the table in the repository has start = end = 0, its range is inside video_id",
        "that table has no test split: the suite refuses to invent one (--test-list)",
        "ted384-metadata.csv, which the README asks for, is not in the repository",
    ),
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """Clips of FOMM's layouts. Raises as :mod:`datasets.store.fomm`."""
    from datasets.store import fomm

    return fomm.scan(SPEC, folder, options, {}, trust_rates=False)
