"""Identities change with what a result depends on, and with nothing else; a change is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench import registry
from bench.closure import code_closure
from bench.identity import explain, generation_identity, protocol_hash, score_identity
from bench.record import new_record
from bench.spec import Run, RunSpec, resolve, spec_from_json
from datasets.base import Dataset
from datasets.weights import weight

TOY = RunSpec("toy", "toy-world", preset="tiny")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A little package on the path, whose modules import each other in every way."""
    folder = tmp_path / "closepkg"
    folder.mkdir()
    files = {
        "__init__.py": "",
        "method.py": "import math\nfrom . import layers\nfrom closepkg.loss import l1\n"
        "from methods.base import Method\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from closepkg import typing_only\n"
        "def late():\n    from .deep.inner import x\n    return x\n",
        "layers.py": "WIDTH = 3\n",
        "loss.py": '"""Losses."""\ndef l1(a, b):\n    """Mean."""\n    return abs(a - b)  # comment\n',
        "typing_only.py": "A = 1\n",
        "unused.py": "B = 1\n",
        "deep/__init__.py": "",
        "deep/inner.py": "from ..layers import WIDTH\nx = WIDTH\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


# -- code closure ----------------------------------------------------------------------------------------------------
def test_closure_follows_every_import_that_runs(package: Path) -> None:
    own = {name for name in code_closure(["closepkg.method"]) if name.startswith("closepkg")}
    modules = ("method", "layers", "loss", "deep", "deep.inner")
    assert own == {"closepkg", *(f"closepkg.{name}" for name in modules)}
    assert "methods.base" in code_closure(["closepkg.method"])


def test_closure_leaves_out_what_is_asked(package: Path) -> None:
    assert "closepkg.loss" not in code_closure(["closepkg.method"], ["closepkg.loss"])


@pytest.mark.parametrize(
    "text",
    [
        "# other words\ndef l1(a, b): return abs( a-b )\n",
        '"""Rewritten."""\n\n\ndef l1(a, b):\n    """Another."""\n    return abs(a - b)\n',
    ],
)
def test_words_and_layout_are_not_code(package: Path, text: str) -> None:
    before = code_closure(["closepkg.method"])
    (package / "loss.py").write_text(text, encoding="utf-8")
    assert code_closure(["closepkg.method"]) == before


@pytest.mark.parametrize("text", ["return abs(b - a)", "return abs(a - b) * 1.0", "'''x'''; yield 'x'", "return None"])
def test_a_changed_line_of_code_changes_exactly_its_module(package: Path, text: str) -> None:
    before = code_closure(["closepkg.method"])
    (package / "loss.py").write_text(f"def l1(a, b):\n    {text}\n", encoding="utf-8")
    after = code_closure(["closepkg.method"])
    assert {name for name in before if before[name] != after[name]} == {"closepkg.loss"}


def test_constants_of_different_types_differ(package: Path) -> None:
    seen = set()
    for value in ("1", "1.0", "True", "'1'", "None", "b'1'"):
        (package / "layers.py").write_text(f"WIDTH = {value}\n", encoding="utf-8")
        seen.add(code_closure(["closepkg.layers"])["closepkg.layers"])
    assert len(seen) == 6


def test_a_method_does_not_depend_on_command_line_evaluator_or_report(toys: Path) -> None:
    modules = resolve(TOY).identity.modules
    assert {"bench.testing.toy_method", "bench.testing.toy", "bench.train", "bench.sampling", "methods.base"} <= set(
        modules
    )
    foreign = ("bench.cli", "bench.evaluation", "leaderboard", "bench.tracking", "bench.store")
    assert not [name for name in modules if name.startswith(foreign)]


# -- identities ------------------------------------------------------------------------------------------------------
def test_the_same_run_has_the_same_identity(toys: Path) -> None:
    assert resolve(TOY).identity == resolve(replace(TOY, track="none", device="cpu", protocols=())).identity


def test_methods_of_one_module_have_identities_of_their_own(toys: Path) -> None:
    names = ("copy-source", "copy-driving", "oracle", "oracle-rel", "oracle-leak")
    assert len({resolve(RunSpec(name, "toy-world")).identity.training for name in names}) == len(names)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"seed": 1}, "seed"),
        ({"precision": "bf16"}, "precision"),
        ({"overrides": {"width": 4}}, "config"),
        ({"variant": "no-gan"}, "config"),
        ({"annotation_class": "noisy-1"}, "annotations"),
        ({"dataset": "toy-world:32"}, "train_data"),
    ],
)
def test_each_input_changes_its_own_part(toys: Path, change: dict[str, object], part: str) -> None:
    old, new = resolve(TOY).identity, resolve(replace(TOY, **change)).identity
    assert old.training != new.training
    assert {name for name in old.parts if old.parts[name] != new.parts[name]} == {part}


