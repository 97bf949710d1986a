"""Rendered frames on disk: memory-mapped arrays in chunks, written whole or not at all, verified when opened."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from datasets.files import atomic_path, cache_root, digest, sha256_file, source_digest

from .observability import Photo
from .procedural import Array
from .renderer import Renderer
from .world import ClipSpec, build, build_photo

#: Frames in one file. Only the chunks that somebody reads are rendered.
CHUNK = 16
#: What is rendered together -> the annotation kinds in it.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "rgb": ("rgb",),
    "labels": ("iuv", "parsing20", "parsing6", "mask", "keypoints", "face"),
    "flow": ("flow", "occlusion"),
    "background": ("background",),
    "observability": ("observability",),
}
GROUP_OF = {kind: group for group, kinds in GROUPS.items() for kind in kinds}
_MANIFEST = "manifest.json"
#: Files of this package that no pixel and no label depends on.
_NOT_GENERATOR = {
    "__init__.py", "dataset.py", "clip.py", "lists.py", "store.py", "farm.py", "worker.py", "noise.py", "twins.py",
}  # fmt: skip


@lru_cache(maxsize=1)
def generator_digest() -> str:
    """Hash of the source files that frames and annotations depend on (the pair lists name clips, they make none)."""
    return source_digest([p for p in Path(__file__).parent.glob("*.py") if p.name not in _NOT_GENERATOR])


@dataclass(frozen=True)
class Job:
    """A chunk to render: ``groups`` of frames chunk * CHUNK .. of a clip."""

    spec: ClipSpec
    chunk: int
    groups: tuple[str, ...]


def default_root() -> Path:
    """Where this version of the world keeps its frames."""
    return cache_root() / "synthetic" / generator_digest()[:12]


class Store:
    """Arrays of rendered clips below ``root``; what is missing or damaged is rendered on demand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: set[Path] = set()
        self._renderers: dict[str, tuple[Renderer, Photo | None]] = {}

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        return Store, (self.root,)

    def folder(self, spec: ClipSpec, group: str, chunk: int) -> Path:
        """Where a chunk lies."""
        return self.root / spec_key(spec) / f"{group}.{chunk:03d}"

    def read(self, spec: ClipSpec, kind: str, indices: Sequence[int]) -> Array:
        """Frames ``indices`` of a kind (``rgb`` or an annotation), copied: (len(indices), ...)."""
        group = GROUP_OF[kind]
        index = np.asarray(indices, np.intp)
        parts: dict[int, Array] = {}
        for chunk in sorted({int(c) for c in index // CHUNK}) or [0]:  # no frames still have a shape
            self.ensure(Job(spec, chunk, (group,)))
            parts[chunk] = np.load(self.folder(spec, group, chunk) / f"{kind}.npy", mmap_mode="r")
        if not len(index):
            return np.array(parts[0][:0])
        return np.stack([parts[int(i // CHUNK)][int(i % CHUNK)] for i in index])

    def missing(self, job: Job) -> tuple[str, ...]:
        """Groups of a job that are not (or not soundly) on disk."""
        return tuple(g for g in job.groups if not self._sound(self.folder(job.spec, g, job.chunk)))

    def ensure(self, job: Job) -> None:
        """Render what is missing of a job. Raises StorageError where the cache cannot be written."""
        groups = self.missing(job)
        if not groups:
            return
        renderer, photo = self._open(job.spec)
        frames = range(job.chunk * CHUNK, min((job.chunk + 1) * CHUNK, len(renderer)))
        arrays: dict[str, list[Array]] = {kind: [] for g in groups for kind in GROUPS[g]}
        for k in frames:
            for kind, value in render_frame(renderer, photo, k, groups).items():
                arrays[kind].append(value)
        for group in groups:
            stacks = {kind: np.stack(arrays[kind]) for kind in GROUPS[group]}
            self._write(self.folder(job.spec, group, job.chunk), stacks)

    def _open(self, spec: ClipSpec) -> tuple[Renderer, Photo | None]:
        key = spec_key(spec)
        if key not in self._renderers:
            while len(self._renderers) >= 2:
                del self._renderers[next(iter(self._renderers))]
            photo = Photo(build_photo(spec)) if spec.photo is not None else None
            self._renderers[key] = build(spec), photo
        return self._renderers[key]

    def _sound(self, folder: Path) -> bool:
        """Whether a chunk is complete and unchanged; a damaged one is removed. Checked once in a process."""
        if folder in self._verified:
            return True
        try:
            stated = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            sound = all(_matches(folder / name, size, sha) for name, (size, sha) in stated.items())
        except (OSError, ValueError, TypeError):
            sound = False
        if sound:
            self._verified.add(folder)
        elif folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
        return sound

    def _write(self, folder: Path, arrays: Mapping[str, Array]) -> None:
        try:
            with atomic_path(folder) as temporary:
                temporary.mkdir()
                for kind, array in arrays.items():
                    np.save(temporary / f"{kind}.npy", array)
                manifest = {p.name: (p.stat().st_size, sha256_file(p)) for p in sorted(temporary.iterdir())}
                (temporary / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        except OSError as error:
            # Another process was faster: both rendered the same.
            if error.errno != errno.ENOTEMPTY or not self._sound(folder):
                raise
        self._verified.add(folder)


def _matches(path: Path, size: int, sha256: str) -> bool:
    return path.stat().st_size == size and sha256_file(path) == sha256


@lru_cache(maxsize=4096)
def spec_key(spec: ClipSpec) -> str:
    """Folder name of a clip: a hash of its spec."""
    return digest(spec.to_json())[:24]


def render_frame(renderer: Renderer, photo: Photo | None, k: int, groups: Iterable[str]) -> dict[str, Array]:
    """All kinds of ``groups`` for frame ``k``."""
    out: dict[str, Array] = {}
    for group in groups:
        if group == "rgb":
            out["rgb"] = renderer.rgb(k)
        elif group == "labels":
            out |= renderer.labels(k)
        elif group == "flow":
            out["flow"], visible = renderer.flow(k, k + 1)
            out["occlusion"] = (~visible).astype(np.uint8)
        elif group == "background":
            out["background"] = renderer.background(k)
        elif photo is not None:
            out["observability"] = photo.observability(renderer, k)
    return out
