"""Progress lines and their estimates."""

from __future__ import annotations

import io

import pytest

from bench.progress import Progress, span, time_left


def test_lines_where_it_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    stream = io.StringIO()
    with Progress(stream, seconds=10) as progress:
        for done in range(50, 101):  # resumed at 50; one unit takes a second
            progress(done, 100, "train")
            clock[0] += 1
        progress(3, 3, "short")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "train: 60/100 (60 %), about 40 s left"
    assert lines[-1] == "train: 100/100 (100 %), 50 s taken"
    assert len(lines) == 5


def test_a_terminal_gets_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress(stream) as progress:
        progress(1, 4, "train")
        progress(4, 4, "train")
    assert "train" in stream.getvalue()
    assert "4/4" in stream.getvalue()


def test_spans_and_estimates() -> None:
    assert [span(s) for s in (0.2, 59, 185, 7630)] == ["0 s", "59 s", "3 min 05 s", "2 h 07 min"]
    assert time_left(10, 5, 20) == 40
    assert time_left(10, 0, 20) is None
