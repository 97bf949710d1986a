"""Checkpoints: damaged, hostile, foreign, and written on a full disk."""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import struct
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.checkpoints import (
    Checkpoints,
    DamagedCheckpoint,
    check_origin,
    config_of,
    load_checkpoint,
    load_networks,
    models_of,
    read_safetensors,
    save_checkpoint,
    set_models,
)
from bench.testing.toy import ToyConfig
from bench.testing.toy_method import Toy
from datasets.errors import MissingInputError, StorageError, TrainingError, UsageError
from datasets.files import checksum_path, digest, verify_checksum

SMALL = ToyConfig(width=4)


def state(toy: Toy, **more: Any) -> dict[str, Any]:
    config = config_of(toy)
    base = {"schema": 1, "method": "toy", "config": config, "config_digest": digest(config), "stage": 0, "step": 0}
    return base | {"models": models_of(toy)} | more


def flip(path: Path, at: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def test_round_trip(tmp_path: Path) -> None:
    method, other = Toy(SMALL), Toy(SMALL)
    save_checkpoint(tmp_path / "a.pt", state(method))
    assert verify_checksum(tmp_path / "a.pt")
    rest = load_networks(other, tmp_path / "a.pt")
    assert rest["config"]["width"] == 4
    for key, value in method.nets.state_dict().items():
        assert torch.equal(other.nets.state_dict()[key], value)


def test_half_precision_weights_are_cast(tmp_path: Path) -> None:
    method, other = Toy(SMALL), Toy(SMALL)
    models = {n: {k: v.half() for k, v in net.items()} for n, net in models_of(method).items()}
    save_checkpoint(tmp_path / "a.pt", {"models": models})
    load_networks(other, tmp_path / "a.pt")
    weight = other.nets["decoder"].weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, method.nets["decoder"].weight.half().float())


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    header: dict[str, Any] = {"__metadata__": {"made": "by hand"}}
    body = b""
    names = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}
    for name, tensor in tensors.items():
        data = tensor.contiguous().numpy().tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def test_safetensors(tmp_path: Path) -> None:
    method, other = Toy(SMALL), Toy(SMALL)
    path = tmp_path / "start.safetensors"
    write_safetensors(path, {k: v.half() for k, v in method.nets.state_dict().items()})
    load_networks(other, path)
    assert torch.equal(other.nets["decoder"].bias, method.nets["decoder"].bias.half().float())
    tensors = {"n": torch.tensor(3), "x": torch.randn(2, 3), "empty": torch.zeros(0)}
    write_safetensors(path, tensors)
    assert all(torch.equal(read_safetensors(path)[k], v) for k, v in tensors.items())
    for data in (b"", b"123", b"\xff" * 40, path.read_bytes()[:-4]):
        path.write_bytes(data)
        with pytest.raises(DamagedCheckpoint, match="no safetensors file"):
            load_checkpoint(path)


@pytest.mark.parametrize("fault", ["flip", "truncate", "empty", "text", "no side file"])
def test_damage_is_found_and_the_one_before_is_used(tmp_path: Path, fault: str) -> None:
    folder, method = Checkpoints(tmp_path), Toy(SMALL)
    for step in (10, 20, 30):
        newest = folder.save_step(state(method, stage=0, step=step))
    assert [p.name for p in folder.steps()] == ["step-0-00000030.pt", "step-0-00000020.pt"]
    assert not list(tmp_path.glob("*00010*"))
    if fault == "flip":
        flip(newest)
    elif fault == "truncate":
        newest.write_bytes(newest.read_bytes()[:-100])
    elif fault == "no side file":
        checksum_path(newest).unlink()
    else:
        newest.write_bytes(b"" if fault == "empty" else b"not a checkpoint")
    heard: list[str] = []
    found = folder.latest(heard.append)
    assert found is not None
    assert found["step"] == 20
    assert len(heard) == 1
    assert "step-0-00000030.pt is damaged" in heard[0]
    flip(folder.steps()[1])
    with pytest.raises(TrainingError, match=r"every checkpoint in .* is damaged") as caught:
        folder.latest()
    assert "--no-resume" in caught.value.hint


