"""The report in a real browser, from the file system with the network off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_runs import CROSS, FakeRun, write_curves, write_run

from leaderboard.report import write_report

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with two methods, bars, frames, a failed run with long texts, and a variant."""
    runs = tmp_path_factory.mktemp("browser") / "runs"
    write_curves(write_run(runs, FakeRun("tps", 0.9, mode="avd", frames=True)))
    write_run(runs, FakeRun("fomm", 0.4, frames=True))
    write_run(runs, FakeRun("tps", 0.5, variant="tps-only", mode="avd", protocols=(CROSS,)))
    write_run(runs, FakeRun("burnt", status="crashed", reason="long" * 60 + "<b onclick=x>", scores=False))
    for name in ("copy-source", "faded-source"):
        write_run(runs, FakeRun(name, 0.05, sanity=True))
    return write_report(runs)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


class Watched:
    """A page that remembers what it asked for and what it complained of."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.context = browser.new_context(offline=True, **context)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("console", lambda m: self.messages.append(m.text))
        self.page.on("pageerror", lambda e: self.messages.append(str(e)))
        self.page.goto(path.as_uri())

    def videos(self) -> list[str]:
        """Videos that were asked for."""
        return [url for url in self.requests if url.endswith(".mp4")]


@pytest.fixture
def watch(browser: Any) -> Iterator[Any]:
    """Opens watched pages; at the end none may have left the file system or complained."""
    opened: list[Watched] = []

    def open_page(path: Path, **context: Any) -> Watched:
        opened.append(Watched(browser, path, **context))
        return opened[-1]

    yield open_page
    for watched in opened:
        assert [u for u in watched.requests if not u.startswith(("file:", "data:"))] == []
        assert watched.messages == []
        watched.context.close()


def until(page: Any, expression: str) -> None:
    """Wait for a condition from outside: the page's policy forbids Playwright's own way, which evaluates text."""
    for _ in range(400):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never true: {expression}")


def column(page: Any, index: int) -> list[str]:
    """First words of a column of the first board's methods."""
    script = "i => [...document.querySelector('.board table').tBodies[0].rows].map(r => r.cells[i].innerText)"
    return [text.split("\n")[0].strip() for text in page.evaluate(script, index)]


def test_tables_sort_by_keyboard_and_say_so(watch: Any, report: Path) -> None:
    page = watch(report).page
    assert column(page, 0) == ["tps[avd]", "fomm[standard]", "burnt[standard]"]
    head = page.locator(".board table").first.locator("thead th").nth(1)
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, 0) == ["tps[avd]", "fomm[standard]", "burnt[standard]"], "L1: lower is better"
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, 0) == ["fomm[standard]", "tps[avd]", "burnt[standard]"], "a row without a number stays last"
    assert "Sorted by L1 distance" in page.locator("#said").inner_text()
    page.locator(".board table").first.locator("thead th").first.locator("button").click()
    assert column(page, 0) == ["burnt[standard]", "fomm[standard]", "tps[avd]"]


def test_videos_of_a_pair_stay_in_step(watch: Any, report: Path) -> None:
    watched = watch(report)
    page = watched.page
    assert watched.videos() == [], "nothing is loaded before it is asked for"
    sample = page.locator(".sample").first
    times = "e => [...e.querySelectorAll('video')].map(v => v.currentTime)"
    sample.locator(".play").click()
    until(page, "document.querySelector('.sample output').innerText.startsWith('4 /')")
    playing = sample.evaluate(times)
    assert len(playing) == 4 and max(playing) - min(playing) < 0.15 and min(playing) > 0, playing
    sample.locator(".play").click()
    paused = sample.evaluate("e => [...e.querySelectorAll('video')].map(v => v.paused)")
    assert paused == [True] * 4
    sample.locator("input").focus()
    page.keyboard.press("Home")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    sample.locator(".next").click()
    until(page, "[...document.querySelectorAll('.sample')][0].querySelector('video').currentTime > 0.34")
    until(page, "[...document.querySelectorAll('.sample video')].slice(0, 4).every(v => !v.seeking)")
    assert sample.evaluate(times) == pytest.approx([0.35] * 4, abs=0.01), "frame 3 of all, in the middle of its time"
    assert sample.locator("output").inner_text() == "4 / 8"
    assert len(set(watched.videos())) <= 4, "only this pair was loaded"


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_window(watch: Any, report: Path, width: int, scheme: str) -> None:
    for path in (report, *sorted((report.parent / "runs").iterdir())):
        page = watch(path, viewport={"width": width, "height": 800}, color_scheme=scheme).page
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


CONTRAST = """() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const lum = c => { const [r, g, b] = c.map(linear);
    return .2126 * r + .7152 * g + .0722 * b; };
  const back = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) { return c.slice(0, 3); } } return [255, 255, 255]; };
  const bad = [];
  document.querySelectorAll('main *, header *, footer *').forEach(e => {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest('.hidden, svg, [hidden]') || !e.getClientRects().length) { return; }
    const [a, b] = [lum(parse(getComputedStyle(e).color).slice(0, 3)), lum(back(e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) { bad.push(e.className + ' ' + e.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2)); }
  });
  return bad; }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(watch: Any, report: Path, scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1."""
    for path in (report, *sorted((report.parent / "runs").iterdir())):
        page = watch(path, color_scheme=scheme).page
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.evaluate(CONTRAST) == []


def test_without_a_script_everything_can_be_read(watch: Any, report: Path) -> None:
    page = watch(report, java_script_enabled=False).page
    assert page.locator(".board table").first.locator("tbody tr").count() == 6
    assert page.locator(".sheet img").first.is_visible()
    assert page.locator(".sample .controls").first.is_hidden()
    assert page.locator(".sample video[controls]").first.is_visible()


def test_contact_sheet_and_posters_are_shown(watch: Any, report: Path) -> None:
    page = watch(report).page
    page.locator(".sheet img").first.scroll_into_view_if_needed()
    until(page, "document.querySelector('.sheet img').naturalWidth > 600")
