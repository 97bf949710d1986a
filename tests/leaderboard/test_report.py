"""The report as a folder of files: what stands in it, that nothing hostile gets through, and how it is replaced."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from fake_runs import CROSS, HASHES, PAIRS, SELF, FakeRun, pair_names, write_curves, write_pairs, write_run

from bench.cli import main
from datasets.errors import UsageError
from leaderboard.report import write_report

VOID = {"meta", "link", "img", "input", "br", "wbr", "hr", "source"}


class Page(HTMLParser):
    """Elements of a page, with the text inside and whether every tag was closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str], list[str]]] = []
        self.elements: list[tuple[str, dict[str, str], str]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {[tag for tag, _, _ in self.open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        entry = (tag, {k: v or "" for k, v in attrs}, [])
        if tag in VOID:
            self.elements.append((tag, entry[1], ""))
        else:
            self.open.append(entry)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}, ""))

    def handle_endtag(self, tag: str) -> None:
        last, attrs, texts = self.open.pop()
        assert last == tag, f"</{tag}> closes <{last}>"
        self.elements.append((tag, attrs, "".join(texts)))

    def handle_data(self, data: str) -> None:
        for _, _, texts in self.open:
            texts.append(data)

    def all(self, tag: str, **attributes: str) -> list[tuple[dict[str, str], str]]:
        """(attributes, text) of the elements of a tag with these attributes."""
        return [
            (a, " ".join(t.split()))
            for n, a, t in self.elements
            if n == tag and all(a.get(k.rstrip("_")) == v for k, v in attributes.items())
        ]


