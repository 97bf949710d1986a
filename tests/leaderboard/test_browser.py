"""The report in a real browser, from the file system with the network off."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_runs import CROSS, SIZE, FakeRun, write_curves, write_pairs, write_run
from PIL import Image

from leaderboard.report import write_report

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
]


def burn_frame_numbers(runs: Path) -> None:
    """Paint each frame's number into every lossless frame of generated and true videos: a grey level of 20 a frame."""
    folders = {p.parent for kind in ("generated", "references") for p in runs.glob(f"**/{kind}/**/000000.png")}
    for folder in folders:
        for path in folder.glob("*.png"):
            level = 20 + 20 * int(path.stem)
            Image.new("RGB", (SIZE, SIZE), (level, level, level)).save(path)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with two methods, bars, numbered frames, a failed run with long texts, a variant, factors and ranks."""
    runs = tmp_path_factory.mktemp("browser") / "runs"
    write_curves(write_run(runs, FakeRun("tps", 0.9, mode="avd", frames=True, kept=True)))
    write_run(runs, FakeRun("fomm", 0.4, frames=True, kept=True, card={"licence": "Apache-2.0"}))
    write_run(runs, FakeRun("tps", 0.5, variant="tps-only", mode="avd", protocols=(CROSS,)))
    write_run(runs, FakeRun("burnt", status="crashed", reason="long" * 60 + "<b onclick=x>", scores=False))
    for name in ("copy-source", "faded-source"):
        write_run(runs, FakeRun(name, 0.05, sanity=True))
    for seed in range(3):
        for name, quality in (("tps", 0.9), ("fomm", 0.4)):
            ranked = {"preset": "standard", "annotation_class": "detected", "protocols": (CROSS,)}
            write_run(runs, FakeRun(name, quality, seed=seed, **ranked))
    write_pairs(runs, CROSS)
    burn_frame_numbers(runs)
    return write_report(runs)


def page_of(report: Path, kind: str) -> Path:
    """One page of a kind: the quick cross-animation board, or one of its parts, or a pair of it."""
    (pair,) = report.parent.glob("pairs/cross-animation-*/p03-walk.html")
    board = report.parent / "boards" / f"{pair.parent.name}.html"
    return {"pair": pair, "board": board}.get(kind, board.with_name(f"{board.stem}-{kind}.html"))


def every_kind(report: Path) -> list[Path]:
    """The first page, one page of each kind, and all at the top."""
    kinds = ("board", "metrics", "differences", "pairs", "wins", "pair")
    folder = report.parent
    some = [next(iter(sorted((folder / name).glob("[!i]*.html")))) for name in ("methods", "datasets", "runs")]
    return [
        *sorted(folder.glob("*.html")),
        *sorted(folder.glob("*/index.html")),
        *(page_of(report, k) for k in kinds),
        *some,
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Watched:
    """A page that remembers what it asked for and what it complained of."""

    def __init__(self, browser: Any, path: Path, fragment: str = "", **context: Any) -> None:
        self.context = browser.new_context(offline=True, **context)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("console", lambda m: self.messages.append(m.text))
        self.page.on("pageerror", lambda e: self.messages.append(str(e)))
        self.page.goto(path.as_uri() + fragment)


@pytest.fixture
def watch(browser: Any) -> Iterator[Any]:
    """Opens watched pages; at the end none may have left the file system or complained."""
    opened: list[Watched] = []

    def open_page(path: Path, fragment: str = "", **context: Any) -> Watched:
        opened.append(Watched(browser, path, fragment, **context))
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
    """First words of a column of the first table's methods that are shown."""
    script = """i => [...document.querySelector('.board-table').tBodies[0].rows]
        .filter(r => !r.hidden && !r.classList.contains('divider')).map(r => r.cells[i].innerText)"""
    return [text.split("\n")[0].strip() for text in page.evaluate(script, index)]


