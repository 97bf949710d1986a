"""``bench evaluate`` from the command line down."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.cli import main
from bench.evaluation.evaluator import score_pairs
from bench.evaluation.scores import read_scores
from bench.evaluation.select import select_metrics
from bench.frames import write_references
from bench.testing.world import ToyWorld
from datasets.video_write import write_frames

FRAMES, SIZE = 6, 32
SELF = "self-reconstruction@1"


def blur(frames: np.ndarray) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 1) for frame in frames])


@pytest.fixture(scope="module")
def world() -> ToyWorld:
    return ToyWorld(size=SIZE, frames=FRAMES)


@pytest.fixture
def folders(world, tmp_path) -> Path:
    """``made`` and ``real``: a folder of frames for each of three clips; ``truth.npz``, ``labels.npz``."""
    flow, labels = {}, {}
    for clip in world.clips("test"):
        stack = clip.read(range(FRAMES), clip.kinds)
        write_frames(tmp_path / "real" / clip.id, iter(stack.rgb))
        write_frames(tmp_path / "made" / clip.id, iter(blur(stack.rgb)))
        flow[clip.id] = stack.annotations["flow"][:-1]
        flow[f"{clip.id}.occlusion"] = stack.annotations["occlusion"][:-1]
        labels[clip.id] = stack.annotations["parsing6"]
    np.savez(tmp_path / "truth.npz", **flow)
    np.savez(tmp_path / "labels.npz", **labels)
    return tmp_path


def evaluate(folder: Path, *more: str, made: str = "made", real: str = "real") -> int:
    return main(
        [
            "evaluate",
            "--predictions",
            str(folder / made),
            "--reference",
            str(folder / real),
            "--out",
            str(folder / "out"),
            *more,
        ]
    )


def rows(folder: Path, metric: str):
    scores = read_scores(folder / "out" / "scores.csv")
    return scores[scores.metric == metric].set_index("pair")


def test_stored_frames_of_a_run_give_the_runs_values(world, tmp_path):
    """The photo's own frame is not scored in a run; the stored references say so."""
    pairs = world.pairs(SELF).pairs
    write_references(world, SELF, pairs, tmp_path / "references")
    for pair in pairs:
        clip = world.open(SELF, pair).reference
        write_frames(tmp_path / "generated" / pair.id, iter(blur(clip.read(range(FRAMES)).rgb)))
        (tmp_path / "generated" / pair.id / "preview.mp4").write_bytes(b"")
    run = score_pairs(lambda p: tmp_path / "generated" / p.id, world, SELF, pairs, select_metrics(), regions=("whole",))
    assert evaluate(tmp_path, made="generated", real="references/frames") == 0
    for metric in ("l1", "psnr", "ssim", "flicker", "motion-ratio"):
        expected = run[run.metric == metric].set_index("pair").value
        assert rows(tmp_path, metric).value.to_dict() == expected.to_dict()


def test_scores_name_the_method_and_the_metrics_asked_for(folders):
    assert evaluate(folders, "--metrics", "ssim,psnr", "--name", "mine") == 0
    scores = read_scores(folders / "out" / "scores.parquet")
    assert set(scores.method) == {"mine"} and set(scores.metric) == {"ssim", "psnr"} and set(scores.status) == {"ok"}
    assert len(scores) == 2 * 4 and set(scores.region) == {"whole"}
    assert evaluate(folders) == 0
    assert set(read_scores(folders / "out" / "scores.csv").method) == {"made"}


def test_true_flow_and_labels_from_files(folders):
    flags = ("--flow", str(folders / "truth.npz"), "--labels-reference", str(folders / "labels.npz"))
    assert evaluate(folders, *flags, "--metrics", "motion-agreement,warping-error") == 0
    assert set(rows(folders, "warping-error").judge) == {"true-flow"}
    assert (rows(folders, "motion-agreement").value > 0.4).all()
    assert evaluate(folders, "--metrics", "warping-error") == 0
    assert set(rows(folders, "warping-error").judge) == {"dis-flow"}


def test_a_metric_asked_for_by_name_without_its_input_is_exit_3(folders, capsys):
    assert evaluate(folders, "--metrics", "l1,motion-agreement") == 3
    assert "--flow" in capsys.readouterr().err
    assert rows(folders, "l1").status["*"] == "ok"
    assert set(rows(folders, "motion-agreement").status) == {"missing-input"}


def test_clips_pair_by_name_and_only_video_suffixes_are_stripped(folders):
    (folders / "real" / "test-0").rename(folders / "real" / "take.one")
    (folders / "made" / "test-0").rename(folders / "made" / "take.two")
    assert evaluate(folders, "--metrics", "l1") == 0
    found = rows(folders, "l1")
    assert found.status[["take.one", "take.two", "test-1"]].to_list() == ["failed", "missing-input", "ok"]


