"""Cards of the annotators: data only, cheap to import. The first of a role is its default."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from datasets.annotators.base import Annotator, AnnotatorCard
from datasets.errors import UsageError

_HERE = "datasets.annotators"
_PEOPLE = ("mask", "parsing6", "parsing20", "iuv", "face")

_STRUCTURE = "structure only, random weights"

_KEYPOINTS = (
    AnnotatorCard(
        name="dwpose",
        role="keypoints",
        title="DWPose-l 384 x 288 by ONNX: body, feet, hands, face; box by YOLOX-l where its file is",
        outputs=("keypoints",),
        implementation=f"{_HERE}.keypoints:dwpose",
        licence="Apache-2.0; trained on UBody and COCO-WholeBody",
        weights=("dwpose",),
        extra="pose",
        measured=_STRUCTURE,
    ),
    AnnotatorCard(
        name="mmpose",
        role="keypoints",
        title="Any top-down whole-body config of mmpose with its checkpoint",
        outputs=("keypoints",),
        implementation=f"{_HERE}.keypoints:mmpose",
        licence="Apache-2.0; see the checkpoint",
        extra="pose",
        arguments=("CONFIG", "CHECKPOINT"),
        measured=_STRUCTURE,
    ),
    AnnotatorCard(
        name="keypointrcnn",
        role="keypoints",
        title="Keypoint R-CNN of torchvision: 17 points of COCO, no feet, hands or face",
        outputs=("keypoints",),
        implementation=f"{_HERE}.keypoints:KeypointRCNN",
        licence="BSD-3-Clause; trained on COCO",
        weights=("keypointrcnn",),
        measured=_STRUCTURE,
    ),
)
_SURFACE = (
    AnnotatorCard(
        name="densepose",
        role="iuv",
        title="DensePose R101-FPN-DL as TorchScript: parts, U and V of the largest person",
        outputs=("iuv",),
        implementation=f"{_HERE}.densepose:DensePose",
        licence="CC BY-SA 3.0; trained on DensePose-COCO (CC BY-NC)",
        weights=("densepose",),
        measured="postprocessing only: the export is not here",
    ),
)
_PARSING = tuple(
    AnnotatorCard(
        name=name,
        role="parsing",
        title=title,
        outputs=("parsing20", "parsing6"),
        implementation=f"{_HERE}.parsing:{attribute}",
        licence=licence,
        weights=(name,),
        measured=_STRUCTURE,
    )
    for name, attribute, title, licence in (
        ("schp-lip", "schp_lip", "SCHP (CE2P, ResNet-101), LIP's 20 labels", "MIT; trained on LIP (research)"),
        ("schp-atr", "schp_atr", "SCHP (CE2P, ResNet-101), ATR's 18 labels", "MIT; trained on ATR (research)"),
        (
            "segformer-clothes", "segformer", "SegFormer-B2, ATR's 18 labels",
            "see its model card (SegFormer: non-commercial); trained on ATR",
        ),
    )
)  # fmt: skip
_MASKS = (
    AnnotatorCard(
        name="labels-mask",
        role="mask",
        title="The person is where parsing, or else IUV, is not background",
        outputs=("mask",),
        implementation=f"{_HERE}.masks:MaskOfLabels",
        licence="own code",
        needs=("parsing6", "parsing20", "iuv"),
        measured="yes: it is a rule",
    ),
    *(
        AnnotatorCard(
            name=name,
            role="mask",
            title=f"Robust Video Matting, {trunk}, as TorchScript; alpha of 0.5 and more",
            outputs=("mask",),
            implementation=f"{_HERE}.masks:Matting",
            licence="GPL-3.0 (a file that you bring; no code of it is here)",
            weights=(name,),
            measured="calls and memory only: the file is not here",
        )
        for name, trunk in (("rvm", "MobileNetV3"), ("rvm-resnet50", "ResNet-50"))
    ),
)
_FLOW = (
    AnnotatorCard(
        name="raft-large",
        role="flow",
        title="RAFT-large of torchvision, 12 updates, with a forward-backward check",
        outputs=("flow", "occlusion"),
        implementation=f"{_HERE}.flow:raft",
        licence="BSD-3-Clause; trained on FlyingChairs, FlyingThings3D, Sintel, KITTI, HD1K",
        weights=("raft-large",),
        measured=_STRUCTURE,
    ),
    AnnotatorCard(
        name="raft-small",
        role="flow",
        title="RAFT-small of torchvision, 12 updates, with a forward-backward check",
        outputs=("flow", "occlusion"),
        implementation=f"{_HERE}.flow:raft",
        licence="BSD-3-Clause; trained on FlyingChairs, FlyingThings3D",
        weights=("raft-small",),
        measured=_STRUCTURE,
    ),
    AnnotatorCard(
        name="dis",
        role="flow",
        title="Dense Inverse Search of OpenCV, preset medium: no weights",
        outputs=("flow", "occlusion"),
        implementation=f"{_HERE}.flow:dis",
        licence="OpenCV Apache-2.0",
        measured="yes: synthetic truth",
    ),
)
_SCENE = (
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
        measured="calls only: the file is not here",
    ),
)
#: All of them, by role.
CARDS: tuple[AnnotatorCard, ...] = (*_KEYPOINTS, *_SURFACE, *_PARSING, *_MASKS, *_FLOW, *_SCENE)

#: Kind -> role that makes it, for messages.
ROLE_OF = {kind: card.role for card in reversed(CARDS) for kind in card.outputs}
ROLES = tuple(dict.fromkeys(card.role for card in CARDS))


def how_to_annotate(dataset: str, kinds: Iterable[str]) -> str:
    """The command that makes annotation kinds of a data set, "" where no annotator makes them."""
    roles = dict.fromkeys(ROLE_OF[kind] for kind in kinds if kind in ROLE_OF)
    return f"bench data annotate {dataset} --with {','.join(roles)}" if roles else ""


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
