"""Cards of the annotators: data only, cheap to import. The first of a role is its default."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from datasets.annotators.base import Annotator, AnnotatorCard
from datasets.errors import UsageError

_HERE = "datasets.annotators"
_PEOPLE = ("mask", "parsing6", "parsing20", "iuv", "face")

CARDS: tuple[AnnotatorCard, ...] = (
    AnnotatorCard(
        name="mtcnn",
        role="face",
        title="MTCNN of facenet-pytorch: box of the largest face",
        outputs=("face",),
        implementation=f"{_HERE}.mtcnn:Mtcnn",
        licence="MIT; weights come with the package, trained on WIDER FACE and CelebA",
        extra="metrics",
        measured="yes: real weights on real video",
    ),
    AnnotatorCard(
        name="median-telea",
        role="background",
        title="Temporal median of visible pixels, Telea's inpainting of the rest",
        outputs=("background",),
        implementation=f"{_HERE}.background:Background",
        licence="own code; OpenCV Apache-2.0",
        uses=_PEOPLE,
        measured="yes: real video",
    ),
    AnnotatorCard(
        name="median-lama",
        role="background",
        title="Temporal median of visible pixels, LaMa's inpainting of the rest (TorchScript)",
        outputs=("background",),
        implementation=f"{_HERE}.background:Lama",
        licence="Apache-2.0; trained on Places2 (research terms)",
        weights=("lama",),
        uses=_PEOPLE,
        measured="structure only: random weights",
    ),
)

#: Kind -> role that makes it, for messages.
ROLE_OF = {kind: card.role for card in reversed(CARDS) for kind in card.outputs}
ROLES = tuple(dict.fromkeys(card.role for card in CARDS))


def chosen(words: Sequence[str]) -> list[tuple[AnnotatorCard, tuple[str, ...]]]:
    """The annotators that words ask for, those first whose answers others read.

    Args:
        words: roles (their default annotator), names of annotators, or ``ROLE=NAME``; behind ``@`` signs a name's
            arguments (``mmpose@config.py@checkpoint.pth``).

    Raises:
        UsageError: unknown (with the nearest), or two that make the same kind.
    """
    found: dict[str, tuple[AnnotatorCard, tuple[str, ...]]] = {}
    for word in words:
        name, *arguments = word.split("@")
        card = _card(name)
        if len(arguments) != len(card.arguments):
            form = "@".join([card.name, *card.arguments])
            raise UsageError(f"{card.name} takes {len(card.arguments)} arguments, {len(arguments)} are given", form)
        found[card.name] = (card, tuple(arguments))
    made: dict[str, str] = {}
    for card, _ in found.values():
        for kind in card.outputs:
            if kind in made:
                raise UsageError(f"{made[kind]} and {card.name} both make {kind}", "choose one of them")
            made[kind] = card.name
    return _in_order(list(found.values()))


def _card(word: str) -> AnnotatorCard:
    role, _, name = word.rpartition("=")
    cards = [card for card in CARDS if not role or card.role == role]
    named = {card.role: card for card in reversed(cards)} | {card.name: card for card in cards}
    if role and role not in ROLES:
        raise UsageError(f"there is no annotation {role!r}", f"known: {', '.join(ROLES)}")
    if name not in named:
        near = difflib.get_close_matches(name, named, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"there is no annotator {word!r}", f"{hint}known: {', '.join(named)} (bench data annotators)")
    return named[name]


def _in_order(cards: list[tuple[AnnotatorCard, tuple[str, ...]]]) -> list[tuple[AnnotatorCard, tuple[str, ...]]]:
    """Whoever reads annotations comes behind whoever makes them."""
    ordered: list[tuple[AnnotatorCard, tuple[str, ...]]] = []
    left = list(cards)
    while left:
        waiting = {kind for card, _ in left for kind in card.outputs}
        ready = [entry for entry in left if not waiting & {*entry[0].uses, *entry[0].needs} - {*entry[0].outputs}]
        ordered += ready or left[:1]
        left = [entry for entry in left if entry not in ordered]
    return ordered


def load(card: AnnotatorCard, arguments: Sequence[str] = (), device: str = "cpu") -> Annotator:
    """Load an annotator. Raises MissingInputError where its weights or packages are not here, with the command."""
    from importlib import import_module

    module, _, attribute = card.implementation.partition(":")
    annotator: Annotator = getattr(import_module(module), attribute)(card, device, *arguments)
    return annotator
