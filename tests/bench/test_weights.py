"""Weights are fetched, added and verified by their hash; a partial or foreign file is never used."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.progress import silent
from bench.weights import KNOWN, Weight, _SafeRedirects, add, address, fetch, known, state
from datasets.errors import MissingInputError, UsageError

DATA = bytes(range(256)) * 5000


class Server(ThreadingHTTPServer):
    """Serves DATA, with byte ranges or without; can break off, refuse or send something else."""

    requests: list[str | None]
    awake: threading.Event
    ranges = True
    stop_after = len(DATA)
    status = 200
    body = DATA
    stall_s = 0.0
    redirects = ""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        """Answer with what the server was told to."""
        wanted = self.headers.get("Range")
        self.server.requests.append(wanted)
        if self.server.redirects and self.path != "/moved.pth":
            self.send_response(302)
            self.send_header("Location", self.server.redirects)
            self.end_headers()
            return
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(self.server.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.server.body) - start))
        self.end_headers()
        self.wfile.write(self.server.body[start : self.server.stop_after])
        self.wfile.flush()
        self.server.awake.wait(self.server.stall_s)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on this machine."""
    found = Server(("127.0.0.1", 0), Handler)
    found.requests, found.awake = [], threading.Event()
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield found
    found.awake.set()
    found.shutdown()
    found.server_close()


