"""MGif (Siarohin et al., Animating Arbitrary Objects via Deep Motion Transfer, CVPR 2019): cartoon animals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from datasets.store.card import CROSS, SELF, Count, RealSpec, opener

if TYPE_CHECKING:
    from datasets.store.items import Listing, Options

SPEC = RealSpec(
    name="mgif",
    title="MGif: cartoon animals, no people",
    factory="datasets.real.mgif:OPEN",
    scan="datasets.real.mgif:scan",
    paper="Siarohin et al., Animating Arbitrary Objects via Deep Motion Transfer, CVPR 2019",
    homepage="https://github.com/AliaksandrSiarohin/monkey-net/tree/master/sup-mat/MGif",
    licence="none stated; gifs collected by web search",
    consent="shows no people",
    kinds=frozenset(),
    protocols=(SELF, CROSS),
    where="bench data prepare mgif --from DIR",
    get=("the Yandex archive that the page of monkey-net links", "an old copy in your laboratory"),
    layouts=("train/ and test/ with .gif files (or folders of .png)",),
    fps_rule="the timing inside the gifs is ignored; 25 frames per second are assumed",
    frames=(2, None),
    one_size=True,
    counts=(Count("Siarohin et al. 2019", {"train": 900, "test": 100}),),
    defects=(
        "palette, grey and transparent frames; transparency is laid on white",
        "single images among the gifs are left out",
    ),
)
OPEN = opener(SPEC)


def scan(folder: Path, options: Options) -> Listing:
    """Clips of FOMM's layouts. Raises as :mod:`datasets.store.fomm`."""
    from datasets.store import fomm

    return fomm.scan(SPEC, folder, options, {})
