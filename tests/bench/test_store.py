"""Run folders: records that are whole or reported, and nothing that is ever deleted."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record import git_state, new_record
from bench.spec import RunSpec, resolve
from bench.store import RunFolder, find_run, move_aside, open_run, preflight, read_runs
from datasets.errors import StorageError, SuiteError, UsageError

TOY = RunSpec("toy", "toy-world", preset="tiny")


def make(root: Path, place: str = "world/toy+x/tiny-s3-0123abcd", **fields: object) -> RunFolder:
    """A run folder with a small valid record."""
    run = RunFolder(root / place)
    run.write({"schema": 1, "status": "complete", "method": "toy", "reason": ""} | fields)
    return run


def test_a_new_record_has_the_fields_of_the_contract(toys: Path) -> None:
    record = json.loads(json.dumps(new_record(resolve(replace(TOY, seed=4, variant="no-gan")))))
    assert (record["method"], record["variant"], record["mode"], record["seed"]) == ("toy", "no-gan", "standard", 4)
    assert record["status"] == "running" and record["trained"] == "from scratch"
    assert record["config"]["adversarial"] == 0.0
    assert set(record["identity"]["parts"]) >= {"code", "config", "seed", "train_data", "annotations", "loss_networks"}
    protocol = record["protocols"]["cross-animation@1"]
    assert len(protocol["hash"]) == 8 and protocol["pairs"] > 0 and protocol["target"] == "abs/src"
    assert record["method_card"]["variant_label"] == "w/o adversarial loss"
    assert record["method_card"]["input"] == "annotation-driven (keypoints)"
    assert record["provenance"]["packages"]["torch"] == record["provenance"]["torch"] != ""


def test_update_keeps_the_rest(tmp_path: Path) -> None:
    run = make(tmp_path, seed=3)
    run.update(status="diverged", reason="NaN at step 4")
    assert run.json["seed"] == 3
    assert (run.json["status"], run.json["reason"]) == ("diverged", "NaN at step 4")
    with pytest.raises(ValueError, match="unknown status"):
        run.update(status="fine")


def test_the_checksum_file_is_that_of_sha256sum(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.update(status="crashed")
    done = subprocess.run(["sha256sum", "-c", "run.json.sha256"], cwd=run.path, capture_output=True, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text.replace("complete", "diverged"), "does not match its checksum"),
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: "", "is damaged"),
        (lambda text: "[]", "not the record of a run"),
        (lambda text: text.replace('"schema": 1', '"schema": 99'), "newer version"),
    ],
)
def test_a_damaged_record_is_reported_and_harms_no_other(tmp_path: Path, damage: object, says: str) -> None:
    run, good = make(tmp_path), make(tmp_path, "world/toy/tiny-s0-fedcba98")
    run.json_path.write_text(damage(run.json_path.read_text()))
    with pytest.raises(SuiteError, match=says):
        run.json  # noqa: B018 - reading verifies
    assert [r.problem == "" for r in read_runs(tmp_path)] == [True, False]
    summary = run.summary
    assert (summary["status"], summary["method"], summary["variant"]) == ("invalid", "toy", "x")
    assert (summary["preset"], summary["seed"], summary["dataset_slug"]) == ("tiny", 3, "world")
    assert says in summary["reason"]
    assert good.summary["status"] == "complete"


def test_a_missing_checksum_is_not_believed(tmp_path: Path) -> None:
    run = make(tmp_path)
    (run.path / "run.json.sha256").unlink()
    assert "checksum" in run.problem


def test_killed_while_writing_the_record_stays_valid(tmp_path: Path) -> None:
    run = make(tmp_path, n=0)
    code = "import sys\nfrom bench.store import RunFolder\nr = RunFolder(sys.argv[1])\nprint(1, flush=True)\n"
    code += "for n in range(10**9): r.update(n=n)\n"
    for delay in (0.0, 0.013, 0.031, 0.057):
        writer = subprocess.Popen([sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(delay)
        assert run.problem == ""  # a reader beside the writer
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        assert run.problem == ""
    assert run.update(n=-1)["n"] == -1


# -- finding ---------------------------------------------------------------------------------------------------------
def test_runs_are_found_by_path_place_or_unique_part(tmp_path: Path) -> None:
    first, second = make(tmp_path, "w/toy/tiny-s0-aaaa1111"), make(tmp_path, "w/toy/tiny-s1-bbbb2222")
    assert [r.path for r in read_runs(tmp_path)] == [first.path, second.path]
    for name in (str(first.path), "w/toy/tiny-s0-aaaa1111", "aaaa1111"):
        assert find_run(tmp_path, name).path == first.path
    with pytest.raises(UsageError, match="2 runs go by 'tiny'"):
        find_run(tmp_path, "tiny")
    with pytest.raises(UsageError, match="no run 'cccc'"):
        find_run(tmp_path, "cccc")
    assert read_runs(tmp_path / "nowhere") == []


def test_generated_folders_are_safe_names(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.generated("cross-animation@1") == tmp_path / "generated" / "cross-animation@1"
    assert run.generated("cross-animation@1", "relative").name == "cross-animation@1[relative]"
    assert run.generated("../../x", "../y").parent == tmp_path / "generated"


# -- opening ---------------------------------------------------------------------------------------------------------
def test_open_run_resumes_or_moves_aside_and_never_deletes(toys: Path, tmp_path: Path) -> None:
    run = resolve(replace(TOY, runs=tmp_path / "runs"))
    folder = open_run(run)
    folder.update(reason="first")
    assert open_run(run).json["reason"] == "first"
    assert open_run(run, resume=False).json["reason"] == ""
    open_run(run, resume=False)
    old = [RunFolder(run.folder.with_name(f"{run.folder.name}.old-{n}")) for n in (1, 2)]
    assert [r.json["reason"] for r in old] == ["first", ""]
    assert [r.path for r in read_runs(tmp_path / "runs")] == [run.folder]


def test_open_run_refuses_a_damaged_record(toys: Path, tmp_path: Path) -> None:
    run = resolve(replace(TOY, runs=tmp_path / "runs"))
    open_run(run).json_path.write_text("{}")
    with pytest.raises(SuiteError, match="not the record") as caught:
        open_run(run)
    assert "--no-resume" in caught.value.hint
    assert open_run(run, resume=False).problem == ""


def test_a_folder_in_use_is_not_moved_aside(tmp_path: Path) -> None:
    run = make(tmp_path)
    with run.lock(), pytest.raises(UsageError, match="in use"):
        move_aside(run.path)
    assert run.problem == ""
    assert move_aside(tmp_path / "nothing") is None


def test_a_runs_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StorageError, match=r"^cannot write .*runs") as caught:
        preflight(tmp_path / "runs" / "w" / "toy" / "x")
    assert caught.value.status == 2 and caught.value.hint
    with pytest.raises(StorageError, match="cannot write"):
        preflight(Path("/proc/nowhere/run"))


def test_no_room_is_found_out_before_any_work(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    code = "import sys\nfrom pathlib import Path\nfrom bench.store import preflight\n"
    code += "from datasets.errors import StorageError\n"
    code += "try: preflight(Path(sys.argv[1]))\nexcept StorageError as e: print(e.message)\n"
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert "File too large" in done.stdout, done.stderr
    assert not list((tmp_path / "run").iterdir())


# -- provenance ------------------------------------------------------------------------------------------------------
def test_git_state_says_commit_and_dirt_and_fails_nowhere(tmp_path: Path) -> None:
    assert git_state(tmp_path) == ("", False)
    inside = tmp_path / "repo" / "inside"
    inside.mkdir(parents=True)

    def git(*args: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *args], cwd=tmp_path / "repo", check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "repo" / "f").write_text("1")
    git("add", "f")
    git("commit", "-qm", "x")
    commit, dirty = git_state(tmp_path / "repo")
    assert len(commit) == 40 and not dirty
    (tmp_path / "repo" / "f").write_text("2")
    assert git_state(tmp_path / "repo") == (commit, True)
    assert git_state(inside) == ("", False)  # an environment inside somebody else's repository
