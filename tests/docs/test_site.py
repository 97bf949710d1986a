"""The documentation site: builds without a warning, no link is dead, nothing is loaded from the network."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Attributes by which a browser loads something on its own.
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("video", "src"), ("source", "src")}

pytest.importorskip("mkdocs", reason="the dependency group docs is not installed")


class Page(HTMLParser):
    """Links, what is loaded, and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if (tag, name) in LOADED and value:
                self.loaded.append(value)
            if tag == "a" and name == "href" and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, by the one command, with the network's proxies pointed nowhere."""
    out = tmp_path_factory.mktemp("site") / "site"
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)], cwd=ROOT,
                          env=dict(os.environ) | nowhere, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_page_of_the_navigation_is_there(site: Path) -> None:
    import yaml

    def names(nav: object) -> list[str]:
        if isinstance(nav, str):
            folder = sorted((ROOT / "docs" / nav).glob("*.md")) if nav.endswith("/") else []
            return [path.relative_to(ROOT / "docs").as_posix() for path in folder] or [nav]
        items = nav.values() if isinstance(nav, dict) else nav
        return [name for item in items for name in names(item)]  # type: ignore[attr-defined]

    listed = names(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert len(listed) > 25
    built = [(site / name.replace("README.md", "index.md")).with_suffix(".html") for name in listed]
    assert all(path.is_file() for path in built)


def test_no_link_is_dead(site: Path, pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            target, anchor = urldefrag(link)
            if urlparse(target).scheme in ("http", "https", "mailto"):
                continue
            file = (path.parent / unquote(target)).resolve() if target else path
            there = file.is_file() and site in file.parents
            if not there or (anchor and file in pages and unquote(anchor) not in pages[file].anchors):
                dead.append((path.name, link))
    assert not dead


def test_nothing_is_loaded_from_the_network(site: Path, pages: dict[Path, Page]) -> None:
    foreign = [(path.name, link) for path, page in pages.items() for link in page.loaded if urlparse(link).netloc]
    assert not foreign
    styles = [path for path in site.rglob("*.css") if "url(http" in path.read_text(encoding="utf-8").replace('"', "")]
    assert not styles


def test_the_reference_names_everything_that_comes_along(site: Path) -> None:
    from bench import registry
    from bench.cli import VERBS

    for kind in ("methods", "datasets", "metrics"):
        text = (site / "reference" / f"{kind}.html").read_text(encoding="utf-8")
        lacking = [
            name for name, entry in registry.entries(kind).items() if not entry.distribution and name not in text
        ]
        assert not lacking, kind
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert all(f"bench {verb}" in commands for verb in VERBS)
    assert "Wang et al. 2004" in (site / "reference" / "metrics.html").read_text(encoding="utf-8")
    assert "27.9 dB" in (site / "reference" / "recipes.html").read_text(encoding="utf-8")
