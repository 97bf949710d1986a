"""The cache: whole or not at all, verified, the same from every process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import StorageError
from datasets.synthetic.farm import render_all
from datasets.synthetic.store import Job, Store
from datasets.synthetic.world import ClipSpec, clip_spec

SPEC = clip_spec("train", 3, 32, 4)


def test_a_spec_survives_json() -> None:
    spec = clip_spec("test", 2, 64, 8, photo=True)
    assert ClipSpec.from_json(spec.to_json()) == spec


def test_same_pixels_and_labels_from_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # the number of threads must not matter either
    groups = ("rgb", "labels", "flow", "background")
    jobs = [Job(clip_spec("train", i, 32, 3), 0, groups) for i in range(5)]
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    counts: list[int] = []
    render_all(there, jobs, counts.append, workers=2)
    assert counts == [1, 2, 3, 4, 5]
    assert all(not there.missing(job) for job in jobs)
    for job in jobs:
        for kind in ("rgb", "iuv", "parsing20", "mask", "keypoints", "flow", "occlusion", "background"):
            assert np.array_equal(here.read(job.spec, kind, range(3)), there.read(job.spec, kind, range(3)))


def test_reads_in_any_order_across_chunks(tmp_path: Path) -> None:
    spec = clip_spec("train", 1, 16, 20)
    store = Store(tmp_path)
    frames = store.read(spec, "rgb", [18, 0, 18, 3])
    assert frames.shape == (4, 16, 16, 3) and np.array_equal(frames[0], frames[2])
    assert np.array_equal(frames[1], store.read(spec, "rgb", [0])[0])
    assert store.read(spec, "rgb", []).shape == (0, 16, 16, 3)


@pytest.mark.parametrize("damage", ["flip", "cut", "manifest", "delete"])
def test_damaged_chunks_are_rendered_again(tmp_path: Path, damage: str) -> None:
    truth = Store(tmp_path).read(SPEC, "rgb", range(4))
    folder = Store(tmp_path).folder(SPEC, "rgb", 0)
    file = folder / ("manifest.json" if damage == "manifest" else "rgb.npy")
    data = bytearray(file.read_bytes())
    if damage == "flip":
        data[-5] ^= 255
        file.write_bytes(data)
    elif damage == "delete":
        file.unlink()
    else:
        file.write_bytes(data[: len(data) // 2])
    assert np.array_equal(Store(tmp_path).read(SPEC, "rgb", range(4)), truth)
    assert not Store(tmp_path).missing(Job(SPEC, 0, ("rgb",)))


def test_a_killed_render_leaves_no_half_chunk(tmp_path: Path) -> None:
    """A process is killed while it writes; the next one finds nothing or a whole chunk, and finishes."""
    code = (
        "import os, numpy as np, datasets.synthetic.store as s\n"
        "from datasets.synthetic.world import clip_spec\n"
        "save = np.save\n"
        "def save_half(path, array):\n"
        "    save(path, array[: len(array) // 2])\n"
        "    os.kill(os.getpid(), 9)\n"
        "np.save = save_half\n"
        f"s.Store(s.Path({str(tmp_path)!r})).read(clip_spec('train', 3, 32, 4), 'rgb', [0])\n"
    )
    root = Path(__file__).resolve().parents[3]
    env = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=False)
    assert done.returncode == -9
    assert Store(tmp_path).missing(Job(SPEC, 0, ("rgb",))) == ("rgb",)
    assert Store(tmp_path).read(SPEC, "rgb", range(4)).shape == (4, 32, 32, 3)


@pytest.mark.skipif(os.name != "posix" or not shutil.which("sh"), reason="needs a POSIX system")
def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StorageError, match="cannot write"):
        Store(blocked / "cache").read(SPEC, "rgb", [0])
    jobs = [Job(clip_spec("train", i, 16, 1), 0, ("rgb",)) for i in range(4)]
    with pytest.raises(StorageError, match="cannot write"):
        render_all(Store(blocked / "cache"), jobs, lambda n: None, workers=2)
