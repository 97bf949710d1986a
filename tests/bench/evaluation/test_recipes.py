"""Published recipes: their faults are reproduced on purpose, and the clean value stands beside each number."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from bench.evaluation.metrics.frechet import frechet_distance
from bench.evaluation.metrics.kid import kernel_distance
from bench.evaluation.metrics.video import LEAST_CLIPS, WINDOW, FidVid, Fvd, FvdEveryStart, FvdGuarded, Kvd
from bench.evaluation.recipes import RECIPES, find_recipe, recipe_metrics, recipe_text
from bench.evaluation.scores import read_scores
from bench.evaluation.select import find_metric
from datasets.errors import UsageError
from datasets.video_write import write_frames

SIZE, FRAMES, CLIPS = 64, 17, 3


def clip(seed: int, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Seeded frames (T, H, W, 3) and the truth; ``error`` is the standard deviation of their difference."""
    rng = np.random.default_rng(seed)
    real = rng.integers(0, 256, (FRAMES, SIZE, SIZE, 3))
    made = np.clip(real + np.rint(rng.normal(0, error, real.shape)), 0, 255)
    return made.astype(np.uint8), real.astype(np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for i in range(CLIPS):
        made, real = clip(i, 90.0)
        write_frames(tmp_path / "made" / f"clip{i}", made)
        write_frames(tmp_path / "real" / f"clip{i}", real)
    return tmp_path


def evaluate(folder: Path, *more: str) -> dict[str, float]:
    words = ["evaluate", "--predictions", str(folder / "made"), "--reference", str(folder / "real")]
    assert main([*words, "--out", str(folder / "scores"), *more]) == 0
    scores = read_scores(folder / "scores" / "scores.csv")
    total = scores[scores["pair"] == "*"]
    return {f"{r.metric}@{r.profile}": r.value for r in total.itertuples()}


def test_the_known_faults_of_disco_and_the_clean_values(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(folders, "--profiles", "disco-2023")
    text = capsys.readouterr().out
    frames = [pair for i in range(CLIPS) for pair in zip(*clip(i, 90.0), strict=True)]
    errors = [made.astype(float) - real.astype(float) for made, real in frames]
    wrapped = [20 * math.log10(255 / math.sqrt(np.mean((made - real) ** 2))) for made, real in frames]  # in uint8
    clean = [20 * math.log10(255 / math.sqrt(np.mean(e**2))) for e in errors]
    assert found["psnr@disco-2023"] == pytest.approx(np.mean(wrapped), abs=1e-3)
    assert found["psnr@disco-2023"] == pytest.approx(27.9, abs=0.1)  # the plateau
    assert found["psnr@default"] == pytest.approx(np.mean(clean), abs=1e-3)
    assert found["psnr@default"] < 14
    assert found["l1@disco-2023"] == pytest.approx(np.mean([np.abs(e).mean() / SIZE**2 for e in errors]), abs=1e-9)
    assert found["l1@default"] == pytest.approx(np.mean([np.abs(e).mean() / 255 for e in errors]), abs=1e-9)
    assert found["ssim@disco"] != pytest.approx(found["ssim@default"], abs=1e-3)
    assert math.isnan(found["lpips-vgg@disco-2023"]) and math.isnan(found["fid-vid@default"])  # no weights here
    for words in ("27.9 dB", "covariance: over n - 1", "windows:", "3 clips", "warning: StableAnimator reports", "51"):
        assert words in text


def test_the_plateau_does_not_care_how_wrong_frames_are() -> None:
    values = []
    for error in (40.0, 80.0, 120.0):
        made, real = clip(5, error)
        square = float(((made - real) ** 2).mean())
        values.append(10 * math.log10(255**2 / square))
    assert max(values) - min(values) < 0.3 and all(abs(v - 27.9) < 0.3 for v in values)


def test_a_recipe_of_one_metric(folders: Path) -> None:
    found = evaluate(folders, "--profiles", "disco-2024", "--metrics", "psnr")
    assert set(found) == {"psnr@disco-2024", "psnr@default"}
    assert found["psnr@disco-2024"] == pytest.approx(found["psnr@default"], abs=1e-6)


def test_recipes_name_metrics_that_exist() -> None:
    for recipe in RECIPES.values():
        assert [find_metric(name).id for pair in recipe.metrics.items() for name in pair]
        assert len(recipe_metrics(recipe)) >= 2
        assert recipe_text(recipe)[0].startswith(recipe.name)
        assert all(clean.partition("@")[2] == "default" for clean in recipe.metrics.values())
    with pytest.raises(UsageError, match="disco-2025"):
        find_recipe("disco-2025")
    with pytest.raises(UsageError, match="akd"):
        recipe_metrics(RECIPES["disco-2023"], ["akd"])


# -- n ---------------------------------------------------------------------------------------------------------------
def parts(clips: int, windows: int = 2, seed: int = 0) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [
        {"generated": rng.normal(0.1, 1, (windows, 6)), "reference": rng.normal(0, 1, (windows, 6))}
        for _ in range(clips)
    ]


def pooled(found: list[dict[str, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    made, real = (np.concatenate([p[side] for p in found]) for side in ("generated", "reference"))
    return made, real


def test_too_few_clips_have_no_fvd_but_a_kvd() -> None:
    few, enough = parts(LEAST_CLIPS - 1, windows=50), parts(LEAST_CLIPS)
    refused = FvdGuarded.combine(few)
    assert refused.status == "undefined" and refused.reason.startswith("n too small: 950 windows of 19 independent")
    assert "kvd" in refused.reason
    assert Kvd.combine(few).value == pytest.approx(kernel_distance(*pooled(few)), rel=1e-12)
    assert FvdGuarded.combine(enough).value == pytest.approx(frechet_distance(*pooled(enough)), rel=1e-12)
    assert not FvdGuarded.combine(enough).reason
    published = Fvd.combine(few)  # to be put beside tables that were made with as few
    assert published.status == "ok" and "n too small" in published.reason


def test_clips_without_a_window_are_not_independent_clips() -> None:
    empty = {"generated": np.zeros((0, 1)), "reference": np.zeros((0, 1))}
    assert FvdGuarded.combine([*parts(LEAST_CLIPS - 1), empty]).status == "undefined"


class _Counts:
    """What a video metric's windows are, without a network."""

    def __init__(self, metric: type) -> None:
        from bench.evaluation.base import ClipContext, FramePair
        from bench.evaluation.judges.base import FrameJudge, JudgeCard

        class First(FrameJudge):
            card = JudgeCard("first", "video", "", "")
            fingerprint = "first"

            def read(self, frames: np.ndarray) -> np.ndarray:
                return np.float32([frames[0, 0, 0, 0], frames[-1, 0, 0, 0]])

        made = metric()
        made.judge = First()
        made.start(ClipContext("c", 25.0, (2, 2), 20))
        for i in range(20):
            frame = np.full((2, 2, 3), i, np.uint8)
            made.update(FramePair(frame, frame))
        self.windows = made.part()["generated"].tolist()


def test_windows_of_the_recipes() -> None:
    assert _Counts(Fvd).windows == [[0, 15]]
    assert _Counts(FvdEveryStart).windows == [[i, i + WINDOW - 1] for i in range(5)]
    assert _Counts(FidVid).windows == [[0, 15], [16, 19]]