def test_tables_sort_by_keyboard_and_say_so(watch: Any, report: Path) -> None:
    page = watch(page_of(report, "board")).page
    assert column(page, 0) == ["tps[avd]", "fomm[standard]", "burnt[standard]"]
    head = page.locator(".board-table thead tr").last.locator("th").nth(1)
    head.locator(".sort").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, 0) == ["tps[avd]", "fomm[standard]", "burnt[standard]"], "L1: lower is better"
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, 0) == ["fomm[standard]", "tps[avd]", "burnt[standard]"], "a row without a number stays last"
    assert "Sorted by L1 distance" in page.locator("#said").inner_text()
    page.locator(".board-table thead th").first.locator(".sort").click()
    assert column(page, 0) == ["burnt[standard]", "fomm[standard]", "tps[avd]"]


def test_filters_and_hidden_columns_and_the_address_holds_it_all(watch: Any, report: Path) -> None:
    page = watch(page_of(report, "board")).page
    page.locator(".tools input").first.fill("apache")
    assert column(page, 0) == ["fomm[standard]"] and "1 of " in page.locator(".tools .count").first.inner_text()
    page.locator(".tools input").first.fill("-burnt")
    assert column(page, 0) == ["tps[avd]", "fomm[standard]"]
    page.locator(".tools summary").first.focus()
    page.keyboard.press("Enter")
    box = page.locator(".tools .list input").first
    box.focus()
    page.keyboard.press("Space")
    assert page.locator(".board-table thead tr").last.locator("th").nth(1).is_hidden()
    page.locator(".board-table thead .sort").first.click()
    fragment = page.evaluate("location.hash")
    again = watch(page_of(report, "board"), fragment).page
    assert column(again, 0) == ["fomm[standard]", "tps[avd]"]
    assert again.locator(".board-table thead tr").last.locator("th").nth(1).is_hidden()
    assert again.locator(".tools input").first.input_value() == "-burnt"


def test_a_metric_card_opens_by_pointer_focus_and_key(watch: Any, report: Path) -> None:
    page = watch(page_of(report, "board")).page
    button, card = page.locator(".board-table .info").first, page.locator(".card").first
    assert card.is_hidden()
    button.focus()
    page.keyboard.press("Enter")
    assert card.is_visible() and "mean over pixels" in card.inner_text()
    page.keyboard.press("Escape")
    assert card.is_hidden()
    button.hover()
    until(page, "document.querySelector('.card').matches(':popover-open')")
    assert card.bounding_box()["x"] >= 0


