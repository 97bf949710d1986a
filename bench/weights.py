"""Fetching, adding and verifying the pretrained weights that are not shipped (the table: :mod:`datasets.weights`).

A file lies in :func:`datasets.files.weights_root` under its official name. Nothing is used that was not checked.
"""

from __future__ import annotations

import difflib
import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.locks import folder_lock
from datasets.errors import MissingInputError, UsageError
from datasets.files import atomic_path, sha256_file, storage_errors
from datasets.weights import KNOWN, Weight

_BLOCK = 2**20
TIMEOUT_S = 30.0
Progress = Callable[[int, int, str], None]
__all__ = ["KNOWN", "Weight", "add", "address", "fetch", "known", "state"]


def known(name: str) -> Weight:
    """The weight of that name.

    Raises:
        UsageError: unknown (with the nearest).
    """
    names = {weight.name: weight for weight in KNOWN}
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        raise UsageError(f"there are no weights {name!r}", f"{hint} (bench weights list)")
    return names[name]


def state(weight: Weight, verify: bool = False) -> str:
    """``missing``, ``present`` (there, not checked now), ``ok`` or ``damaged`` (both only with ``verify``)."""
    if not weight.path.is_file():
        return "missing"
    if not verify:
        return "present"
    return "ok" if weight.matches(sha256_file(weight.path)) else "damaged"


def add(file: Path, weight: Weight) -> Path:
    """Copy a local file into its place, after checking that it is the right one.

    Raises:
        MissingInputError: no such file. UsageError: it is another file. StorageError: it cannot be stored.
    """
    if not file.is_file():
        raise MissingInputError(f"{file} does not exist", "give the path of a file")
    digest = sha256_file(file)
    if not weight.matches(digest):
        raise UsageError(
            f"{file} is not {weight.file}: its SHA-256 begins with {digest[: max(8, len(weight.sha256))]}, "
            f"expected {weight.sha256}",
            "give the official file, unchanged",
        )
    with atomic_path(weight.path) as temporary:
        shutil.copyfile(file, temporary)
    return weight.path


# -- fetching --------------------------------------------------------------------------------------------------------
def fetch(weight: Weight, progress: Progress, timeout: float = TIMEOUT_S) -> Path:
    """Download a file into its place; one that is there and whole is kept. A broken download goes on where it stopped.

    Redirects are followed, but never from HTTPS to anything else.

    Args:
        timeout: seconds without a byte after which the server counts as gone.

    Raises:
        MissingInputError: no network, the server refuses, what came is not the file, or it is one that users get by
            hand; the message says what to do.
        StorageError: the disk is full, or the folder cannot be written.
    """
    if state(weight, verify=True) == "ok":
        return weight.path
    if not weight.fetchable:
        raise MissingInputError(
            f"the suite does not download {weight.name}: nobody states the hash of {weight.file}, or where it lies",
            f"get it {weight.source}; then bench weights add FILE --as {weight.name}",
        )
    with folder_lock(weight.path.parent), storage_errors(weight.path):
        part = weight.path.with_name(weight.file + ".part")
        with _readable(weight):
            _download(address(weight), part, weight, progress, timeout)
        digest = sha256_file(part)
        if not weight.matches(digest):
            part.unlink()
            raise MissingInputError(
                f"what came for {weight.name} is not {weight.file}: its SHA-256 begins with {digest[:8]}, "
                f"expected {weight.sha256}; it was removed",
                _by_hand(weight),
            )
        part.replace(weight.path)
    return weight.path


def address(weight: Weight) -> str:
    """The URL of a file; torchvision is asked for the address of its own files."""
    kind, _, member = weight.source.partition(":")
    if kind != "torchvision":
        return weight.source
    from torchvision import models

    return str(models.get_weight(member).url)


def _by_hand(weight: Weight) -> str:
    return f"or get {weight.file} elsewhere and run: bench weights add FILE --as {weight.name}"


@contextmanager
def _readable(weight: Weight) -> Iterator[None]:
    """One sentence for whatever goes wrong on the way to the server; full disks pass on to the caller."""
    try:
        yield
    except urllib.error.HTTPError as error:
        reason = f"the server answers {error.code} {error.reason}"
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = f"no connection ({getattr(error, 'reason', None) or error})"
    else:
        return
    raise MissingInputError(
        f"cannot download {weight.name} to {weight.path}: {reason}",
        f"try again with a network; what came is kept, {_by_hand(weight)}",
    )


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not out of HTTPS: there anybody on the way could answer."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request. Raises URLError for one that leaves HTTPS."""
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.URLError(f"the server leaves HTTPS for {newurl.partition(':')[0]}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, part: Path, weight: Weight, progress: Progress, timeout: float) -> None:
    """Append to ``part`` what is not there yet."""
    have = part.stat().st_size if part.is_file() else 0
    if weight.size and have > weight.size:  # left by something else: going on from there could never fit
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.build_opener(_SafeRedirects).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the part is whole, or wrong
            return
        raise
    with response:
        if response.status != 206:  # the server sends everything, whatever was asked
            have = 0
        total = have + int(response.headers.get("Content-Length") or 0) or weight.size
        with part.open("ab" if have else "wb") as file:
            while block := response.read1(_BLOCK):  # what has come, so that a silence loses nothing
                file.write(block)
                have += len(block)
                progress(have, max(total, have), f"downloading {weight.name}, bytes")
    if have < total:
        raise ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")
