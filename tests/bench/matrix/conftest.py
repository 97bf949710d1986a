"""The toys and a method that crashes in training, registered as a plugin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

CRASHER = '''
from dataclasses import replace
from bench.testing.toy import SPEC as TOY
from bench.testing.toy_method import Toy

SPEC = replace(TOY, name="crasher", implementation="crasher:Crasher")

class Crasher(Toy):
    spec = SPEC
    def step(self, stage, batch, update, info):
        raise RuntimeError("the loss has no gradient")
'''
ENTRY_POINTS = """\
[bench.methods]
toy = bench.testing.toy:SPEC
crasher = crasher:SPEC
[bench.datasets]
toy-world = bench.testing.world:SPEC
"""


@pytest.fixture
def toys(install_plugin: Callable[[str], Path]) -> Path:
    folder = install_plugin(ENTRY_POINTS)
    (folder / "crasher.py").write_text(CRASHER)
    return folder
