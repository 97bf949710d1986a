"""Published recipes by name: which metric profiles a table was made with, faults included, and who reports them.

``bench evaluate --profiles NAME`` measures a recipe, with the clean definition beside each number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.evaluation.base import MetricSpec
from bench.evaluation.select import find_metric
from datasets.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """A published way of measuring.

    Attributes:
        metrics: ``name@profile`` of the recipe -> the clean definition to read beside it.
        windows, covariance: of its distances of videos. faults: what differs from what the names promise.
        reported: who prints numbers made so -> what is known of it.
    """

    name: str
    title: str
    metrics: Mapping[str, str]
    windows: str
    covariance: str
    faults: tuple[str, ...]
    reported: Mapping[str, str]


_DISCO_L1 = "L1 is divided by H W once more: it depends on the resolution (3e-4 at 256 x 256 are 20 grey levels)"
_DISCO_LPIPS = "LPIPS is fed [0, 1] where its network expects [-1, 1]"
_DISCO_SSIM = "SSIM is of grey images with a flat window of 7 pixels"
_FEW = "ten test clips: a covariance of ten independent clips has rank nine at most, however many windows there are"

DISCO_2023 = Recipe(
    name="disco-2023",
    title="DisCo's evaluation scripts of 2023 (TikTok tables)",
    metrics={
        "l1@disco-2023": "l1@default",
        "psnr@disco-2023": "psnr@default",
        "ssim@disco": "ssim@default",
        "lpips-vgg@disco-2023": "lpips-vgg@default",
        "fid@default": "fid@default",
        "fid-vid@default": "fid-vid@default",
    },
    windows="frames went through a GIF or mp4 at 3 frames a second and came back as eight times as many; not repeated "
    "here, so FVD has no value under this recipe",
    covariance="over n - 1",
    faults=(
        "PSNR wraps around in 8 bits: whatever is far off tends to 27.9 dB",
        _DISCO_L1,
        _DISCO_LPIPS,
        _DISCO_SSIM,
        _FEW,
    ),
    reported={
        "DisCo": "its own scripts",
        "MagicAnimate": "says that it used them",
        "Champ": "kept their PSNR on purpose, to compare with earlier tables",
        "UniAnimate": "prints PSNR so, and PSNR* repaired (disco-2024)",
    },
)
DISCO_2024 = Recipe(
    name="disco-2024",
    title="DisCo's evaluation scripts with the repaired PSNR",
    metrics={
        "l1@disco-2023": "l1@default",
        "psnr@disco-2024": "psnr@default",
        "ssim@disco": "ssim@default",
        "lpips-vgg@disco-2023": "lpips-vgg@default",
        "fid@default": "fid@default",
        "fid-vid@default": "fid-vid@default",
        "fvd@disco-2024": "fvd@default",
        "kvd@default": "kvd@default",
    },
    windows="16 frames, one window from every frame on: they overlap, and n looks 16 times as large as it is",
    covariance="over n - 1",
    faults=(_DISCO_L1, _DISCO_LPIPS, _DISCO_SSIM, _FEW),
    reported={
        "StableAnimator": "refers to DisCo's scripts; which revision is not said",
        "UniAnimate": "PSNR* only",
    },
)
STYLEGANV = Recipe(
    name="styleganv",
    title="FVD of StyleGAN-V",
    metrics={"fvd@styleganv-fvd": "fvd@default", "kvd@default": "kvd@default"},
    windows="16 frames, stride 16, a shorter rest left out; shorter side to 224 bilinear, centre crop",
    covariance="over n - 1",
    faults=(),
    reported={},
)
CDFVD = Recipe(
    name="cdfvd",
    title="FVD of package cd-fvd",
    metrics={"fvd@cdfvd": "fvd@default", "kvd@default": "kvd@default"},
    windows="16 frames, stride 16; frames stretched to 224 x 224 bilinear",
    covariance="over n: at n = 10 the traces are a tenth smaller",
    faults=("its n_fake=2048 draws a small folder again and again up to 2048 items; not repeated here",),
    reported={},
)
RECIPES = {recipe.name: recipe for recipe in (DISCO_2023, DISCO_2024, STYLEGANV, CDFVD)}
#: Published tables whose recipe is not known, with what is.
UNKNOWN = {
    "Animate Anyone": "SSIM, PSNR, LPIPS and FVD without evaluation code: compare with no profile",
    "MimicMotion": "FID-VID, FVD, SSIM and PSNR on another split (sequences 335 to 340, six clips)",
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises UsageError naming the known ones."""
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}", f"choose all, {', '.join(RECIPES)}")
    return RECIPES[name]


def recipe_metrics(recipe: Recipe, wanted: Iterable[str] = ()) -> list[MetricSpec]:
    """Cards of a recipe's profiles, each followed by its clean definition; of the metrics ``wanted`` by name, or all.

    Raises:
        UsageError: a wanted metric that the recipe does not have.
    """
    names = {name.partition("@")[0] for name in recipe.metrics}
    asked = {name.partition("@")[0] for name in wanted}
    if asked - names:
        raise UsageError(f"{recipe.name} has no {sorted(asked - names)[0]}", f"it has {', '.join(sorted(names))}")
    chosen = [pair for pair in recipe.metrics.items() if not asked or pair[0].partition("@")[0] in asked]
    return list({name: find_metric(name) for pair in chosen for name in pair}.values())


def recipe_text(recipe: Recipe) -> list[str]:
    """What to know before reading its numbers, a line each."""
    lines = [f"{recipe.name}: {recipe.title}", f"windows: {recipe.windows}", f"covariance: {recipe.covariance}"]
    lines += [f"fault, kept on purpose: {fault}" for fault in recipe.faults]
    lines += [f"reported so by {paper}: {note}" for paper, note in recipe.reported.items()]
    others = {p: r.name for r in RECIPES.values() if r is not recipe for p in r.reported if p not in recipe.reported}
    lines += [f"warning: {paper} reports {name}; do not put its numbers beside these" for paper, name in others.items()]
    return lines + [f"warning: {paper}: {note}" for paper, note in UNKNOWN.items()]
