"""Files on disk: atomic writes, checksums, hashes, safe names and the roots of data, cache and weights.

A write either happens whole or not at all: it goes to a temporary file in the same folder, which is flushed to the
disk and renamed over the target; then the folder is flushed. A killed process leaves at worst a temporary file
(``.tmp-...``), which :func:`sweep_temporaries` removes.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from datasets.errors import MissingInputError, StorageError, SuiteError

APP = "motion-transfer-bench"
TEMPORARY = ".tmp-"
MAX_NAME = 120

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})
# torch.save reports a failed write as a bare RuntimeError; numpy's tofile as an OSError without an errno.
_TORCH_WRITE = ("inline_container", "file write failed", "failed writing", "unexpected pos")
_NUMPY_WRITE = re.compile(r"\d+ requested and \d+ written")


# -- errors ------------------------------------------------------------------------------------------------------
def free_bytes(path: Path) -> int:
    """Bytes an ordinary user can still write on the file system of ``path`` or of its nearest existing parent."""
    for folder in (path, *path.parents):
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return 0


def _is_full(error: OSError | RuntimeError) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL or (error.errno is None and bool(_NUMPY_WRITE.search(str(error))))
    return any(text in str(error) for text in _TORCH_WRITE)


@contextmanager
def storage_errors(path: str | Path) -> Iterator[None]:
    """Turn a failed write below ``path`` into one readable sentence.

    Raises:
        StorageError: the disk or quota is full, or the path cannot be written; other errors pass unchanged.
    """
    path = Path(path)
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if _is_full(error):
            reason = os.strerror(number) if number else "the disk is full or a size limit was reached"
            raise StorageError(
                f"cannot write {path}: {reason} ({free_bytes(path):,} bytes free)",
                "free some space, or choose another folder; what was there before is unchanged",
            ) from error
        if number in _REFUSED:
            raise StorageError(
                f"cannot write {path}: {os.strerror(number)} ({free_bytes(path):,} bytes free)",
                "choose a folder that you may write to",
            ) from error
        raise


# -- fences ------------------------------------------------------------------------------------------------------
_fences: dict[Path, Callable[[], None]] = {}


@contextmanager
def fenced(folder: str | Path, check: Callable[[], None]) -> Iterator[None]:
    """Within the block, every atomic write below ``folder`` first calls ``check``, which raises to refuse it."""
    place = Path(folder).absolute()
    before = _fences.get(place)
    _fences[place] = check
    try:
        yield
    finally:
        if before is None:
            _fences.pop(place, None)
        else:
            _fences[place] = before


def _check_fences(path: Path) -> None:
    for folder in path.absolute().parents if _fences else ():
        if folder in _fences:
            _fences[folder]()


# -- atomic writes -----------------------------------------------------------------------------------------------
def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk (some file systems refuse this for folders: then the rename must do)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; when the block ends well, what was written there becomes ``path``.

    The temporary name keeps the suffix of ``path``. Missing parent folders are made. The block may also make a folder
    there, if ``path`` does not exist yet. On any error the temporary is removed and ``path`` is as it was.

    Raises:
        StorageError: full disk, quota or file size limit, or a path that cannot be written.
    """
    path = Path(path)
    token = f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}-"
    temporary = path.parent / (token + path.name[-(MAX_NAME - len(token)) :])
    with storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync(temporary)
            _check_fences(path)
            temporary.replace(path)
        except BaseException:
            _remove(temporary)
            raise
        _sync(path.parent)


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write ``data`` atomically. Raises StorageError."""
    path = Path(path)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return path


def write_text(path: str | Path, text: str) -> Path:
    """Write ``text`` as UTF-8, atomically. Raises StorageError."""
    return write_bytes(path, text.encode("utf-8"))


def sweep_temporaries(folder: str | Path, older_than_s: float = 3600.0) -> int:
    """Remove temporaries below ``folder`` that killed processes left, if last changed ``older_than_s`` seconds ago.

    Returns:
        How many were removed.
    """
    removed = 0
    limit = time.time() - older_than_s
    for path in sorted(Path(folder).rglob(f"{TEMPORARY}*")):
        with suppress(FileNotFoundError):
            if path.lstat().st_mtime <= limit:
                _remove(path)
                removed += 1
    return removed


# -- JSON --------------------------------------------------------------------------------------------------------
def _plain(value: Any) -> Any:
    """JSON form of dataclasses, mappings, sets, paths, numpy scalars and arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return sorted(value)
    if isinstance(value, os.PathLike):
        return Path(value).as_posix()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def canonical_json(obj: Any) -> str:
    """The one compact JSON text of ``obj``: keys sorted, no spaces. Raises ValueError for NaN and infinities."""
    return json.dumps(obj, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def write_json(path: str | Path, obj: Any) -> Path:
    """Write ``obj`` atomically as indented JSON with sorted keys.

    Raises:
        ValueError: NaN or infinity, which JSON does not have (nothing is written).
        StorageError: see :func:`atomic_path`.
    """
    text = json.dumps(obj, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    return write_text(path, text + "\n")


def read_json(path: str | Path) -> Any:
    """The object in a JSON file.

    Raises:
        MissingInputError: there is no such file.
        SuiteError: it is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingInputError(f"{path} does not exist") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path} is damaged: {error}", "remove it, then run the command again") from None


# -- hashes ------------------------------------------------------------------------------------------------------
def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes (hex), read in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(*parts: bytes | str) -> str:
    """SHA-256 (hex) of several parts; each is length-prefixed, so that ("ab", "c") and ("a", "bc") differ."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8") if isinstance(part, str) else part
        h.update(len(data).to_bytes(8, "little"))
        h.update(data)
    return h.hexdigest()


def digest(obj: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of ``obj``. Raises ValueError for NaN and infinities."""
    return hashlib.sha256(canonical_json(obj).encode("utf-8")).hexdigest()


def source_digest(files: Iterable[str | Path]) -> str:
    """SHA-256 (hex) of source files: their text and their place relative to their common folder.

    The order of ``files``, where the checkout lies and the kind of line ends do not change it.
    """
    paths = sorted({Path(f).resolve() for f in files})
    if not paths:
        return digest([])
    base = Path(os.path.commonpath([p.parent for p in paths]))
    return digest([[p.relative_to(base).as_posix(), sha256_of(p.read_bytes().replace(b"\r\n", b"\n"))] for p in paths])


def checksum_path(path: str | Path) -> Path:
    """Where the checksum of ``path`` lies: ``<name>.sha256`` beside it."""
    path = Path(path)
    return path.with_name(path.name + ".sha256")


def write_checksum(path: str | Path) -> str:
    """Write the SHA-256 of ``path`` into its side file (the format of ``sha256sum``) and return it."""
    path = Path(path)
    value = sha256_file(path)
    write_text(checksum_path(path), f"{value}  {path.name}\n")
    return value


@contextmanager
def checked_path(path: str | Path) -> Iterator[Path]:
    """:func:`atomic_path` for a file with its checksum beside it.

    Killed at any moment, the file on disk matches its checksum: while an older file is being replaced the side file
    states both hashes.

    Raises:
        StorageError: see :func:`atomic_path`; the old file is as it was.
    """
    path = Path(path)
    with atomic_path(path) as temporary:
        yield temporary
        new = sha256_file(temporary)
        before = sha256_file(path) if verify_checksum(path) else ""
        write_text(checksum_path(path), "".join(f"{value}  {path.name}\n" for value in (new, before) if value))
    if before:
        write_text(checksum_path(path), f"{new}  {path.name}\n")


def stated_checksums(path: str | Path) -> list[str]:
    """What the side file of ``path`` states: one SHA-256, two while :func:`checked_path` replaces it, else none."""
    try:
        lines = checksum_path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [line.split()[0] for line in lines if line.strip()]


def verify_checksum(path: str | Path) -> bool:
    """Whether ``path`` exists and has a SHA-256 that its side file states; False where either is missing."""
    stated = stated_checksums(path)
    return bool(stated) and Path(path).is_file() and sha256_file(path) in stated


# -- names and places --------------------------------------------------------------------------------------------
def safe_name(text: str, limit: int = 80) -> str:
    """A file or folder name made from any text: letters, digits and ``._+=@-``, no ``..``, no leading dot or hyphen.

    The same text always gives the same name. Where a character had to change or the name was cut to ``limit``
    characters, a hash of the text is appended, so that different texts keep different names.
    """
    name = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._+=@-]+", "-", text)).lstrip(".-").rstrip(".")
    if name and name == text and len(name) <= limit:
        return name
    suffix = sha256_of(text)[:8]
    head = name[: limit - len(suffix) - 1].rstrip(".-")
    return f"{head or 'unnamed'}-{suffix}"


def _root(variable: str, kind: str) -> Path:
    value = os.environ.get(variable, "").strip()
    if value:
        return Path(value).expanduser().absolute()
    import platformdirs

    base = platformdirs.user_cache_path(APP) if kind == "cache" else platformdirs.user_data_path(APP) / kind
    return base.absolute()


def data_root() -> Path:
    """Where data sets lie: ``BENCH_DATA``, else the user's data folder. Not created here."""
    return _root("BENCH_DATA", "data")


def cache_root() -> Path:
    """What can be made again (decoded and rendered frames): ``BENCH_CACHE``, else the user's cache folder."""
    return _root("BENCH_CACHE", "cache")


def weights_root() -> Path:
    """Pretrained weights: ``BENCH_WEIGHTS``, else the user's data folder. Not created here."""
    return _root("BENCH_WEIGHTS", "weights")
