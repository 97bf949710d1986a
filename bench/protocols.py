"""A protocol, fixed: what exactly is compared with what. Its hash stands in every score and on every board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench import registry
from datasets.base import Dataset, Pair
from datasets.errors import UsageError
from datasets.files import digest

#: How frames come to the protocol's size (``datasets.letterbox``); the synthetic world renders at that size.
RESIZE = "letterbox, area when shrinking, linear when enlarging"


@dataclass(frozen=True)
class Protocol:
    """An immutable comparison; another pair list, size or target is another protocol.

    Attributes:
        name: ``cross-animation@1``.
        target: ``pose/place`` of the truth, None where there is no truth.
        data: fingerprint of the test split.
        size: side of the frames in pixels.
        headline: ids of the built-in metrics that stand on the board's first view.
    """

    name: str
    target: str | None
    pairs: tuple[Pair, ...]
    data: str
    size: int
    annotation_class: str
    headline: tuple[str, ...] = ()
    resize: str = RESIZE

    @property
    def pairs_hash(self) -> str:
        """SHA-256 of the pair list alone: what generation depends on."""
        return digest([asdict(pair) for pair in self.pairs])

    @property
    def hash(self) -> str:
        """SHA-256 of everything above."""
        return digest(asdict(self))

    @property
    def hash8(self) -> str:
        """The first 8 digits of :attr:`hash`, as boards print it."""
        return self.hash[:8]

    @property
    def frames(self) -> int:
        """Generated frames of all pairs."""
        return sum(pair.stop - pair.start for pair in self.pairs)


def open_protocol(dataset: Dataset, name: str) -> Protocol:
    """The protocol of that name as this data set, preset and annotation class define it.

    Raises:
        UsageError: the data set does not have it.
    """
    listed = dataset.pairs(name)
    return Protocol(
        name=listed.name,
        target=listed.target,
        pairs=listed.pairs,
        data=dataset.fingerprint("test"),
        size=dataset.size,
        annotation_class=dataset.annotation_class,
        headline=_headline(name),
    )


def choose(dataset: Dataset, asked: Sequence[str]) -> tuple[str, ...]:
    """The protocols to run: those asked for, else all of the data set.

    Raises:
        UsageError: the data set does not have one of them; ``@1`` may be left out.
    """
    known = dataset.spec.protocols
    chosen = []
    for name in asked or known:
        full = next((k for k in known if name in (k, k.partition("@")[0])), None)
        if full is None:
            raise UsageError(
                f"data set {dataset.spec.name!r} has no protocol {name!r}", f"it has: {', '.join(known) or 'none'}"
            )
        chosen.append(full)
    return tuple(dict.fromkeys(chosen))


def _headline(protocol: str) -> tuple[str, ...]:
    """Headline metrics of the suite itself: an installed plugin must not change the protocol's hash."""
    specs = [entry.load() for entry in registry.entries("metrics").values() if not entry.distribution]
    return tuple(sorted(s.id for s in specs if s.headline and (not s.protocols or protocol in s.protocols)))
