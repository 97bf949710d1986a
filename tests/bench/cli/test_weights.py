"""bench weights: exit statuses and messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of weights, and no way to any server."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    return tmp_path / "weights"


def test_list_says_what_is_missing_and_where_it_would_lie(root: Path, capsys: Capture) -> None:
    assert main(["weights", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["vgg19"]["state"] == "missing"
    assert rows["vgg19"]["path"] == str(root / "vgg19-dcbb9e9d.pth")
    assert main(["weights", "list"]) == 0
    assert "BSD-3-Clause" in capsys.readouterr().out
    assert not root.exists()


def test_fetch_without_a_network_is_status_3_and_says_what_to_do(root: Path, capsys: Capture) -> None:
    assert main(["weights", "fetch", "vgg19"]) == 3
    err = capsys.readouterr().err
    assert "cannot download vgg19" in err and str(root) in err
    assert "bench weights add FILE --as vgg19" in err
    assert err.count("error:") == 1 and "Traceback" not in err


def test_add_refuses_another_file(tmp_path: Path, root: Path, capsys: Capture) -> None:
    (tmp_path / "other.pth").write_bytes(b"other")
    assert main(["weights", "add", str(tmp_path / "other.pth"), "--as", "vgg19"]) == 2
    assert "expected dcbb9e9d" in capsys.readouterr().err
    assert main(["weights", "add", str(tmp_path / "none.pth"), "--as", "vgg19"]) == 3
    assert not list(root.glob("*"))


def test_verify_finds_a_damaged_file(root: Path, capsys: Capture) -> None:
    assert main(["weights", "verify"]) == 0
    assert main(["weights", "verify", "vgg19"]) == 3
    root.mkdir()
    (root / "vgg19-dcbb9e9d.pth").write_bytes(b"half a file")
    capsys.readouterr()
    assert main(["weights", "verify", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)[0]["state"] == "damaged"


@pytest.mark.parametrize("args", [["fetch", "vgg91"], ["fetch"], ["remove"], ["add", "x"], []])
def test_wrong_usage_is_status_2(args: list[str], capsys: Capture) -> None:
    assert main(["weights", *args]) == 2
