"""A weight file is used only where it is here and has its hash; else one sentence and the command that gets it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from datasets.errors import MissingInputError
from datasets.weights import KNOWN, Weight, checked, weight


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weight:
    """A file of five bytes that is known, but not there yet."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    return Weight("net", "net.pth", hashlib.sha256(b"right").hexdigest(), "https://example.org/net.pth", "MIT", "tests")


def test_an_absent_file_is_status_3_with_the_command(entry: Weight) -> None:
    with pytest.raises(MissingInputError, match=r"net\.pth\) are not here") as caught:
        checked(entry)
    assert caught.value.status == 3
    assert "bench weights fetch net" in caught.value.hint and "bench weights add FILE --as net" in caught.value.hint


def test_another_file_is_refused(entry: Weight) -> None:
    entry.path.write_bytes(b"wrong")
    with pytest.raises(MissingInputError, match="another file") as caught:
        checked(entry)
    assert caught.value.status == 3 and entry.sha256[:8] in caught.value.message
    entry.path.write_bytes(b"right")
    assert checked(entry) == entry.path


def test_names_find_their_entry() -> None:
    assert all(weight(entry.name) is entry for entry in KNOWN)
