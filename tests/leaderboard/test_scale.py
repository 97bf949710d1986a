"""A big store: 50 methods x 500 pairs x 6 metrics on two data sets."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.evaluation.base import COLUMNS
from bench.store import RunFolder
from datasets.files import sha256_of
from leaderboard.report import write_report

METHODS, DATASETS, PAIRS = 50, 2, 500
METRICS = ("l1", "ssim", "motion-agreement", "flicker", "psnr", "background")
PROTOCOL, HASH = "cross-animation@1", "c0ffee42"
pytestmark = pytest.mark.slow


def write_big(root: Path, dataset: str, method: str, quality: float) -> Path:
    """One run: scores written the short way (the full way is not what is measured here)."""
    folder = root / dataset / method / f"quick-s0-{sha256_of(dataset, method)[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "schema": 1, "method": method, "variant": "", "mode": "standard", "dataset": dataset, "dataset_slug": dataset,
        "preset": "quick", "seed": 0, "size": 64, "annotation_class": "exact", "overrides": {}, "config": {},
        "status": "complete", "reason": "", "trained": "from scratch", "identity": {"training": sha256_of(method)},
        "protocols": {PROTOCOL: {"hash": HASH, "pairs": PAIRS, "frames": PAIRS * 24, "target": "abs/src"}},
        "method_card": {"title": method, "sanity": method == "copy-source", "input": "image only"},
        "dataset_card": {"title": dataset, "synthetic": True, "publishable": True},
        "provenance": {"finished": "2026-01-02T10:00:00Z"},
    }  # fmt: skip
    RunFolder(folder).write(record)
    rng = np.random.default_rng(int(sha256_of(dataset, method, str(quality))[:8], 16))
    names = [f"pair-{i:03d}" for i in range(PAIRS)]
    parts = [
        pd.DataFrame({"metric": m, "pair": names, "value": 1 - quality * 0.1 + 0.1 * rng.normal(size=PAIRS)})
        for m in METRICS
    ]
    table = pd.concat(parts, ignore_index=True)
    fixed = {
        k: record[k] for k in ("method", "variant", "mode", "dataset", "preset", "size", "seed", "annotation_class")
    }
    more = {"run": method, "protocol": PROTOCOL, "protocol_hash": HASH, "profile": "default", "judge": "",
            "region": "whole", "n_frames": 24, "status": "ok", "reason": ""}  # fmt: skip
    table.assign(**fixed, **more)[list(COLUMNS)].to_parquet(folder / "scores.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("big") / "runs"
    for d in range(DATASETS):
        for m in range(METHODS):
            write_big(root, f"set-{d}", "copy-source" if m == 0 else f"method-{m:02d}", m / METHODS)
        folder = root / f"set-{d}" / "references" / f"{PROTOCOL}-{HASH}"
        folder.mkdir(parents=True)
        pairs = {}
        for i in range(PAIRS):
            factors = {"turning": float(i), "kind": f"k{i % 5}"}
            pairs[f"pair-{i:03d}"] = {
                "source_identity": f"i{i % 40}", "driving_motion": f"m{i % 36}", "factors": factors
            }  # fmt: skip
        (folder / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
    return root


def test_a_big_report_stays_small_and_remembers(runs: Path) -> None:
    """No page above 300 KB; after one changed run most is remembered. The times are printed: they are the machine's."""
    begun = time.process_time()
    report = write_report(runs)
    cold = time.process_time() - begun
    write_big(runs, "set-1", "method-07", 0.99)
    begun = time.process_time()
    write_report(runs)
    warm = time.process_time() - begun
    sizes = {p.relative_to(report.parent).as_posix(): p.stat().st_size for p in report.parent.rglob("*.html")}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"cold {cold:.1f} s, warm {warm:.1f} s, largest page {max(sizes.values()):,} bytes, peak {peak} MiB")
    assert {name: size for name, size in sizes.items() if size > 300_000} == {}
    assert warm < cold / 2
