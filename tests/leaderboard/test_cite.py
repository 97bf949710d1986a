"""What a paper prints: BibTeX, a paragraph and a table, of a row or of a board."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runs import CROSS, HASHES, FakeRun, write_run

from bench.cli import main
from datasets.errors import UsageError
from leaderboard.cite import bibtex, find_cited, latex, paragraph, tex


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    card = {"title": "Warp & Co", "paper": "A 100 % method_", "venue": "CVPR", "year": 2022}
    write_run(root, FakeRun("warp", card=card))
    write_run(root, FakeRun("other", extra={"external": {"badge": "self-reported", "coverage": {CROSS: 0.5}}}))
    write_run(root, FakeRun("copy-source", 0.0, sanity=True))
    return root


def test_a_board_by_any_of_its_names(runs: Path) -> None:
    (cited,) = find_cited(runs, CROSS)
    for name in ("cross-animation", HASHES[CROSS], f"{CROSS} · {HASHES[CROSS]}"):
        assert [c.board.setting for c in find_cited(runs, name)] == [cited.board.setting]
    text = paragraph(cited)
    assert CROSS in text and HASHES[CROSS] in text and "12 pairs" in text and "never ranked" in text
    assert "other[standard] is made of predictions from elsewhere (self-reported), 50.00%" in text


def test_bibtex_has_suite_data_and_methods_once(runs: Path) -> None:
    text = bibtex(find_cited(runs, CROSS))
    assert text.count("@") == 4 and "@software{motion-transfer-bench," in text and "@misc{synthetic," in text
    assert r"title = {A 100 \% method\_}" in text and "booktitle = {CVPR}" in text and "copy-source" not in text
    assert "self-reported" in text
    assert text.count("{") == text.count("}")


def test_the_table_is_latex(runs: Path) -> None:
    (cited,) = find_cited(runs, CROSS)
    table = latex(cited)
    columns = len(cited.board.first)
    body = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert len(body) == 2 + len(cited.board.rows) and all(line.count(" & ") == columns for line in body)
    assert table.index("warp") < table.index("copy-source") and "smoke, not ranked" in table
    assert "−" not in table and "[" in table


def test_a_row_is_cited_with_the_bars_to_read_it_by(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "warp", "--runs", str(runs)]) == 0
    out = capsys.readouterr().out
    assert out.count(r"\begin{table}") == 2  # one for each protocol of the run
    assert "copy-source" in out and "other" not in out


def test_a_name_that_nobody_has_is_refused(runs: Path) -> None:
    with pytest.raises(UsageError, match="nothing-here"):
        find_cited(runs, "nothing-here")


def test_escaping() -> None:
    assert tex(r"a_b & 5 % \x{~}") == r"a\_b \& 5 \% \textbackslash{}x\{\textasciitilde{}\}"
