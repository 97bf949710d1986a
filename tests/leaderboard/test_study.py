"""Human studies: the design is blind and balanced, answers are checked, and the statistics equal independent ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import CROSS, FakeRun, write_run
from scipy.optimize import minimize

from bench.cli import main
from datasets.errors import UsageError
from leaderboard.report import write_report
from leaderboard.study.analysis import analyse, bradley_terry, clustered, krippendorff
from leaderboard.study.answers import Answer, read_answers
from leaderboard.study.design import CRITERIA, TRUTH, Item, Study, design
from leaderboard.study.store import load_studies

N = math.nan
#: Krippendorff (2011): four observers, twelve units
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(level: str, alpha: float) -> None:
    units = [[v for v in column if not math.isnan(v)] for column in zip(*OBSERVERS, strict=True)]
    assert krippendorff(units, level) == pytest.approx(alpha, abs=5e-4)


def test_alpha_without_variation_or_pairs_is_none() -> None:
    assert krippendorff([[1, 1], [1, 1]], "nominal") is None and krippendorff([[1], [2]], "nominal") is None


def test_bradley_terry_is_the_maximum_likelihood() -> None:
    wins = np.array([[0, 7, 9], [3, 0, 6], [1, 4, 0]], float)
    smooth = wins + 0.5 * (1 - np.eye(3))

    def loss(x: Any) -> float:
        s = np.array([*x, -sum(x)])
        return -sum(smooth[i, j] * (s[i] - np.logaddexp(s[i], s[j])) for i in range(3) for j in range(3) if i != j)

    best = minimize(loss, [0.0, 0.0], tol=1e-12).x
    assert bradley_terry(wins) == pytest.approx([*best, -sum(best)], abs=1e-4)
    assert bradley_terry(np.zeros((2, 2))) == pytest.approx([0, 0])


def test_answers_of_one_person_are_not_independent() -> None:
    """Ten people who each say the same ten times: the clustered interval is far wider than Wilson's."""
    answers = [Answer(f"h{h}", Item(f"{p}", "preference", f"p{p}", "a", "b")) for h in range(10) for p in range(10)]
    values = [float(int(a.participant[1:]) < 6) for a in answers]
    rate = clustered(values, answers, share=True)
    assert rate.value == 0.6 and rate.n == 100
    assert rate.high - rate.low > 2 * (rate.wilson[1] - rate.wilson[0])


def study(rows: tuple[str, ...] = ("a", "b", "c")) -> Study:
    return design("s", rows, ["p0", "p1"], {"protocol": CROSS, "protocol_hash": "c0ffee42"}, seed=1)


def answers_of(s: Study, name: str, best: str, careless: bool = False) -> dict[str, Any]:
    order = [TRUTH, best, *(r for r in s.rows if r != best), "(still)"]
    given = []
    for item in s.items:
        if item.task == "rating":
            given.append({"item": item.id, "ratings": dict.fromkeys(CRITERIA, 5 if item.left == best else 2)})
        else:
            left = order.index(item.left) < order.index(item.right)
            given.append({"item": item.id, "choice": "left" if left != (careless and item.check) else "right"})
    return {"study": s.id, "participant": name, "answers": given}


def test_the_design_asks_every_couple_on_every_pair_and_checks_attention() -> None:
    s = study()
    couples = {(frozenset((i.left, i.right)), i.pair) for i in s.items if i.task == "preference" and not i.check}
    assert len(couples) == 3 * 2 and sum(i.task == "jnd" for i in s.items) == 6
    assert sum(i.task == "rating" for i in s.items) == 6 and any(i.check for i in s.items)
    assert len({i.id for i in s.items}) == len(s.items) and study().id == s.id
    assert Study.from_json(json.loads(json.dumps(s.to_json()))) == s
    with pytest.raises(UsageError, match="edited"):
        Study.from_json({**s.to_json(), "seed": 2})


def test_answers_decide_and_the_careless_are_left_out(tmp_path: Path) -> None:
    s = study()
    for name, careless in (("one", False), ("two", False), ("bot", True)):
        (tmp_path / f"{name}.json").write_text(json.dumps(answers_of(s, name, "b", careless)), encoding="utf-8")
    people = read_answers(sorted(tmp_path.iterdir()), s)
    found = analyse(s, people)
    assert found["participants"] == 2 and found["left_out"][0]["participant"] == "bot"
    assert found["strength"]["b"]["value"] > found["strength"]["a"]["value"] > found["strength"]["c"]["value"]
    rate = next(p for p in found["preference"] if {p["a"], p["b"]} == {"a", "b"})
    assert rate["value"] == 0.0 and rate["wilson_high"] > 0 and rate["n"] == 4
    assert found["rating"]["b"]["overall"]["value"] == 5 and found["jnd"]["a"]["value"] == 0
    assert found["alpha"]["overall"] == pytest.approx(1.0)
    assert analyse(s, [])["strength"]["a"]["value"] is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d | {"study": "other"},
        lambda d: d | {"answers": [{"item": "nobody", "choice": "left"}]},
        lambda d: d | {"answers": d["answers"] + d["answers"][:1]},
        lambda d: d | {"answers": [{"item": a["item"], "choice": "<script>"} for a in d["answers"]]},
        lambda d: d | {"answers": 3},
        lambda d: [],
    ],
)
def test_files_that_are_no_answers_are_refused(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(damage(answers_of(study(), "x", "a"))), encoding="utf-8")
    with pytest.raises(UsageError, match=r"a\.json"):
        read_answers([path], study())


def test_one_person_counts_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(answers_of(study(), "same", "a")), encoding="utf-8")
    assert [p.why for p in read_answers(sorted(tmp_path.iterdir()), study())] == ["", "the same participant twice"]


def test_build_ingest_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    for name, quality in (("tps", 0.9), ("fomm", 0.4)):
        write_run(runs, FakeRun(name, quality, frames=True, protocols=(CROSS,)))
    out = tmp_path / "page"
    assert main(["study", "build", "--runs", str(runs), "--pairs", "2", "--out", str(out)]) == 0
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "tps" not in page and "fomm" not in page, "blinded"
    assert not list(out.rglob("*.key.json"))
    key = tmp_path / "page.key.json"
    s = Study.from_json(json.loads(key.read_text(encoding="utf-8")))
    assert s.rows == ("tps[standard]", "fomm[standard]")
    (tmp_path / "answers").mkdir()
    for name in ("one", "two"):
        given = json.dumps(answers_of(s, name, "tps[standard]"))
        (tmp_path / "answers" / f"{name}.json").write_text(given, encoding="utf-8")
    assert main(["study", "ingest", str(tmp_path / "answers"), "--key", str(key), "--runs", str(runs)]) == 0
    assert "one: " in capsys.readouterr().out
    text = (write_report(runs).parent / "study.html").read_text(encoding="utf-8")
    kept = next((runs / "studies").iterdir())
    (kept.parent / "damaged.json").write_text("{", encoding="utf-8")
    wrong_type = json.loads(kept.read_text(encoding="utf-8")) | {"participants": "<b>"}
    (kept.parent / "wrong.json").write_text(json.dumps(wrong_type), encoding="utf-8")
    assert [found["study"] for found in load_studies([runs])] == [s.id], "what cannot be believed is left out"
    assert "2 participants" in text and "tps[standard]" in text and "Bradley-Terry" in text
    assert main(["study", "build", "--runs", str(runs), "--out", str(out)]) == 2, "never over something else"
    assert (
        main(["study", "ingest", str(tmp_path / "answers"), "--key", str(out / "index.html"), "--runs", str(runs)]) == 2
    )