def test_generation_depends_on_training_checkpoint_mode_and_pairs(toys: Path) -> None:
    run = resolve(TOY)
    base, _ = generation_identity(run, "cross-animation@1", "c0ffee")
    others = [
        generation_identity(run, "cross-animation@1", "decaf")[0],
        generation_identity(run, "self-reconstruction@1", "c0ffee")[0],
        generation_identity(run, "cross-animation@1", "c0ffee", "other")[0],
        generation_identity(resolve(replace(TOY, seed=1)), "cross-animation@1", "c0ffee")[0],
    ]
    assert len({base, *others}) == 5
    assert generation_identity(resolve(TOY), "cross-animation@1", "c0ffee")[0] == base


def test_scores_depend_on_metrics_and_judges_and_never_the_other_way(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = resolve(TOY)
    generation, _ = generation_identity(run, "cross-animation@1", "c0ffee")
    l1, ssim = registry.get("metrics", "l1"), registry.get("metrics", "ssim")

    def score(metrics: list[object]) -> str:
        return score_identity(generation, run, "cross-animation@1", metrics)[0]

    assert len({score([l1]), score([l1, ssim]), score([replace(l1, version=2)])}) == 3
    fid = registry.get("metrics", "fid")
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    without = score([fid])
    weight("inception-fid").path.write_bytes(b"other weights")
    assert score([fid]) != without
    assert score([l1, ssim]) == score([ssim, l1])
    assert generation_identity(run, "cross-animation@1", "c0ffee")[0] == generation


def test_protocol_hash_is_short_and_depends_on_the_comparison(toys: Path) -> None:
    run = resolve(TOY)
    pairs = run.protocols["cross-animation@1"]

    def hashed(dataset: Dataset = run.dataset, preset: str = "tiny", headline: tuple[str, ...] = ("a", "b")) -> str:
        return protocol_hash(dataset, pairs, preset, headline)

    assert len(hashed()) == 8
    assert hashed(headline=("b", "a")) == hashed()
    bigger = resolve(replace(TOY, dataset="toy-world:32")).dataset
    assert len({hashed(), hashed(preset="quick"), hashed(headline=("a",)), hashed(bigger)}) == 4


# -- why -------------------------------------------------------------------------------------------------------------
def recorded(run: Run) -> dict[str, object]:
    """The record of a run after generation and scoring."""
    record = new_record(run) | {"metrics": ["l1"]}
    for protocol in run.protocols:
        digest, parts = generation_identity(run, protocol, "c0ffee")
        record["identity"]["generation_parts"][protocol] = parts
        _, parts = score_identity(digest, run, protocol, [registry.get("metrics", "l1")])
        record["identity"]["score_parts"][protocol] = parts
    return record


def test_nothing_changed_says_nothing(toys: Path) -> None:
    record = recorded(resolve(TOY))
    assert explain(record, resolve(spec_from_json(record))) == []


def test_the_part_that_changed_is_named_alone(toys: Path) -> None:
    record = recorded(resolve(TOY))
    assert explain(record, resolve(replace(TOY, seed=7))) == ["training: the seed changed (0 -> 7)"]


def test_a_changed_module_is_named(toys: Path, install_plugin: Callable[[str], Path]) -> None:
    folder = toys / "plugged"
    folder.mkdir()
    source = "from bench.testing.toy_method import Toy as Base\nclass Toy(Base):\n    SCALE = 1\n"
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "network.py").write_text(source, encoding="utf-8")
    (folder / "spec.py").write_text(
        "from dataclasses import replace\nfrom bench.testing.toy import SPEC as TOY\n"
        "SPEC = replace(TOY, name='plugged', implementation='plugged.network:Toy')\n",
        encoding="utf-8",
    )
    entry = toys / "toys-1.0.dist-info" / "entry_points.txt"
    entry.write_text(entry.read_text().replace("shattered = no_such_module:SPEC", "plugged = plugged.spec:SPEC"))
    registry.entries.cache_clear()
    run = resolve(replace(TOY, method="plugged"))
    record = recorded(run)
    (folder / "spec.py").write_text((folder / "spec.py").read_text() + "NOTE = 'new title'\n", encoding="utf-8")
    assert resolve(replace(TOY, method="plugged")).identity == run.identity
    (folder / "network.py").write_text(source.replace("1", "2"), encoding="utf-8")
    lines = explain(record, resolve(replace(TOY, method="plugged")))
    assert lines[0].startswith("training: the code of the method or of the training loop changed")
    assert lines[1:] == ["  plugged.network changed"]


def test_changed_scores_are_told_apart_from_training(toys: Path) -> None:
    record = recorded(resolve(TOY))
    record["identity"]["score_parts"]["cross-animation@1"]["metric_code"] = "0" * 64
    (line,) = explain(record, resolve(TOY))
    assert line.startswith("scores of cross-animation@1: the code of the metrics changed (00000000 -> ")
