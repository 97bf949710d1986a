"""A protocol, fixed: what exactly is compared with what. Its hash stands in every score and on every board."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from bench import registry
from bench.identity import protocol_hash
from datasets.base import Dataset, Pair, PairList


@dataclass(frozen=True)
class Protocol:
    """An immutable comparison; another pair list, size, target or budget is another protocol.

    Attributes:
        dataset: gives the data fingerprint, the size and the annotation class.
        listed: name, pairs and target.
        preset: the budget.
    """

    dataset: Dataset
    listed: PairList
    preset: str

    @property
    def name(self) -> str:
        """``cross-animation@1``."""
        return self.listed.name

    @property
    def target(self) -> str | None:
        """``pose/place`` of the truth; None where there is no truth."""
        return self.listed.target

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """What is generated and scored, in a fixed order."""
        return self.listed.pairs

    @property
    def frames(self) -> int:
        """Generated frames of all pairs."""
        return sum(pair.stop - pair.start for pair in self.pairs)

    @cached_property
    def hash8(self) -> str:
        """8 hexadecimal digits over data, pairs, size, target, annotation class, budget and headline metrics."""
        return protocol_hash(self.dataset, self.listed, self.preset, headline_metrics())


@cache
def headline_metrics() -> tuple[str, ...]:
    """Ids of the suite's own headline metrics; an installed plugin must not change a protocol's hash."""
    specs = [entry.load() for entry in registry.entries("metrics").values() if not entry.distribution]
    return tuple(sorted(spec.id for spec in specs if spec.headline))
