"""Spaces are checked against the method's config; what is asked for is checked before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import registry
from datasets.errors import MissingInputError, UsageError
from methods.base import MethodSpec
from sweeps.request import parse_budget, parse_constraints, parse_objective
from sweeps.space import SPACES, load_space


def write(path: Path, text: str) -> Path:
    path.write_text("[space]\n" + text)
    return path


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.toml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("preset", ["tiny", "quick", "standard", "paper"])
def test_every_shipped_space_fits_its_method_under_every_preset(path: Path, preset: str) -> None:
    space = load_space(path.stem, preset)
    assert space.parameters
    for key, parameter in space.parameters.items():
        value = space.published[key]
        assert parameter.type == "categorical" or parameter.low <= value <= parameter.high  # type: ignore[operator]


def test_every_method_that_trains_has_a_space() -> None:
    trained = []
    for name, entry in registry.entries("methods").items():
        spec: MethodSpec = entry.load() if not entry.distribution else None  # type: ignore[assignment]
        if spec is not None and not spec.sanity and spec.paper:
            trained.append(name)
    assert not set(trained) - {path.stem for path in SPACES.glob("*.toml")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"train.rl" = {type = "float", low = 0.1, high = 1.0}', "did you mean 'train.lr'"),
        ('"train.lr" = {type = "float", low = -1.0, high = 1.0}', "greater than"),
        ('"train.lr" = {type = "float", low = 1.0, high = 0.1}', "low < high"),
        ('"train.lr" = {type = "float", low = 0.0, high = 0.1, log = true}', "low > 0"),
        ('"train.lr" = {type = "flaot", low = 0.0, high = 0.1}', "'float', 'int' or 'categorical'"),
        ('"train.lr" = {type = "categorical", low = 0.1}', "has choices"),
        ('"train.batch" = {type = "int", low = 2, high = 64, step = 7}', "not on its grid"),
        ('"loss.l1" = {type = "float", low = 0.1, high = 1.0, log = true}', ""),
        ('"train.lr" = {type = "float", low = 1e-5, high = 1e-3, when = {num_tps = 5}}', "does not stand above it"),
        ("not toml", "is no TOML"),
        ("", "at least 1 item"),
    ],
)
def test_a_wrong_space_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    preset = "paper" if "loss.l1" in text else "quick"  # there l1 is 0, which has no logarithm
    with pytest.raises(UsageError) as error:
        load_space("tps", preset, write(tmp_path / "s.toml", text))
    assert words in f"{error.value.message} {error.value.hint}"


def test_the_published_value_is_always_inside(tmp_path: Path) -> None:
    text = '"train.lr" = {type = "float", low = 1e-3, high = 1e-2, log = true}\n'
    text += '"loss.scales" = {type = "categorical", choices = [[1.0], [1.0, 0.5]]}\n'
    space = load_space("tps", "quick", write(tmp_path / "s.toml", text))
    assert space.parameters["train.lr"].low == space.published["train.lr"] == 1e-4
    assert space.published["loss.scales"] in space.parameters["loss.scales"].choices
    assert space.overrides({"train.lr": 1e-4, "loss.scales": [1.0]}) == {"loss.scales": [1.0]}
    wider = load_space("tps", "quick", write(tmp_path / "t.toml", text.replace("1e-2", "2e-2")))
    assert wider.digest != space.digest


def test_a_key_of_its_own_condition(tmp_path: Path) -> None:
    text = '"loss.network" = {type = "categorical", choices = ["random-features"]}\n'
    text += '"loss.perceptual" = {type = "float", low = 1.0, high = 9.0, when = {"loss.network" = "random-features"}}\n'
    space = load_space("tps", "quick", write(tmp_path / "s.toml", text))
    assert space.active("loss.perceptual", {"loss.network": "random-features"})
    assert not space.active("loss.perceptual", {"loss.network": "vgg19"})


def test_no_space_and_a_key_that_is_fixed(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no search space"):
        load_space("copy-source", "quick")
    with pytest.raises(UsageError, match="searched and given with --set"):
        load_space("tps", "quick", fixed={"train.lr": 1e-3})


# -- what the user writes --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["test.l1", "l1", "train.l1", "self-reconstruction.l1"])
def test_only_the_validation_split_can_be_named(text: str) -> None:
    with pytest.raises(UsageError, match="not of the validation split"):
        parse_objective(text)


def test_objectives_budgets_and_constraints() -> None:
    assert parse_objective("val.l1").direction == "minimize" and parse_objective("val.ssim").direction == "maximize"
    assert parse_objective("cost.memory").metric == "" and parse_objective("val.lpips-alex").metric == "lpips-alex"
    assert parse_budget("trials=3").trials == 3 and parse_budget("seconds=2.5").seconds == 2.5
    assert parse_constraints(["cost.memory<=8e9"]) == {"cost.memory": 8e9}
    for wrong in ("3", "trials=0", "trials=1.5", "epochs=3"):
        with pytest.raises(UsageError):
            parse_budget(wrong)
    for wrong in ("cost.memory", "cost.memory<=much", "val.l1<=1"):
        with pytest.raises(UsageError):
            parse_constraints([wrong])
    with pytest.raises(UsageError, match="no metric"):
        parse_objective("val.lpisp")