def test_other_lengths_need_align_prefix_and_other_sizes_never_fit(folders):
    (folders / "made" / "test-0" / "000005.png").unlink()
    for i in range(FRAMES):
        path = folders / "made" / "test-1" / f"{i:06d}.png"
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (SIZE, SIZE // 2)))
    assert evaluate(folders, "--metrics", "l1") == 0
    found = rows(folders, "l1")
    assert found.status[["test-0", "test-1", "test-2"]].to_list() == ["invalid-input", "invalid-input", "ok"]
    assert "5 generated frames and 6 reference frames" in found.reason["test-0"]
    assert evaluate(folders, "--metrics", "l1", "--align", "prefix") == 0
    found = rows(folders, "l1")
    assert found.status[["test-0", "test-1", "test-2"]].to_list() == ["ok", "invalid-input", "ok"]
    assert found.n_frames["test-0"] == 5


def test_a_corrupt_video_among_good_ones_is_flagged(folders):
    (folders / "made" / "test-0").rename(folders / "elsewhere")
    (folders / "made" / "test-0.mp4").write_bytes(b"no video")
    assert evaluate(folders, "--metrics", "l1") == 0
    found = rows(folders, "l1")
    assert found.status["test-0"] == "invalid-input" and found.status["*"] == "ok" and found.n_frames["*"] == 2 * FRAMES


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda clip: [frame.unlink() for frame in clip.iterdir()], "no .png or .jpg frames"),
        (lambda clip: (clip / "000003.png").write_bytes(b"\x89PNG and no more"), "cannot be read as an image"),
        (lambda clip: (clip / "000003.png").write_bytes(b""), "cannot be read as an image"),
        (lambda clip: (clip.rename(clip.parent / ".old"), clip.with_suffix(".mp4").write_bytes(b"")), "an empty file"),
    ],
    ids=["no frames", "damaged frame", "empty frame", "empty video"],
)
def test_what_is_wrong_with_one_clip_is_said_and_the_others_are_scored(folders, damage, word):
    damage(folders / "made" / "test-1")
    assert evaluate(folders, "--metrics", "l1,flicker") == 0
    for metric in ("l1", "flicker"):
        found = rows(folders, metric)
        assert found.status[["test-0", "test-1", "test-2"]].to_list() == ["ok", "invalid-input", "ok"]
        assert word in found.reason["test-1"] and word in found.reason["*"] and found.n_frames["*"] == 2 * FRAMES


def test_a_judges_file_with_a_wrong_hash_is_never_used_and_the_rest_is_scored(folders, monkeypatch, capsys):
    monkeypatch.setenv("BENCH_WEIGHTS", str(folders))
    (folders / "squeezenet1_1-b8a52dc0.pth").write_bytes(b"something else")
    assert evaluate(folders) == 0
    assert set(rows(folders, "l1").status) == {"ok"}
    judged = rows(folders, "lpips-squeeze")
    assert set(judged.status) == {"missing-input"} and judged.reason.str.contains("expected b8a52dc0").all()
    assert evaluate(folders, "--metrics", "l1,lpips-squeeze") == 3
    assert "is damaged or another file" in capsys.readouterr().err and set(rows(folders, "l1").status) == {"ok"}


def test_all_profiles_need_not_all_have_their_judges(folders):
    """Only the metrics that were named must have a value."""
    assert evaluate(folders, "--metrics", "ssim,tcm", "--profiles", "all") == 0
    scores = read_scores(folders / "out" / "scores.csv")
    total = scores[scores.pair == "*"].set_index(["metric", "profile"])
    assert {"wang", "skimage", "torchmetrics", "disco", "gfla"} < {p for m, p in total.index if m == "ssim"}
    assert total.status["tcm", "default"] == "ok" and total.status["tcm", "raft"] == "missing-input"
    assert "raft-large" in total.reason["tcm", "raft"]


@pytest.mark.parametrize(
    ("flags", "status", "word"),
    [
        (["--metrics", "sim"], 2, "ssim"),
        (["--metrics", "fid"], 3, "bench weights fetch inception-fid"),
        (["--align", "suffix"], 2, "prefix"),
        (["--flow", "absent.npz"], 3, "absent.npz"),
        (["--keypoints-predictions", "k.npz"], 3, "k.npz"),
        (["--profiles", "some"], 2, "choose all"),
    ],
)
def test_wrong_usage_gets_one_sentence(folders, capsys, flags, status, word):
    assert evaluate(folders, *flags) == status
    error = capsys.readouterr().err
    assert word in error and "Traceback" not in error


def test_wrong_folders_get_one_sentence(folders, capsys):
    (folders / "empty").mkdir()
    assert evaluate(folders, made="absent") == 3
    assert evaluate(folders, made="empty") == 3
    assert evaluate(folders, made="made/test-0") == 2
    (folders / "other" / "somebody").mkdir(parents=True)
    assert evaluate(folders, made="other") == 2
    assert main(["evaluate", "--out", str(folders / "out")]) == 2
    assert capsys.readouterr().err.count("error: ") == 5


def test_bad_npz_files_are_refused(folders, capsys):
    (folders / "text.npz").write_text("flow")
    assert evaluate(folders, "--flow", str(folders / "text.npz")) == 2
    np.savez(folders / "pickle.npz", **{"test-0": np.array([{}], dtype=object)})
    assert evaluate(folders, "--flow", str(folders / "pickle.npz"), "--metrics", "l1") == 0
    assert rows(folders, "l1").status["test-0"] == "invalid-input"
    np.savez(folders / "short.npz", **{"test-0": np.zeros((2, SIZE, SIZE, 2), np.float32)})
    assert evaluate(folders, "--flow", str(folders / "short.npz"), "--metrics", "l1") == 0
    assert "2 elements for 6 frames" in rows(folders, "l1").reason["test-0"]
