"""Atomic writes under kill, full disks and read-only folders; hashes, checksums and names."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import files
from datasets.errors import MissingInputError, StorageError, SuiteError

ROOT = Path(__file__).resolve().parents[2]


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Run Python code with the checkout on its path."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


# -- atomic writes -----------------------------------------------------------------------------------------------
def test_atomic_write_makes_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "c.txt"
    files.write_text(target, "one")
    files.write_text(target, "two")
    assert target.read_text() == "two"
    assert [p.name for p in target.parent.iterdir()] == ["c.txt"]


def test_temporary_keeps_the_suffix_and_lies_beside_the_target(tmp_path: Path) -> None:
    with files.atomic_path(tmp_path / "frames.npy") as temporary:
        assert temporary.suffix == ".npy"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"x")


def test_a_failing_block_leaves_the_old_file(tmp_path: Path) -> None:
    target = files.write_text(tmp_path / "x", "old")
    with pytest.raises(KeyError), files.atomic_path(target) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("x", "old")]


def test_a_folder_can_be_written_atomically(tmp_path: Path) -> None:
    with files.atomic_path(tmp_path / "report") as temporary:
        temporary.mkdir()
        (temporary / "index.html").write_text("hi")
    assert (tmp_path / "report" / "index.html").read_text() == "hi"


def test_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    script = """
import sys
from datasets.files import write_bytes
n = 0
while True:
    write_bytes(sys.argv[1], bytes([n % 251]) * 3_000_000)
    if n == 0:
        print("ready", flush=True)
    n += 1
"""
    target = tmp_path / "big.bin"
    for delay in (0.0, 0.003, 0.011, 0.024):
        process = start(script, str(target))
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        data = target.read_bytes()
        assert len(data) == 3_000_000
        assert len(set(data)) == 1
    files.sweep_temporaries(tmp_path, older_than_s=-1)
    assert [p.name for p in tmp_path.iterdir()] == ["big.bin"]


LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from datasets import files
from datasets.errors import StorageError
path = Path(sys.argv[1])
def write(kind):
    if kind == "bytes":
        files.write_bytes(path, bytes(100_000))
    if kind == "numpy":
        import numpy
        with files.atomic_path(path) as temporary:
            with temporary.open("wb") as file:
                numpy.save(file, numpy.zeros(100_000))
    if kind == "torch":
        import torch
        with files.atomic_path(path) as temporary:
            torch.save(torch.zeros(100_000), temporary)
try:
    write(sys.argv[2])
except StorageError as error:
    print(error.message)
"""


@pytest.mark.parametrize("kind", ["bytes", "numpy", "torch"])
def test_full_disk_is_one_sentence_and_keeps_the_old_file(tmp_path: Path, kind: str) -> None:
    target = files.write_text(tmp_path / "model.pt", "old")
    message, _ = start(LIMITED, str(target), kind).communicate(timeout=60)
    assert str(target) in message
    assert "bytes free" in message
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("model.pt", "old")]


def test_read_only_folder_is_one_sentence() -> None:
    script = """
import os, sys
from datasets.files import write_text
from datasets.errors import StorageError
if os.geteuid() == 0:
    os.setgid(65534), os.setuid(65534)
try:
    write_text(sys.argv[1] + "/deep/x", "x")
except StorageError as error:
    print(error.status, error.message)
"""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o555)
        message, _ = start(script, str(folder)).communicate(timeout=30)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert message.startswith(f"2 cannot write {folder}")
    assert "denied" in message


def test_a_file_in_the_way_of_a_folder_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StorageError, match="runs"):
        files.write_text(tmp_path / "runs" / "x", "x")


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shape"), files.atomic_path(tmp_path / "x"):
        raise RuntimeError("shape mismatch")


