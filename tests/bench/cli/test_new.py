"""``bench new``: the scaffold is a sound method, and nothing that exists is overwritten."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main

FILES = {
    "README.md", "pyproject.toml", "src/warp_net_2/__init__.py", "src/warp_net_2/spec.py", "src/warp_net_2/config.py",
    "src/warp_net_2/method.py", "tests/test_warp_net_2.py",
}  # fmt: skip


def test_the_scaffold_has_its_name_everywhere(tmp_path: Path) -> None:
    assert main(["new", "method", "warp-net-2", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "warp-net-2"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == FILES
    text = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file())
    assert "my" not in text.lower().replace("mypy", "").split()
    for left in ("my_method", "my-method", "MyMethod", "My Method"):
        assert left not in text
    for name in ("warp_net_2", "warp-net-2", "WarpNet2", "Warp Net 2"):
        assert name in text


def test_the_scaffold_is_clean_under_the_linter(tmp_path: Path) -> None:
    main(["new", "method", "warp-net", "--out", str(tmp_path)])
    ruff = Path(sys.executable).parent / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not here")
    done = subprocess.run([ruff, "check", "--isolated", "--line-length", "120", str(tmp_path)], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_installed_it_is_listed_and_passes_every_check(new_environment: Callable[[], Any]) -> None:
    site = new_environment()
    assert site.bench("new", "method", "warp-net").returncode == 0
    site.install(site.work / "warp-net")
    done = site.bench("check", "warp-net", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["fail"] == 0 and report["pass"] >= 25
    titles = [row["name"] for row in json.loads(site.bench("list", "methods", "--json").stdout)]
    assert "warp-net" in titles


def test_a_folder_that_exists_is_refused_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "warp-net").mkdir()
    (tmp_path / "warp-net" / "notes.txt").write_text("mine", encoding="utf-8")
    assert main(["new", "method", "warp-net", "--out", str(tmp_path)]) == 2
    assert "exists" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "warp-net").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "name", ["Warp", "warp_net", "../warp", "warp net", "-warp", "warp-", "2warp", "class", "", "copy-source", "torch"]
)
def test_a_name_that_cannot_be_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "method", "--", name]) == 2
    assert capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_another_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "dataset", "mine"]) == 2
    assert "dataset" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    assert main(["new", "method", "warp-net", "--out", str(file)]) == 2
    assert "Traceback" not in capsys.readouterr().err
