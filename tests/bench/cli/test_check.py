"""``bench check`` finds what it says it finds: a sound method passes, and each fault fails its own check."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from bench import check_method
from bench.cli import main

FAULTY = '''
"""Methods with one fault each, over the toy method."""
import torch
from dataclasses import replace
from bench.testing.toy import SPEC as TOY
from bench.testing.toy_method import Toy

def card(name, cls, **changes):
    return replace(TOY, name=name, implementation=f"faulty_toys:{cls}", **changes)

class Small(Toy):
    def animate(self, state, driving, options):
        for frames in super().animate(state, driving, options):
            yield frames[..., ::2, ::2]
class Bright(Toy):
    def animate(self, state, driving, options):
        for frames in super().animate(state, driving, options):
            yield frames * 3
class Short(Toy):
    def animate(self, state, driving, options):
        yield next(iter(super().animate(state, driving, options)))[:1]
class Hoarder(Toy):
    def animate(self, state, driving, options):
        kept = []
        for frames in super().animate(state, driving, options):
            kept.append(frames.clone())
            yield frames
class Peeker(Toy):
    def animate(self, state, driving, options):
        for frames, chunk in zip(super().animate(state, driving, options), driving.chunks()):
            yield (frames + chunk["rgb"]) / 2
class Careless(Toy):
    def encode(self, source):
        source["rgb"].mul_(0.5)
        return super().encode(source)
class Trainer(Toy):
    def animate(self, state, driving, options):
        self.nets.train()
        yield from super().animate(state, driving, options)
class Chunky(Toy):
    def animate(self, state, driving, options):
        for chunk in driving.chunks():
            yield state["rgb"].expand(len(chunk["rgb"]), -1, -1, -1) * chunk["rgb"].mean()
class Counter(Toy):
    count = 0
    def animate(self, state, driving, options):
        self.count += 1
        for frames in super().animate(state, driving, options):
            yield (frames * 0.5 + 0.1 * self.count % 0.5)
class Frozen(Toy):
    def animate(self, state, driving, options):
        for chunk in driving.chunks():
            yield state["rgb"].expand(len(chunk["rgb"]), -1, -1, -1)
class Forgetful(Toy):
    def __init__(self, config):
        super().__init__(config)
        self.seen = 0
    def step(self, stage, batch, update, info):
        self.seen += 1
        def scaled(player, loss):
            update(player, loss * (1 + self.seen))
        noise = torch.randn(()) if self.seen == 1 else 0
        return super().step(stage, batch, scaled, info)
class Crashing(Toy):
    def encode(self, source):
        raise KeyError("weights")

UNKNOWN_KIND = card("faulty-kind", "Toy", needs=frozenset({"thoughts"}))
BARE = card("faulty-card", "Toy", title="", licence="")
TARGET = card("faulty-target", "Toy", modes={"standard": "somewhere"})
SAME = card("faulty-variant", "Toy", variants={"same": replace(TOY.variants["no-gan"], overrides={})})
'''
#: name -> class, and the beginning of the check that must find it
FAULTS = {
    "small": ("Small", "frames are float tensors"),
    "bright": ("Bright", "values are finite"),
    "short": ("Short", "there are as many frames"),
    "hoarder": ("Hoarder", "memory does not grow"),
    "peeker": ("Peeker", "only the declared inputs"),
    "careless": ("Careless", "its inputs are left"),
    "trainer": ("Trainer", "animating leaves networks"),
    "chunky": ("Chunky", "frames do not depend on how"),
    "counter": ("Counter", "the same animation twice"),
    "frozen": ("Frozen", "the motion follows"),
    "forgetful": ("Forgetful", "a training that was interrupted"),
    "crashing": ("Crashing", "frames are float tensors"),
}
CARDS = {
    "faulty-kind": ("UNKNOWN_KIND", "it needs only annotations"),
    "faulty-card": ("BARE", "the card is complete"),
    "faulty-target": ("TARGET", "every mode declares"),
    "faulty-variant": ("SAME", "every variant changes"),
}


@pytest.fixture
def methods(install_plugin: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The toy method, and the faulty ones."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    cards = "".join(f"{name.upper()} = card({name!r}, {cls!r})\n" for name, (cls, _) in FAULTS.items())
    lines = [f"{name} = faulty_toys:{name.upper()}" for name in FAULTS]
    lines += [f"{name} = faulty_toys:{attribute}" for name, (attribute, _) in CARDS.items()]
    lines += ["toy = bench.testing.toy:SPEC", "shattered = no_such_module:SPEC"]
    folder = install_plugin("[bench.methods]\n" + "\n".join(lines) + "\n")
    (folder / "faulty_toys.py").write_text(FAULTY + cards, encoding="utf-8")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_sound_method_passes_at_least_fifteen_checks(methods: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "toy"]) == 0
    lines = capsys.readouterr().out.splitlines()
    passed = [line for line in lines if line.startswith("ok ")]
    assert len(passed) >= 15
    assert lines[-1].startswith(f"{len(passed)} passed, 0 failed")


def test_json_is_for_machines(methods: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "short", "--json", "--only", "frames"]) == 5
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["method"] == "short"
    assert report["fail"] == sum(row["status"] == "fail" for row in report["checks"]) > 0
    assert {"title", "status", "detail", "seconds"} == set(report["checks"][0])
    assert "short fails" in captured.err


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_fault_is_found_by_its_check(methods: None, name: str) -> None:
    title = FAULTS[name][1]
    (found,) = [r for r in check_method(name, only=title) if r.title.startswith(title)]
    (sound,) = [r for r in check_method("toy", only=title) if r.title.startswith(title)]
    assert (found.status, sound.status) == ("fail", "pass"), found


@pytest.mark.parametrize("name", list(CARDS))
def test_each_fault_of_a_card_is_found(methods: None, name: str) -> None:
    (found,) = check_method(name, only=CARDS[name][1])
    assert found.status == "fail"


def test_a_crash_is_a_failed_check_that_says_where(methods: None) -> None:
    (crashed,) = check_method("crashing", only="frames are float tensors")
    assert "KeyError" in crashed.detail and "faulty_toys.py" in crashed.detail


def test_a_broken_plugin_is_refused_with_its_reason(methods: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "shattered"]) == 2
    assert "no_such_module" in capsys.readouterr().err


def test_an_unknown_check_is_refused(methods: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "toy", "--only", "colour of the sky"]) == 2
    assert "colour of the sky" in capsys.readouterr().err


def test_an_unknown_method_is_refused_with_the_nearest(methods: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "toi"]) == 2
    assert "'toy'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["tps", "copy-source", "oracle"])
def test_the_suite_s_own_methods_pass(methods: None, name: str) -> None:
    failed = [f"{r.title}: {r.detail}" for r in check_method(name) if r.status == "fail"]
    assert not failed, "\n".join(failed)
