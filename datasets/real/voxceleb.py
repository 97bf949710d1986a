"""VoxCeleb(1) as FOMM crops it (Nagrani et al., Interspeech 2017): talking heads, 256 x 256."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Listing, Options

FOMM_PAIRS = "fomm-pairs@1"
SPEC = RealSpec(
    name="voxceleb",
    title="VoxCeleb: talking heads of YouTube",
    factory="datasets.real.voxceleb:OPEN",
    scan="datasets.real.voxceleb:scan",
    paper="Nagrani et al., VoxCeleb: a large-scale speaker identification dataset, Interspeech 2017",
    homepage="https://github.com/AliaksandrSiarohin/video-preprocessing",
    licence="metadata CC BY 4.0; videos belong to their authors, YouTube's terms apply",
    consent="not asked: public figures in videos found on YouTube",
    kinds=frozenset(),
    protocols=(SELF, CROSS, FOMM_PAIRS),
    where="bench data prepare voxceleb --from DIR",
    get=(
        "an old copy in your laboratory",
        "the Baidu archive that Thin-Plate-Spline-Motion-Model links (cat vox.tar.* > vox.tar)",
        "the whole videos with a downloader of your own, beside vox-metadata.csv of video-preprocessing",
    ),
    layouts=(
        "train/ and test/ with clips named PERSON#ID#START#END as .mp4, .gif, strips or folders of .png",
        "whole videos named ID.mp4 beside vox-metadata.csv",
    ),
    crop="the published box: stretched to a square as the official script does, or --crop padded",
    fps=25.0,
    fps_rule="25 frames per second",
    frames=(64, 1024),
    one_size=True,
    clip_name=r"id\d{5}#[A-Za-z0-9_-]{11}#\d{6}#\d{6}",
    counts=(
        Count("metadata", {"train": 19550, "test": 525}),
        Count("metadata without duplicate rows", {"train": 19242, "test": 525}),
    ),
    defects=(
        "308 duplicate rows",
        "videos hgB5ziAudzU, ST2JZXcyYkE and persons id10282, id10306 are in both splits (voxceleb:person-disjoint)",
        "89 % of the boxes are not square; the official script stretches them, other copies pad them",
        "vox256.csv, which FOMM's config names, was never published",
    ),
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """Clips of FOMM's layouts. Raises as :mod:`datasets.store.fomm`."""
    from datasets.store import fomm

    return fomm.scan(SPEC, folder, options, {FOMM_PAIRS: "vox256*.csv"})