def read(path: Path) -> Page:
    """A parsed page."""
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a store with methods, bars, a failed run, a variant, frames and curves."""
    base = tmp_path_factory.mktemp("store")
    runs = base / "runs"
    extra = {"trained": "initial checkpoint"}
    folder = write_run(runs, FakeRun("tps", 0.9, mode="avd", frames=True, kept=True, extra=extra))
    write_curves(folder)
    write_run(runs, FakeRun("fomm", 0.4, extra={"contaminated": ["synth-features-a"]}))
    card = {"variant_label": "MRAA + TPS", "compare_to": "full"}
    write_run(runs, FakeRun("tps", 0.4, variant="tps-only", mode="avd", card=card, protocols=(CROSS,)))
    write_run(runs, FakeRun("burnt", status="oom", reason="CUDA out of memory at step 7", scores=False))
    for name, quality in (("copy-source", 0.0), ("faded-source", 0.1), ("oracle", 2.0)):
        write_run(runs, FakeRun(name, quality, sanity=True))
    for protocol in (SELF, CROSS):
        write_pairs(runs, protocol)
    return write_report(runs)


def test_the_report_lies_beside_the_runs(report: Path) -> None:
    assert report.parts[-2:] == ("report", "index.html")
    assert [p.name for p in report.parent.parent.iterdir() if p.name.startswith(".tmp")] == []


def pages(report: Path) -> list[Path]:
    """Every page of a report."""
    return sorted(report.parent.rglob("*.html"))


def board_page(report: Path, name: str, part: str = "") -> Page:
    """The page of the board whose protocol has this name, or one of its parts."""
    (path,) = [
        p for p in (report.parent / "boards").glob(f"{name}-*.html")
        if (p.stem.rpartition("-")[2] == part if part else len(p.stem.rpartition("-")[2]) == 8)
    ]  # fmt: skip
    return read(path)


def test_every_board_and_its_rows_are_there(report: Path) -> None:
    page = read(report)
    headings = [t for _, t in page.all("h3")]
    assert [h.split(" ")[0] for h in headings[:2]] == ["Self-reconstruction", "Cross-animation"]
    assert any(t == "Ablation of tps[avd]" for _, t in board_page(report, "cross-animation").all("h3"))
    text = report.read_text(encoding="utf-8")
    for protocol, digits in HASHES.items():
        assert (f"{protocol} · {digits}" in text) == (protocol in (SELF, CROSS))
    rows = [t for a, t in page.all("th") if a.get("scope") == "row"]
    assert any(t.startswith("tps[avd]") and "initial checkpoint" in t for t in rows)
    assert any(t.startswith("copy-source") for t in rows)
    status = [t for _, t in page.all("td", class_="status")]
    assert any("oom" in t and "CUDA out of memory at step 7" in t for t in status)
    assert any("smoke: not ranked" in t for _, t in page.all("li"))
    assert any("▲ yes" in t for _, t in page.all("td", class_="beats"))


def test_tables_can_be_read_by_everyone(report: Path) -> None:
    for path in pages(report):
        page = read(path)
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(a.get("scope") in ("col", "row", "colgroup", "rowgroup") for a, _ in page.all("th"))
        assert all("alt" in a for a, _ in page.all("img"))
        assert len(page.all("h1")) == 1 and page.all("html", lang="en")
        ids = [a["id"] for _, a, _ in page.elements if "id" in a]
        assert len(ids) == len(set(ids))


def test_the_best_number_is_marked_by_more_than_colour(report: Path) -> None:
    best = read(report).all("td", class_="num best")
    assert best and all("★" in t and "best number" in t for _, t in best)


def test_what_a_still_can_win_is_marked_in_words_and_has_no_say(report: Path) -> None:
    page = read(report)
    heads = {t for _, t in page.all("th", scope="col") if "a still can win" in t}
    assert any(t.startswith("L1 distance") for t in heads) and any(t.startswith("Frechet") for t in heads)
    assert not any(t.startswith(("SSIM", "Motion agreement")) for t in heads)
    feet = [t for _, t in page.all("p", class_="foot") if t.startswith("Better than copying a still?")]
    assert feet and all("in SSIM, Motion agreement." in t and "can win L1 distance" in t for t in feet)


def test_a_failed_cell_says_why(report: Path) -> None:
    cells = read(report).all("td", class_="gap gap-failed")
    assert cells and all(a["title"] == "failed: oom: CUDA out of memory at step 7" for a, _ in cells)


def test_links_and_media_exist_and_nothing_comes_from_elsewhere(report: Path) -> None:
    for path in pages(report):
        page = read(path)
        ids = {a["id"] for _, a, _ in page.elements if "id" in a}
        for _, attributes, _ in page.elements:
            for name in ("href", "src", "popovertarget"):
                target = attributes.get(name, "")
                assert not target.startswith(("http", "//", "/", "file"))
                if name == "popovertarget" or target.startswith("#"):
                    assert not target or target.removeprefix("#") in ids
                elif target and not target.startswith("data:"):
                    assert (path.parent / target).is_file(), target


def test_the_page_of_a_pair_shows_every_track_with_the_same_frames(report: Path) -> None:
    (folder,) = [p for p in (report.parent / "pairs").iterdir() if p.name.startswith("cross-animation")]
    assert len(list(folder.iterdir())) == PAIRS
    page = read(folder / f"{pair_names()[0]}.html")
    tracks = [(a["class"], a["data-count"]) for a, _ in page.all("figure") if "track" in a.get("class", "")]
    assert tracks == [
        ("track source", "1"), ("track driving", "8"), ("track truth", "8"), ("track truth", "8"),
        ("track generated", "8"),
    ]  # fmt: skip
    names = [t for _, t in page.all("b")]
    assert "truth of target self" in names, "the same pair's truth under the other protocol"
    (player,) = page.all("section", id="player")
    assert player[0]["data-frames"] == "0 1 2 3 4 5 6 7" and float(player[0]["data-fps"]) == 10
    charts = [a["aria-label"] for a, _ in page.all("svg", class_="chart")]
    assert charts and charts[0].startswith("L1 distance by frame; mean: tps[avd]")
    sheets = [a for a, _ in board_page(report, "cross-animation").all("img") if "driving videos" in a["alt"]]
    assert len(sheets) == 1 and int(sheets[0]["width"]) > 600


def test_the_policy_forbids_what_the_page_does_not_need(report: Path) -> None:
    for path in pages(report):
        page = read(path)
        (policy,) = [a["content"] for a, _ in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        (script,) = page.all("script")
        assert "assets/report-" in script[0]["src"] and not script[1] and not page.all("style")
        for _, attributes, _ in page.elements:
            assert "style" not in attributes and not any(name.startswith("on") for name in attributes)


def test_downloads_hold_the_same_numbers(report: Path) -> None:
    data = report.parent / "data"
    names = sorted(p.stem for p in data.glob("*.csv"))
    assert {n.rpartition("-")[0] for n in names if "-" in n} >= {"self-reconstruction", "cross-animation"}
    assert {p.stem for p in data.glob("*.parquet")} >= set(names) - {"reported"}
    tex = next(data.glob("cross-animation-*.tex")).read_text(encoding="utf-8")
    assert "tps[avd]" in tex and "\\toprule" in tex
    (csv_file,) = data.glob("cross-animation-*.csv")
    with csv_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    records = json.loads(next(data.glob("cross-animation-*.json")).read_text(encoding="utf-8"))
    assert len(rows) == len(records)
    one = next(r for r in rows if r["method"] == "tps" and r["metric"] == "l1" and r["region"] == "whole")
    same = next(r for r in records if r["method"] == "tps" and r["metric"] == "l1" and r["region"] == "whole")
    table = pd.read_parquet(csv_file.with_suffix(".parquet"))
    assert len(table) == len(rows) and same["value"] in set(table["value"])
    pairs = pd.read_parquet(csv_file.with_name(f"{csv_file.stem}-pairs.parquet"))
    mine = pairs[(pairs["row"] == "tps[avd]") & (pairs["metric"] == "l1") & (pairs["region"] == "whole")]
    assert mine["value"].mean() == pytest.approx(same["value"]) and len(mine) == PAIRS
    assert float(one["value"]) == same["value"] and one["minus_copy_source_verdict"] == "better"


def test_a_run_page_says_what_the_run_depends_on(report: Path) -> None:
    found = [read(p) for p in sorted((report.parent / "runs").iterdir())]
    page = next(p for p in found if ("tps[avd]" in [t for _, t in p.all("h1")]))
    commands = [t for _, t in page.all("pre")]
    assert commands == [
        "bench run --method tps --dataset synthetic --preset quick --mode avd --seed 0",
    ]
    assert [a["aria-label"].partition(":")[0] for a, _ in page.all("svg", class_="curve")] == ["l1", "perceptual"]
    names = [t for _, t in page.all("th", scope="row")]
    assert {"training", "training: code", "train.lr", "commit"} <= set(names)


def test_a_run_page_shows_its_worst_pairs_and_that_it_is_contaminated(report: Path) -> None:
    found = {t: p for p in map(read, sorted((report.parent / "runs").iterdir())) for _, t in p.all("h1")}
    page = found["tps[avd]"]
    worst = [t for a, t in page.all("th", scope="row") if t in pair_names()]
    assert worst == pair_names()[:-4:-1] * 2, "the three worst of both protocols"
    pictures = [a["aria-label"] for a, _ in page.all("svg", class_="spark")]
    assert len(pictures) == 6 and pictures[0].startswith(f"L1 distance of pair {pair_names()[-1]} by frame: ")
    links = [a["href"] for a, t in page.all("a") if t in pair_names()]
    assert len(links) == 6 and all(link.startswith("../media/") and link.endswith(".mp4") for link in links)
    assert not found["fomm[standard]"].all("svg", class_="spark"), "nothing was kept by frame"
    said = {name: " ".join(t for _, t in p.all("p", class_="reason")) for name, p in found.items()}
    assert "Contaminated, never ranked" in said["fomm[standard]"] and "synth-features-a" in said["fomm[standard]"]
    assert "Contaminated" not in said["tps[avd]"]


def test_what_nobody_measured_is_folded_below_the_table(report: Path, tmp_path: Path) -> None:
    def nothing(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        for row in rows:
            if row["metric"] == "flicker":
                row |= {"value": float("nan"), "status": "missing-input", "reason": "the weights <x> are not here"}
        return rows

    write_run(tmp_path / "runs", FakeRun("tps", protocols=(CROSS,), edit=nothing))
    page = board_page(write_report(tmp_path / "runs"), "cross-animation")
    (folded,) = page.all("details", class_="unmeasured")
    assert "flicker — the weights <x> are not here" in folded[1]
    assert not [a for a, _ in page.all("td") if "missing-input" in a.get("class", "")]
    assert not board_page(report, "cross-animation").all("details", class_="unmeasured"), (
        "a row without a score keeps its cell"
    )


def test_the_full_table_is_grouped_by_family(report: Path) -> None:
    page = board_page(report, "cross-animation", "metrics")
    heads = [t for a, t in page.all("th") if a.get("scope") == "colgroup"]
    assert heads == ["pixel", "motion", "temporal", "set"]


def test_the_same_store_gives_the_same_bytes(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", FakeRun("tps", frames=True, kept=True, protocols=(CROSS,)))
    found = []
    for name in ("a", "b"):
        folder = write_report(tmp_path / "runs", tmp_path / name).parent
        found.append({p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()})
    assert found[0] == found[1]


# -- stores that are not as they should be -----------------------------------------------------------------------
@pytest.mark.parametrize("make", [False, True])
def test_an_empty_store_explains_itself(tmp_path: Path, make: bool) -> None:
    if make:
        (tmp_path / "runs").mkdir()
    page = read(write_report(tmp_path / "runs"))
    assert any("There are no runs yet" in t for _, t in page.all("h2"))
    assert any("bench run --method tps --dataset synthetic" in t for _, t in page.all("code"))


def test_all_failed(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", FakeRun("tps", status="diverged", reason="loss not finite", scores=False))
    page = read(write_report(tmp_path / "runs"))
    assert any("diverged" in t and "loss not finite" in t for _, t in page.all("td"))


def test_unreadable_and_newer_records_are_listed_with_their_reason(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write_run(runs, FakeRun("fine"))
    broken = write_run(runs, FakeRun("broken"))
    (broken / "run.json").write_text('{"schema": 1,', encoding="utf-8")
    newer = write_run(runs, FakeRun("newer"))
    (newer / "run.json").write_text('{"schema": 99}', encoding="utf-8")
    short = write_run(runs, FakeRun("short"))
    (short / "scores.parquet").write_bytes(b"PAR1")
    page = read(write_report(runs).parent / "runs" / "index.html")
    status = " | ".join(t for _, t in page.all("td", class_="status"))
    assert "damaged" in status and "newer version" in status and "scores.parquet does not match" in status


def test_damaged_pictures_leave_a_gap_and_no_error(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs", FakeRun("tps", frames=True, protocols=(CROSS,)))
    for pair in pair_names():
        (folder / "generated" / CROSS / pair / "000006.png").write_bytes(b"no picture")
    shared = tmp_path / "runs" / "synthetic" / "references" / f"{CROSS}-{HASHES[CROSS]}"
    (shared / pair_names()[0] / "driving.mp4").write_bytes(b"no video")
    report = write_report(tmp_path / "runs")
    (folder,) = (report.parent / "pairs").iterdir()
    page = read(folder / f"{pair_names()[0]}.html")
    assert [t for _, t in page.all("div", class_="lost")] == ["no picture"]


def test_links_out_of_a_run_folder_are_not_followed(tmp_path: Path) -> None:
    """A run folder may come from somebody else; it must not pull other files into a report that is passed on."""
    folder = write_run(tmp_path / "runs", FakeRun("tps", frames=True, protocols=(CROSS,)))
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"private")
    for pair in pair_names():
        preview = folder / "generated" / CROSS / pair / "preview.mp4"
        preview.unlink()
        preview.symlink_to(secret)
    media = write_report(tmp_path / "runs").parent / "media"
    assert all(p.read_bytes() != b"private" for p in media.iterdir())


HOSTILE = "<img src=x onerror=alert(1)>{{ 7*7 }}"


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    extra = {"findings": [HOSTILE], "overrides": {"a": HOSTILE}, "trained": "</script><script>alert(1)</script>"}
    fake = FakeRun("tps", mode="=cmd()", status="crashed", reason=HOSTILE, extra=extra, card={"title": HOSTILE})
    write_run(tmp_path / "runs", fake)
    long = FakeRun("fomm", mode="x" * 500, card={"title": "\u202eright to left"}, reason="../../etc", dataset="d")
    write_run(tmp_path / "runs", long)
    report = write_report(tmp_path / "runs")
    for path in pages(report):
        page = read(path)
        assert not [a for a, _ in page.all("img") if a.get("src") == "x"] and len(page.all("script")) == 1
        assert not any(t == "49" for _, t in page.all("span"))
    assert any(HOSTILE in t for _, t in read(report).all("td"))
    for path in (report.parent / "data").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            assert not any(v.startswith(("=", "+", "@")) for r in csv.reader(file) for v in r)


# -- replacing an older one --------------------------------------------------------------------------------------
def test_an_older_report_is_replaced_whole(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", FakeRun("tps"))
    report = write_report(tmp_path / "runs")
    (report.parent / "left-over.txt").write_text("old", encoding="utf-8")
    write_report(tmp_path / "runs")
    assert report.is_file() and not (report.parent / "left-over.txt").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report", "runs"]


def test_a_folder_that_is_no_report_is_never_touched(tmp_path: Path) -> None:
    precious = tmp_path / "home" / "thesis.tex"
    precious.parent.mkdir()
    precious.write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match="not empty"):
        write_report(tmp_path / "runs", tmp_path / "home")
    assert precious.read_text(encoding="utf-8") == "years of work"


def test_the_verb_prints_where_the_report_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "index.html")
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["report", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_the_report_never_loads_torch(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", FakeRun("tps", frames=True, kept=True, protocols=(CROSS,)))
    code = (
        "import sys; from pathlib import Path; from leaderboard.report import write_report; "
        f"page = write_report(Path({str(tmp_path / 'runs')!r})).read_text(); "
        "sys.exit(('torch' in sys.modules) + 2 * ('half-sampling interval' not in page))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=120, check=False).returncode == 0
