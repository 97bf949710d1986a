"""Resolving: everything is checked before any work, and an error names what is wrong and what is nearest."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from bench.config import build_config, describe
from bench.spec import RunSpec, parse_set, resolve, resolve_device
from datasets.errors import MissingInputError, UsageError
from methods.base import MethodSpec, Variant

TOY = RunSpec("toy", "toy-world", preset="tiny")


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    lr: float = Field(1e-3, gt=0, description="learning rate")
    milestones: tuple[int, ...] = (1, 2)


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    width: int = Field(8, ge=1)
    name: str = "a"
    train: Inner = Inner()
    late: Inner = Inner(lr=0.5)


CARD = MethodSpec(
    name="card",
    title="Card",
    implementation="builtins:object",
    config=f"{__name__}:Config",
    presets={"tiny": {"width": 2, "train.lr": 0.1}, "quick": {}},
    variants={"wide": Variant("Wide", {"width": 99})},
)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card names its config by this module, whatever name pytest gave it."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


# -- --set -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("3", 3),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("{a = 1}", {"a": 1}),
        ("'x y'", "x y"),
        ("bare word", "bare word"),
        ("2026-01-02", "2026-01-02"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_values_are_toml_and_anything_else_is_a_string(text: str, value: object) -> None:
    assert parse_set([f"a.b={text}"]) == {"a.b": value}


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**62), 2**62))
def test_numbers_come_back_exactly(real: float, whole: int) -> None:
    assert parse_set([f"a={real!r}", f"b={whole}"]) == {"a": real, "b": whole}


@pytest.mark.parametrize(
    ("items", "says"),
    [
        (["width"], "not of the form"),
        (["=3"], "not of the form"),
        (["a..b=3"], "not of the form"),
        (["width="], "has no value"),
        (["width=1", "width=2"], "given twice"),
        (["width=nan"], "not a finite number"),
        (["train.milestones=[1, inf]"], "not a finite number"),
    ],
)
def test_malformed_set_is_refused(items: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_set(items)


# -- config ----------------------------------------------------------------------------------------------------------
def test_later_layers_win() -> None:
    assert build_config(CARD, "quick").width == 8
    assert build_config(CARD, "tiny").width == 2
    assert build_config(CARD, "tiny", "wide").width == 99
    config = build_config(CARD, "tiny", "wide", {"width": 5, "train.milestones": [7]})
    assert (config.width, config.train.lr, config.train.milestones) == (5, 0.1, (7,))


def test_a_table_for_a_section_changes_only_what_it_names() -> None:
    assert build_config(CARD, "tiny", "", {"train": {"milestones": [3]}}).train == Inner(lr=0.1, milestones=(3,))


@pytest.mark.parametrize(
    ("overrides", "says", "hint"),
    [
        ({"widht": 3}, "--set widht: unknown key", "'width'"),
        ({"train.lrr": 3}, "--set train.lrr: unknown key", "'train.lr'"),
        ({"lr": 3}, "--set lr: unknown key", "lr'"),
        ({"width.x": 3}, "--set width.x: unknown key", "'width'"),
        ({"train": {"x": 1}}, "--set train.x: unknown key", "'train.lr'"),
        ({"width": "abc"}, "--set width: .*valid integer.*got 'abc'", ""),
        ({"width": 0}, "--set width: .*greater than or equal to 1.*got 0", ""),
        ({"train.lr": math.nan}, "--set train.lr: .*finite", ""),
        ({"train.milestones": ["x"]}, r"--set train.milestones.0: .*integer", ""),
        ({"train": 3}, "--set train: ", ""),
        ({"train": {"lr": 1}, "train.lr": 2}, "train.lr is given twice", ""),
    ],
)
def test_a_wrong_override_names_key_and_value(overrides: dict[str, object], says: str, hint: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        build_config(CARD, "tiny", "", overrides)
    assert hint in caught.value.hint


def test_a_wrong_preset_of_a_method_is_not_blamed_on_the_user() -> None:
    broken = replace(CARD, presets={"tiny": {"width": -1}})
    with pytest.raises(UsageError, match="preset 'tiny' of card: width: "):
        build_config(broken, "tiny")


def test_describe_gives_the_defaults_of_this_section_not_of_its_class() -> None:
    rows = {row["key"]: row for row in describe(Config)}
    assert rows["late.lr"] == {"key": "late.lr", "default": 0.5, "description": "learning rate"}
    assert list(rows) == ["width", "name", "train.lr", "train.milestones", "late.lr", "late.milestones"]


# -- names -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "says", "hint"),
    [
        ({"method": "toi"}, "no method 'toi'", "'toy'"),
        ({"dataset": "toy-wrld"}, "no dataset 'toy-wrld'", "'toy-world'"),
        ({"preset": "tine"}, "no preset 'tine'", "'tiny'"),
        ({"variant": "x"}, "variant", ""),
        ({"mode": "standart"}, "no mode 'standart'", "'standard'"),
        ({"protocols": ("cross-animatoin@1",)}, "no protocol 'cross-animatoin@1'", "'cross-animation@1'"),
        ({"precision": "fp16"}, "--precision 'fp16'", "fp32"),
        ({"track": "wandbb"}, "--track 'wandbb'", "'wandb'"),
        ({"device": "gpu"}, "no device 'gpu'", "cuda"),
        ({"seed": -1}, "--seed -1", ""),
        ({"annotation_class": "noisy-4"}, "annotation class 'noisy-4'", "noisy-3"),
        ({"overrides": {"widht": 1}}, "unknown key", "'width'"),
    ],
)
def test_every_unknown_name_is_refused_with_the_nearest(
    toys: Path, change: dict[str, object], says: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        resolve(replace(TOY, **change))
    assert hint in caught.value.hint


def test_refusing_makes_no_folder(toys: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        resolve(replace(TOY, runs=tmp_path / "runs", overrides={"widht": 1}))
    resolve(replace(TOY, runs=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_folder_follows_the_contract(toys: Path, tmp_path: Path) -> None:
    run = resolve(replace(TOY, runs=tmp_path, seed=3))
    assert run.folder == tmp_path / "toy-world" / "toy" / f"tiny-s3-{run.identity.training[:8]}"
    assert (
        resolve(RunSpec("copy-source", "toy-world", runs=tmp_path)).folder.parent == tmp_path / "toy-world/copy-source"
    )


def test_a_checkpoint_replaces_training_in_the_identity(toys: Path, tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    file.write_bytes(b"one")
    first = resolve(replace(TOY, checkpoint=file))
    assert not first.trains
    assert set(first.identity.parts) == {"annotations", "code", "config", "checkpoint"}
    assert first.identity == resolve(replace(TOY, checkpoint=file, seed=5)).identity
    file.write_bytes(b"two")
    assert first.identity.training != resolve(replace(TOY, checkpoint=file)).identity.training
    with pytest.raises(MissingInputError, match="does not exist"):
        resolve(replace(TOY, checkpoint=tmp_path / "none.pt"))
    with pytest.raises(UsageError, match="no networks"):
        resolve(RunSpec("copy-source", "toy-world", checkpoint=file))


def test_protocols_that_suit_the_mode_are_the_default(toys: Path) -> None:
    relative = resolve(RunSpec("tps", "toy-world", preset="tiny", mode="relative", overrides={"init": ""}))
    assert list(relative.protocols) == ["self-reconstruction@1"]
    assert "rel/src" in relative.not_applicable["cross-animation@1"]
    assert list(resolve(RunSpec("oracle-rel", "toy-world")).protocols) == ["self-reconstruction@1", "cross-animation@1"]
    named = resolve(replace(TOY, protocols=("cross-animation",)))
    assert list(named.protocols) == ["cross-animation@1"]
    with pytest.raises(UsageError, match="does not suit") as caught:
        resolve(RunSpec("tps", "toy-world", preset="tiny", mode="relative", protocols=("cross-animation@1",)))
    assert "--mode avd" in caught.value.hint


def test_building_depends_on_the_seed_alone(toys: Path) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        torch.rand(seed + 1)  # whatever was drawn before must not matter
        return list(resolve(replace(TOY, seed=seed, device="cpu")).build().nets.parameters())

    before = torch.random.get_rng_state()
    first = weights(1)
    assert all(torch.equal(a, b) for a, b in zip(first, weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, weights(2), strict=True))
    torch.random.set_rng_state(before)
    resolve(TOY).build()
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine without a GPU")
def test_a_missing_gpu_is_said() -> None:
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(UsageError, match="no CUDA device"):
        resolve_device("cuda")


def test_a_wrong_set_is_refused_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom bench.spec import RunSpec, resolve\nfrom datasets.errors import UsageError\n"
        "try: resolve(RunSpec('tps', 'folder:nowhere', overrides={'train.lrr': 1}))\n"
        "except UsageError as e: print(e.message)\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "train.lrr: unknown key" in done.stdout