def levels(page: Any, tmp_path: Path) -> list[int]:
    """The grey level in the middle of every numbered track on the page."""
    found = []
    for view in page.locator(".track.truth .view, .track.generated .view").all():
        path = tmp_path / "shot.png"
        view.screenshot(path=str(path))
        with Image.open(path) as image:
            found.append(image.convert("L").getpixel((image.width // 2, image.height // 2)))
    return found


def test_all_tracks_show_the_same_frame(watch: Any, report: Path, tmp_path: Path) -> None:
    page = watch(page_of(report, "pair")).page
    player = page.locator("#player")
    player.focus()
    for frame in (0, 1, 2):
        assert levels(page, tmp_path) == pytest.approx([20 + 20 * frame] * 3, abs=4)
        page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    assert levels(page, tmp_path) == pytest.approx([160] * 3, abs=4)
    assert player.locator(".frame").inner_text() == "8 / 8"
    page.keyboard.press("ArrowLeft")
    page.locator(".back").click()
    assert levels(page, tmp_path) == pytest.approx([120] * 3, abs=4)
    again = watch(page_of(report, "pair"), page.evaluate("location.hash")).page
    assert again.locator(".frame").inner_text() == "6 / 8"
    assert levels(again, tmp_path) == pytest.approx([120] * 3, abs=4)
    page.keyboard.press("Home")
    page.locator("#player").focus()
    page.keyboard.press(" ")
    until(page, "Number(document.querySelector('.at').value) > 2")
    page.keyboard.press(" ")
    now = levels(page, tmp_path)
    assert max(now) - min(now) <= 4, "paused on one frame"


def test_wipe_and_difference_compare_two_tracks(watch: Any, report: Path, tmp_path: Path) -> None:
    page = watch(page_of(report, "pair"), "#mode=difference&frame=4").page
    stage = page.locator(".stage")
    path = tmp_path / "stage.png"
    stage.screenshot(path=str(path))
    with Image.open(path) as image:
        assert image.convert("L").getpixel((image.width // 2, image.height // 2)) <= 8, "equal frames differ by nothing"
    page.locator(".mode").select_option("wipe")
    assert page.locator(".wipe").is_visible() and page.locator(".gain").is_hidden()
    page.locator(".a").select_option(index=0)
    assert "mode=wipe" in page.evaluate("location.hash") and "a=0" in page.evaluate("location.hash")
    page.locator(".columns-menu summary").click()
    page.locator(".columns-menu input").first.uncheck()
    assert page.locator(".track").first.is_hidden() and "off=0" in page.evaluate("location.hash")


def test_nothing_big_is_loaded_before_it_is_seen(watch: Any, report: Path) -> None:
    watched = watch(report)
    assert not [u for u in watched.requests if u.endswith((".mp4", ".webp"))]


def test_downloads_work(watch: Any, report: Path) -> None:
    page = watch(page_of(report, "board")).page
    for name in ("CSV", "JSON", "Parquet", "LaTeX", "every pair (Parquet)"):
        href = page.get_by_role("link", name=name, exact=True).first.get_attribute("href")
        assert (page_of(report, "board").parent / href).resolve().is_file()


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_window(watch: Any, report: Path, width: int, scheme: str) -> None:
    for path in every_kind(report):
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
    for path in every_kind(report):
        page = watch(path, color_scheme=scheme).page
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.evaluate(CONTRAST) == []


def test_without_a_script_everything_can_be_read(watch: Any, report: Path) -> None:
    page = watch(page_of(report, "board"), java_script_enabled=False).page
    assert page.locator(".board-table tbody tr:not(.divider)").count() == 5
    assert page.locator(".sheet img").first.is_visible() and page.locator(".thumbs a").count() == 12
    assert page.locator(".tools").count() == 0
    page = watch(page_of(report, "pair"), java_script_enabled=False).page
    assert page.locator(".controls").is_hidden() and page.locator(".track img").count() == 5
    assert page.locator("#values tbody tr").count() == 4


def test_contact_sheet_is_shown(watch: Any, report: Path) -> None:
    page = watch(page_of(report, "board")).page
    page.locator(".sheet img").first.scroll_into_view_if_needed()
    until(page, "document.querySelector('.sheet img').naturalWidth > 600")


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's script: the file that BENCH_AXE names, else by npm; skips where neither is there."""
    if named := os.environ.get("BENCH_AXE"):
        return Path(named).read_text(encoding="utf-8")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core is not here: name its axe.min.js in BENCH_AXE, or install npm")
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "axe-core@4"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not give axe-core within two minutes")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        pytest.skip(f"npm did not give axe-core: {done.stderr[-200:]}")
    return script.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: Any, report: Path, axe: str, scheme: str) -> None:
    found = []
    for path in every_kind(report):
        context = browser.new_context(offline=True, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        page.goto(path.as_uri())
        page.evaluate(axe)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [(path.name, v["id"], v["nodes"][0]["html"][:120]) for v in result["violations"]]
        context.close()
    assert found == []


def test_a_study_is_answered_by_keyboard_and_saved(watch: Any, report: Path, tmp_path: Path) -> None:
    from leaderboard.study.build import build_study
    from leaderboard.study.store import ingest, read_key

    runs = report.parents[1] / "runs"
    page_path, key = build_study(runs, tmp_path / "study", "cross-animation", "synthetic", "quick", pairs=1)
    page = watch(page_path).page
    page.locator(".begin").focus()
    page.keyboard.press("Enter")
    total = len(read_key(key).items)
    for _ in range(total):
        rating = page.locator(".answer fieldset").count() > 1
        for digit in "3333" if rating else "1":
            page.keyboard.press(digit)
        assert page.locator(".go").is_enabled()
        page.keyboard.press("Enter")
    page.locator(".save").focus()
    with page.expect_download() as waited:
        page.keyboard.press("Enter")
    saved = tmp_path / "answers.json"
    waited.value.save_as(saved)
    _, people = ingest(tmp_path, key, [saved])
    assert len(people) == 1 and len(people[0].answers) == total