def test_sweep_spares_young_temporaries(tmp_path: Path) -> None:
    old, young = tmp_path / ".tmp-1-a-x", tmp_path / "sub" / ".tmp-2-b-y"
    young.mkdir(parents=True)
    old.write_text("x")
    os.utime(old, (1, 1))
    assert files.sweep_temporaries(tmp_path, older_than_s=60) == 1
    assert young.exists()
    assert not old.exists()


# -- JSON --------------------------------------------------------------------------------------------------------
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(JSON)
def test_canonical_json_reads_back(value: object) -> None:
    assert json.loads(files.canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_digest_ignores_the_order_of_keys(value: dict[str, int]) -> None:
    assert files.digest(value) == files.digest(dict(reversed(value.items())))


def test_nan_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_json_round_trip_and_its_errors(tmp_path: Path) -> None:
    path = files.write_json(tmp_path / "x.json", {"b": (1, 2), "a": frozenset({"z", "y"}), "ü": Path("p/q")})
    assert files.read_json(path) == {"a": ["y", "z"], "b": [1, 2], "ü": "p/q"}
    with pytest.raises(MissingInputError, match=r"y\.json"):
        files.read_json(tmp_path / "y.json")
    path.write_text('{"half": ')
    with pytest.raises(SuiteError, match="damaged"):
        files.read_json(path)


# -- hashes ------------------------------------------------------------------------------------------------------
def test_checksum_notices_any_change(tmp_path: Path) -> None:
    path = files.write_bytes(tmp_path / "w.bin", b"weights")
    assert not files.verify_checksum(path)
    assert files.write_checksum(path) == files.sha256_file(path)
    assert files.verify_checksum(path)
    path.write_bytes(b"weightz")
    assert not files.verify_checksum(path)
    path.unlink()
    assert not files.verify_checksum(path)


def test_parts_are_kept_apart() -> None:
    assert files.sha256_of("ab", "c") != files.sha256_of("a", "bc")
    assert files.sha256_of("ab") == files.sha256_of(b"ab")


def test_source_digest_sees_text_and_place_but_not_the_checkout(tmp_path: Path) -> None:
    for checkout, newline in (("one", "\n"), ("two", "\r\n")):
        (tmp_path / checkout / "sub").mkdir(parents=True)
        (tmp_path / checkout / "a.py").write_bytes(f"x = 1{newline}".encode())
        (tmp_path / checkout / "sub" / "b.py").write_bytes(b"y = 2")
    digests = [files.source_digest([tmp_path / c / "sub" / "b.py", tmp_path / c / "a.py"]) for c in ("one", "two")]
    assert digests[0] == digests[1]
    (tmp_path / "two" / "a.py").write_text("x = 2\n")
    assert files.source_digest(sorted((tmp_path / "two").rglob("*.py"))) != digests[0]


# -- names and places --------------------------------------------------------------------------------------------
@given(st.text(max_size=200))
def test_safe_names_are_safe_and_stable(text: str) -> None:
    name = files.safe_name(text)
    assert name == files.safe_name(text)
    assert 0 < len(name) <= 80
    assert ".." not in name
    assert name[0] not in ".-"
    assert not set(name) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+=@-")
    assert files.safe_name(name) == name


@given(st.text(max_size=100), st.text(max_size=100))
def test_different_texts_keep_different_names(a: str, b: str) -> None:
    assert (files.safe_name(a) == files.safe_name(b)) == (a == b)


def test_good_names_stay_as_they_are() -> None:
    for name in ("tps+no-bg", "quick-s0-1a2b3c4d", "clip_01.left"):
        assert files.safe_name(name) == name


def test_roots_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, root in (
        ("BENCH_DATA", files.data_root),
        ("BENCH_CACHE", files.cache_root),
        ("BENCH_WEIGHTS", files.weights_root),
    ):
        monkeypatch.delenv(variable, raising=False)
        assert files.APP in str(root())
        monkeypatch.setenv(variable, str(tmp_path / variable))
        assert root() == tmp_path / variable
