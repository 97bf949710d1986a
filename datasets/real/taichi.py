"""TaiChiHD (Siarohin et al., First Order Motion Model, NeurIPS 2019): tai-chi videos of YouTube, 256 x 256."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Listing, Options

FOMM_PAIRS = "fomm-pairs@1"
SPEC = RealSpec(
    name="taichi",
    title="TaiChiHD: tai-chi of YouTube, full body",
    factory="datasets.real.taichi:OPEN",
    scan="datasets.real.taichi:scan",
    paper="Siarohin et al., First Order Motion Model for Image Animation, NeurIPS 2019",
    homepage="https://github.com/AliaksandrSiarohin/first-order-model",
    licence="list MIT (FOMM); videos belong to their authors, YouTube's terms apply",
    consent="not asked: videos found on YouTube",
    kinds=frozenset(),
    protocols=(SELF, CROSS, FOMM_PAIRS),
    where="bench data prepare taichi --from DIR",
    get=(
        "an old copy in your laboratory",
        "the Baidu archive that Thin-Plate-Spline-Motion-Model links",
        "the whole videos with a downloader of your own, beside taichi-metadata.csv of FOMM; most links are dead",
    ),
    layouts=(
        "train/ and test/ with clips named ID#START#END as .mp4, .gif, strips or folders of .png",
        "whole videos named ID.mp4 beside taichi-metadata.csv",
    ),
    fps_rule="each clip keeps its own rate (15 to 60 frames per second); temporal metrics count in seconds",
    frames=(128, 1024),
    one_size=True,
    clip_name=r"[A-Za-z0-9_-]{11}#\d{6}#\d{6}",
    counts=(
        Count("metadata of FOMM", {"train": 3049, "test": 285}),
        Count("MRAA and later papers (dead links)", {"train": 2927, "test": 253}),
    ),
    defects=(
        "rates from 15 to 60 frames per second",
        "dead links: papers differ in their clips, so two numbers compare only where the fingerprint is the same",
        "sorted by text, frame10.png comes before frame9.png",
    ),
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """Clips of FOMM's layouts, and FOMM's pair list (``data/taichi256.csv``). Raises as :mod:`datasets.store.fomm`."""
    from datasets.store import fomm

    return fomm.scan(SPEC, folder, options, {FOMM_PAIRS: "taichi256*.csv"})
