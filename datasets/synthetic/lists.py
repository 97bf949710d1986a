"""The test lists: which identity is filmed, and who drives whom. Committed as CSV files in ``pairs/``.

The design is balanced: every test identity and every test motion is used equally often. A driver is a person of similar
build (``docs/decisions/0005-drivers-of-similar-build.md``): body shape is the subject of ``cross-shape@1`` alone. Write
the files again with ``python -m datasets.synthetic.lists``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from .shape import Shape, distance
from .wardrobe import sample_person
from .world import framing_of, kind_of, seed_of

SELF = "self-reconstruction@1"
CROSS = "cross-animation@1"
RELATIVE = "cross-animation-relative@1"
PLACE = "cross-place@1"
SHAPE = "cross-shape@1"
LITE = "synthetic-lite@1"
PROTOCOLS = (SELF, CROSS, RELATIVE, PLACE, SHAPE)
#: Protocols that show a part of another one's pairs: no clip of their own, so they change no fingerprint.
PARTS = (LITE,)
#: Truth of each protocol as ``pose/place``.
TARGETS = {SELF: "self", CROSS: "abs/src", RELATIVE: "rel/src", PLACE: "abs/src", SHAPE: "abs/src", LITE: "abs/src"}
#: Pairs and frames of the list for slow methods (fewer where a preset has fewer).
LITE_PAIRS, LITE_FRAMES = 20, 24
LEVELS = 5
#: Camera of the driving video against the source's, by level: distance factor and shift in image heights.
ZOOM = (1.0, 1.15, 1.3, 1.5, 1.75)
SHIFT = (0.0, 0.04, 0.08, 0.12, 0.16)
_FOLDER = Path(__file__).parent / "pairs"
_SIZES = {"tiny": 6, "quick": 36, "standard": 96}  # test identities = pairs of a ranked protocol
_SLICE_GROUPS = {"tiny": 1, "quick": 6, "standard": 18}  # pairs that are repeated at every level


@dataclass(frozen=True)
class Row:
    """One pair of a test list.

    Attributes:
        id: unique in the list. source, driving: numbers of the test clips whose identity, motion and scene are used.
        kind, framing: of the driving motion, and of the (shared) camera. level: 0..4 of the slice protocols.
    """

    id: str
    source: int
    driving: int
    kind: str
    framing: str
    level: int


def make_rows(protocol: str, size: str, draw: int = 0) -> list[Row]:
    """The pairs of a protocol by the design's law.

    Args:
        size: ``tiny``, ``quick`` or ``standard``.
        draw: 0 for the committed test set, N > 0 for a fresh one (other people, so other drivers fit).
    """
    n = _SIZES[size]
    if protocol == LITE:  # the first 18 motions show every kind in every framing once
        return make_rows(CROSS, size, draw)[:LITE_PAIRS]
    if protocol == SELF:
        return [Row(f"self-{i:03d}", i, i, kind_of(i), framing_of(i), 0) for i in range(n)]
    sources = _drivers(n, draw)
    if protocol in (CROSS, RELATIVE):
        return [Row(f"cross-{i:03d}", sources[i], i, kind_of(i), framing_of(i), 0) for i in range(n)]
    name = "place" if protocol == PLACE else "shape"
    chosen = _spread(n, _SLICE_GROUPS[size])
    return [
        Row(f"{name}-{i:03d}-level-{level}", sources[i], i, kind_of(i), framing_of(i), level)
        for i in chosen
        for level in range(LEVELS)
    ]


def _drivers(n: int, draw: int) -> dict[int, int]:
    """Driving number -> source number: within each framing the one-to-one assignment of least total mismatch in build,
    in which nobody drives himself and, where the framing has other kinds, no motion meets one of its own kind."""
    shapes = [sample_person(seed_of("test", i, draw))[0] for i in range(n)]
    out: dict[int, int] = {}
    for framing in sorted({framing_of(i) for i in range(n)}):
        group = [i for i in range(n) if framing_of(i) == framing]
        cost = [[build_mismatch(shapes[d], shapes[s]) + _forbidden(d, s) for s in group] for d in group]
        rows, columns = linear_sum_assignment(np.array(cost))
        out |= {group[d]: group[s] for d, s in zip(rows, columns, strict=True)}
    return out


def build_mismatch(a: Shape, b: Shape) -> float:
    """Mismatch in build. Height counts most: it moves every pixel of the body."""
    return 3.0 * abs(float(np.log(a.height / b.height))) + distance(a, b)


def _forbidden(driving: int, source: int) -> float:
    if driving == source:
        return 1e6
    return 1e3 if kind_of(driving) == kind_of(source) else 0.0


def _spread(n: int, count: int) -> list[int]:
    """``count`` numbers whose kinds and framings are spread evenly; one is whole-body where there is only one."""
    if count == 1:
        return [next(i for i in range(n) if framing_of(i) == "full")]
    return [i * 7 % n for i in range(count)] if count <= 6 else list(range(count))


def list_path(protocol: str, size: str) -> Path:
    """The committed file of a list."""
    return _FOLDER / f"{protocol.replace('@', '-v')}.{size}.csv"


def read_rows(protocol: str, size: str) -> list[Row]:
    """The committed pairs of a protocol."""
    with list_path(protocol, size).open(encoding="utf-8", newline="") as file:
        return [
            Row(r["id"], int(r["source"]), int(r["driving"]), r["kind"], r["framing"], int(r["level"]))
            for r in csv.DictReader(file)
        ]


def all_lists() -> Iterator[tuple[str, str]]:
    """Every (protocol, size) that has a file; the relative protocol has the pairs of the absolute one."""
    yield from ((p, s) for p in (*PROTOCOLS, LITE) if p != RELATIVE for s in _SIZES)


def write_lists() -> None:
    """Write all files again."""
    _FOLDER.mkdir(exist_ok=True)
    for protocol, size in all_lists():
        with list_path(protocol, size).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in make_rows(protocol, size))


if __name__ == "__main__":
    write_lists()