@pytest.fixture
def weight(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weight:
    """A file that the server has, with eight known digits of its hash."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    digest = hashlib.sha256(DATA).hexdigest()[:8]
    url = f"http://127.0.0.1:{server.server_port}/net.pth"
    return Weight("net", f"net-{digest}.pth", digest, url, "MIT", "tests")


def test_fetch_downloads_once(weight: Weight, server: Server) -> None:
    assert state(weight) == "missing"
    steps: list[tuple[int, int]] = []
    assert fetch(weight, lambda done, total, what: steps.append((done, total))).read_bytes() == DATA
    assert steps[-1] == (len(DATA), len(DATA))
    fetch(weight, silent)
    assert server.requests == [None]
    assert state(weight, verify=True) == "ok"
    assert [p.name for p in weight.path.parent.iterdir()] == [weight.file]


def test_a_broken_download_goes_on_where_it_stopped(weight: Weight, server: Server) -> None:
    server.stop_after = 700_000
    with pytest.raises(MissingInputError, match="ended after 700,000 of 1,280,000 bytes") as caught:
        fetch(weight, silent)
    assert "bench weights add FILE --as net" in caught.value.hint
    assert state(weight) == "missing"
    server.stop_after = len(DATA)
    assert fetch(weight, silent).read_bytes() == DATA
    assert server.requests == [None, "bytes=700000-"]


def test_a_server_that_falls_silent_is_given_up_and_gone_on_with(weight: Weight, server: Server) -> None:
    server.stop_after, server.stall_s = 300_000, 20.0
    begun = time.monotonic()
    with pytest.raises(MissingInputError, match=r"no connection .*timed out"):
        fetch(weight, silent, timeout=0.3)
    assert time.monotonic() - begun < 10 and state(weight) == "missing"
    server.stop_after, server.stall_s = len(DATA), 0.0
    assert fetch(weight, silent).read_bytes() == DATA
    assert server.requests == [None, "bytes=300000-"]


def test_a_redirect_is_followed_with_its_range(weight: Weight, server: Server) -> None:
    server.redirects = "/moved.pth"
    server.stop_after = 500_000
    with pytest.raises(MissingInputError):
        fetch(weight, silent)
    server.stop_after = len(DATA)
    assert fetch(weight, silent).read_bytes() == DATA
    assert server.requests == [None, None, "bytes=500000-", "bytes=500000-"]


def test_a_redirect_out_of_https_is_refused() -> None:
    request = urllib.request.Request("https://example.org/net.pth")
    handler = _SafeRedirects()
    assert handler.redirect_request(request, io.BytesIO(), 302, "", HTTPMessage(), "https://other.org/x") is not None
    for address_ in ("http://example.org/net.pth", "ftp://example.org/net.pth"):
        with pytest.raises(urllib.error.URLError, match="refused"):
            handler.redirect_request(request, io.BytesIO(), 302, "", HTTPMessage(), address_)


def test_a_part_that_is_too_long_is_thrown_away(weight: Weight, server: Server) -> None:
    sized = replace(weight, size=len(DATA))
    weight.path.parent.mkdir()
    weight.path.with_name(weight.file + ".part").write_bytes(DATA + b"more")
    assert fetch(sized, silent).read_bytes() == DATA and server.requests == [None]


def test_the_manifest_is_whole() -> None:
    for weight in KNOWN:
        assert weight.licence and weight.used_by and weight.source
        assert len(weight.sha256) in ((8, 64) if weight.fetchable else (0, 64))
        assert weight.size >= 0 and Path(weight.file).name == weight.file


def test_a_server_without_ranges_starts_again(weight: Weight, server: Server) -> None:
    server.stop_after = 10
    with pytest.raises(MissingInputError):
        fetch(weight, silent)
    server.ranges, server.stop_after = False, len(DATA)
    assert fetch(weight, silent).read_bytes() == DATA


def test_a_whole_part_is_only_checked(weight: Weight, server: Server) -> None:
    weight.path.parent.mkdir()
    weight.path.with_name(weight.file + ".part").write_bytes(DATA)
    assert fetch(weight, silent).read_bytes() == DATA


def test_a_wrong_file_is_never_used(weight: Weight, server: Server) -> None:
    server.body = b"<html>not found</html>"
    with pytest.raises(MissingInputError, match=r"is not net-.*expected"):
        fetch(weight, silent)
    assert list(weight.path.parent.iterdir()) == []


def test_no_server_is_one_sentence_with_the_place_of_the_file(weight: Weight, server: Server) -> None:
    server.status = 403
    with pytest.raises(MissingInputError, match="answers 403"):
        fetch(weight, silent)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = Weight("net", weight.file, weight.sha256, f"http://127.0.0.1:{free.getsockname()[1]}/x", "", "")
        with pytest.raises(MissingInputError, match="no connection") as caught:
            fetch(gone, silent)
    assert str(weight.path) in caught.value.message and caught.value.status == 3


def test_a_damaged_file_is_fetched_again(weight: Weight) -> None:
    weight.path.parent.mkdir()
    weight.path.write_bytes(DATA[:-1] + b"!")
    assert (state(weight), state(weight, verify=True)) == ("present", "damaged")
    fetch(weight, silent)
    assert state(weight, verify=True) == "ok"


def test_add_takes_only_the_right_file(weight: Weight, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(DATA)
    (tmp_path / "bad").write_bytes(DATA[1:])
    with pytest.raises(UsageError, match="is not net-"):
        add(tmp_path / "bad", weight)
    assert state(weight) == "missing"
    with pytest.raises(MissingInputError, match="does not exist"):
        add(tmp_path / "none", weight)
    assert add(tmp_path / "good", weight).read_bytes() == DATA
    assert (tmp_path / "good").exists()


def test_what_users_get_by_hand_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    for weight in (entry for entry in KNOWN if not entry.fetchable):
        assert weight.source.startswith("by hand: ")
        with pytest.raises(MissingInputError, match=f"does not download {weight.name}") as caught:
            fetch(weight, silent)
        assert f"bench weights add FILE --as {weight.name}" in caught.value.hint
    unstated = next(entry for entry in KNOWN if not entry.sha256)
    (tmp_path / "file").write_bytes(b"whatever its author sent")
    assert add(tmp_path / "file", unstated) == unstated.path and state(unstated, verify=True) == "ok"


def test_the_table_agrees_with_torchvision() -> None:
    for weight in (entry for entry in KNOWN if entry.fetchable):
        url = address(weight)
        assert url.startswith("https://") and url.partition("?")[0].endswith("/" + weight.file)
        assert not weight.source.startswith("torchvision:") or weight.sha256[:8] in weight.file
    assert len({weight.name for weight in KNOWN}) == len({weight.file for weight in KNOWN}) == len(KNOWN)
    with pytest.raises(UsageError, match="no weights 'vgg91'") as caught:
        known("vgg91")
    assert "'vgg19'" in caught.value.hint