def test_files_without_a_side_file_are_read_but_not_believed_when_broken(tmp_path: Path) -> None:
    path = tmp_path / "given.pt"
    save_checkpoint(path, state(Toy(SMALL)))
    checksum_path(path).unlink()
    assert load_checkpoint(path)["method"] == "toy"
    whole = path.read_bytes()
    for data in (b"", b"hello", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(data)
        with pytest.raises(DamagedCheckpoint):
            load_checkpoint(path)
    with pytest.raises(MissingInputError, match="does not exist"):
        load_checkpoint(tmp_path / "nowhere.pt")


def test_order_is_by_stage_and_step(tmp_path: Path) -> None:
    folder = Checkpoints(tmp_path)
    assert folder.latest() is None
    for stage, step in ((0, 5), (1, 2), (0, 900)):
        folder.save_step(state(Toy(SMALL), stage=stage, step=step))
    found = folder.latest()
    assert found is not None
    assert (found["stage"], found["step"]) == (1, 2)


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("plain", [True, False])
def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, plain: bool) -> None:
    path, target = tmp_path / "evil.pt", tmp_path / "executed"
    if plain:
        path.write_bytes(pickle.dumps({"models": Evil(target)}, protocol=2))
    else:
        torch.save({"models": Evil(target)}, path)
    with pytest.raises((UsageError, DamagedCheckpoint)):
        load_checkpoint(path)
    assert not target.exists()
    if not plain:
        with pytest.raises(UsageError, match="could run code"):
            load_checkpoint(path)


def test_foreign_checkpoints_are_refused_naming_both_sides(tmp_path: Path) -> None:
    method = Toy(SMALL)
    with pytest.raises(UsageError, match="of 'other', not of 'toy'"):
        check_origin(state(method, method="other"), method, "f.pt")
    with pytest.raises(UsageError, match="schema 99, this version reads 1"):
        check_origin(state(method, schema=99), method, "f.pt")
    with pytest.raises(UsageError, match=r"lr is 0\.002 there and 0\.5 here"):
        check_origin(state(method), Toy(ToyConfig(width=4, lr=0.5)), "f.pt", same_config=True)
    check_origin(state(method), Toy(ToyConfig(width=4, lr=0.5)), "f.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UsageError, match="holds a list"):
        load_checkpoint(tmp_path / "list.pt")
    torch.save({"generator": {}}, tmp_path / "official.pt")
    with pytest.raises(UsageError, match="no checkpoint of this suite"):
        load_networks(method, tmp_path / "official.pt")


def test_networks_that_do_not_fit_are_named() -> None:
    method = Toy(SMALL)
    models = {name: dict(net) for name, net in models_of(method).items()}
    with pytest.raises(UsageError, match="no network 'decoder'"):
        set_models(method, {k: v for k, v in models.items() if k != "decoder"})
    with pytest.raises(UsageError, match=r"lacks key decoder\.bias"):
        set_models(method, models | {"decoder": {"weight": models["decoder"]["weight"]}})
    with pytest.raises(UsageError, match=r"unknown key decoder\.more"):
        set_models(method, models | {"decoder": models["decoder"] | {"more": torch.zeros(1)}})
    with pytest.raises(UsageError, match=r"discriminator\.0\.weight has shape \(8, 3, 4, 4\), the network's is \(4, 3"):
        set_models(method, models | {"discriminator": models_of(Toy(ToyConfig(width=8)))["discriminator"]})


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A file size limit stands for the full disk: writing beyond it fails as writing to a full disk does."""
    path = tmp_path / "best.pt"
    save_checkpoint(path, {"models": {}, "step": 1})
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StorageError, match=r"cannot write .*best\.pt: .*full|no space left"):
            save_checkpoint(path, {"models": {"big": torch.zeros(100_000)}, "step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.pt", "best.pt.sha256"]
    assert load_checkpoint(path, needs_checksum=True)["step"] == 1


@pytest.mark.parametrize("rename", [1, 2, 3])
def test_a_kill_while_a_file_is_replaced_leaves_one_that_verifies(tmp_path: Path, rename: int) -> None:
    path = tmp_path / "best.pt"
    save_checkpoint(path, {"models": {}, "step": 1})
    child = os.fork()
    if child == 0:
        seen, replace = [0], os.replace

        def dying(a: Any, b: Any) -> None:
            seen[0] += 1
            if seen[0] == rename:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(a, b)

        os.replace = dying  # type: ignore[assignment]
        save_checkpoint(path, {"models": {}, "step": 2})
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    folder = Checkpoints(tmp_path)
    assert folder.whole(path)
    assert load_checkpoint(path, needs_checksum=True)["step"] == (1 if rename < 3 else 2)
    folder.prepare()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.pt", "best.pt.sha256"]
