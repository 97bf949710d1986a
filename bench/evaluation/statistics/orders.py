"""Who is better than whom, who shares a place, and what two judges agree on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """Which methods are better than which; those of which neither is better are tied.

    Tied is not transitive: the first may be better than the third while neither is separable from the second.

    Attributes:
        methods: best first as far as the numbers go.
        beats: (better, worse) names.
    """

    methods: tuple[str, ...]
    beats: frozenset[tuple[str, str]]

    @classmethod
    def of_ranks(cls, ranks: Mapping[str, float]) -> Order:
        """From numbers of which the smaller one is better; equal numbers are tied."""
        names = sorted(ranks, key=lambda m: (ranks[m], m))
        return cls(tuple(names), frozenset((a, b) for a in names for b in names if ranks[a] < ranks[b]))

    @property
    def places(self) -> dict[str, int]:
        """1 + number of better methods. The group of the best are those than which none is better."""
        return {m: 1 + sum(b == m for _, b in self.beats) for m in self.methods}

    @property
    def ties(self) -> list[tuple[str, str]]:
        """Pairs of which neither is better, in the order of ``methods``."""
        names = self.methods
        return [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if not self._separable(a, b)]

    @property
    def letters(self) -> dict[str, str]:
        """Compact letter display (Piepho 2004): two methods share a letter just where they are tied.

        A letter is a largest set of methods that are all tied with each other; ``a`` is the set with the best method.
        """
        near = {m: {o for o in self.methods if o != m and not self._separable(m, o)} for m in self.methods}
        place = {m: i for i, m in enumerate(self.methods)}
        groups = sorted(sorted(place[m] for m in group) for group in _cliques(set(), set(near), set(), near))
        return {m: " ".join(_letter(i) for i, g in enumerate(groups) if place[m] in g) for m in self.methods}

    def _separable(self, a: str, b: str) -> bool:
        return (a, b) in self.beats or (b, a) in self.beats


def _cliques(chosen: set[str], open_: set[str], done: set[str], near: Mapping[str, set[str]]) -> Iterable[set[str]]:
    """Largest sets in which all are near each other (Bron and Kerbosch 1973, with a pivot)."""
    if not open_ and not done:
        if chosen:
            yield chosen
        return
    pivot = max(sorted(open_ | done), key=lambda m: len(open_ & near[m]))
    for name in sorted(open_ - near[pivot]):
        yield from _cliques(chosen | {name}, open_ & near[name], done & near[name], near)
        open_, done = open_ - {name}, done | {name}


def _letter(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("a") + digit) + text
    return text


def merge_orders(first: Order, *others: Order) -> Order:
    """What all judges say: a method is better only where it is better by every judge; all else is a tie.

    So a pair that two judges rank differently, or that one of them cannot separate, is a tie.

    Raises:
        ValueError: they are not about the same methods.
    """
    for other in others:
        if set(other.methods) != set(first.methods):
            odd = sorted(set(other.methods) ^ set(first.methods))
            raise ValueError(f"only one of the judges ranks {', '.join(odd)}: merge orders of the same methods")
    orders = (first, *others)
    middle = {m: sum(o.methods.index(m) for o in orders) for m in first.methods}
    names = sorted(first.methods, key=lambda m: (middle[m], m))
    return Order(tuple(names), frozenset.intersection(*(o.beats for o in orders)))
