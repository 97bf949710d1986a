"""RAFT: direction, sign, sizes and channels of what goes in and comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.evaluation.judges.cards import card
from bench.evaluation.judges.flow import FlowJudge, raft_large
from datasets.annotators.raft import RAFT
from datasets.errors import MissingInputError


class Matching(nn.Module):
    """Stands for a trained network: finds the one whole shift that makes the second image the first."""

    def __init__(self, reach: int = 12) -> None:
        super().__init__()
        self.reach = reach
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, first: Tensor, second: Tensor, num_flow_updates: int) -> list[Tensor]:
        """Flow as torchvision gives it: (1, 2, H, W), x before y, a list of which the last counts."""
        assert first.min() >= -1 and first.max() <= 1 and num_flow_updates == 12
        self.shapes.append(tuple(first.shape))
        r = self.reach
        inner = first[..., r:-r, r:-r]
        h, w = inner.shape[-2:]
        costs = {
            (x, y): float((second[..., r + y : r + y + h, r + x : r + x + w] - inner).abs().mean())
            for x in range(-r, r + 1) for y in range(-r, r + 1)
        }  # fmt: skip
        best = min(costs, key=lambda shift: costs[shift])
        flow = torch.tensor(best, dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, *first.shape[-2:])
        return [torch.full_like(flow, 99.0), flow]


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth random colours."""
    noise = torch.rand(1, 3, height // 4 + 2, width // 4 + 2, generator=torch.Generator().manual_seed(seed))
    image = F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)[0]
    return (image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)


def moved(height: int, width: int, x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
    """Two views of one texture; what the first shows at p, the second shows at p + (x, y)."""
    big = texture(height + 32, width + 32)
    cut = lambda left, top: np.ascontiguousarray(big[top : top + height, left : left + width])  # noqa: E731
    return cut(16, 16), cut(16 - x, 16 - y)


@pytest.mark.parametrize(("height", "width"), [(128, 136), (131, 149), (64, 64), (65, 77)])
def test_flow_is_the_displacement_from_the_first_to_the_second(height: int, width: int) -> None:
    first, second = moved(height, width, 3, -2)
    network = Matching()
    flow = RAFT(network, "hash").flow(first, second)
    assert flow.shape == (height, width, 2) and flow.dtype == np.float32
    np.testing.assert_allclose(flow, np.broadcast_to([3, -2], flow.shape), atol=1e-6)
    assert all(side % 8 == 0 and side >= 128 for side in network.shapes[0][2:])
    ys, xs = np.mgrid[10 : height - 10, 10 : width - 10]
    warped = second[ys + flow[ys, xs, 1].astype(int), xs + flow[ys, xs, 0].astype(int)]  # warp b to a at x + flow
    assert np.array_equal(warped, first[ys, xs])


def test_a_place_of_the_flow_is_the_same_place_of_the_frame() -> None:
    """Padding and enlargement are undone where they were done."""

    class Marks(nn.Module):
        def forward(self, first: Tensor, second: Tensor, num_flow_updates: int) -> list[Tensor]:
            return [torch.cat([first[:, :1], second[:, 2:]], 1)]

    for height, width, factor in ((133, 141, 1), (45, 51, 3)):
        first, second = texture(height, width, 1), texture(height, width, 2)
        flow = RAFT(Marks(), "hash").flow(first, second) * factor
        expected = np.stack([first[..., 0], second[..., 2]], -1) / 127.5 - 1
        inner = (slice(1, -1), slice(1, -1))
        tolerance = 1e-5 if factor == 1 else 0.2  # enlarged bilinearly, then averaged
        np.testing.assert_allclose(flow[inner], expected[inner], atol=tolerance)
        assert np.abs(np.roll(flow, 1, 1) - expected)[inner].mean() > 2 * np.abs(flow - expected)[inner].mean()


def test_frames_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        RAFT(Matching(), "hash").flow(texture(128, 128), texture(128, 136))


def test_torchvision_looks_in_the_second_image_at_x_plus_flow() -> None:
    """The direction of a trained RAFT is that of its cost volume, which needs no weights."""
    from torchvision.models.optical_flow.raft import CorrBlock

    generator = torch.Generator().manual_seed(0)
    first = torch.randn(1, 64, 24, 24, generator=generator)
    second = torch.roll(first, shifts=(-1, 2), dims=(2, 3))  # moves by x = 2, y = -1
    block = CorrBlock(num_levels=1, radius=3)
    block.build_pyramid(first, second)
    ys, xs = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    at = lambda x, y: block.index_pyramid(torch.stack([xs + x, ys + y])[None])[0]  # noqa: E731
    centre = 7 * 7 // 2
    assert (at(2, -1)[:, 8:16, 8:16].argmax(0) == centre).all()
    assert not (at(-2, 1)[:, 8:16, 8:16].argmax(0) == centre).any()


def test_the_fingerprint_follows_weights_and_settings() -> None:
    network = Matching()
    prints = {RAFT(network, "a").fingerprint, RAFT(network, "b").fingerprint, RAFT(network, "a", 20).fingerprint}
    assert len(prints) == 3
    assert RAFT(network, "a").fingerprint == RAFT(Matching(), "a").fingerprint


def test_the_judge_reads_two_frames() -> None:
    judge = FlowJudge(card("raft-large"), RAFT(Matching(), "hash"))
    first, second = moved(128, 128, 1, 0)
    assert judge.read(np.stack([first, second]))[5, 5].tolist() == [1, 0]


def test_absent_and_damaged_weights_are_status_3_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingInputError, match="are not here") as caught:
        raft_large()
    assert "bench weights fetch raft-large" in caught.value.hint and caught.value.status == 3
    (tmp_path / "raft_large_C_T_SKHT_V2-ff5fadd5.pth").write_bytes(b"half")
    with pytest.raises(MissingInputError, match="expected ff5fadd5"):
        raft_large()


@pytest.mark.slow
def test_raft_large_with_random_weights_runs_on_an_odd_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    from torchvision.models import optical_flow

    import datasets.weights
    from datasets.weights import Weight

    torch.manual_seed(0)
    file = tmp_path / "raft.pth"
    torch.save(optical_flow.raft_large(weights=None).state_dict(), file)
    sha = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(datasets.weights, "KNOWN", (Weight("raft-large", file.name, sha, "https://x.org/", "", ""),))
    judge = raft_large()
    first, second = moved(67, 91, 2, 1)
    flow = judge.read(np.stack([first, second]))
    assert flow.shape == (67, 91, 2) and np.isfinite(flow).all()
    assert np.array_equal(flow, raft_large().read(np.stack([first, second])))
    assert not np.array_equal(flow, judge.read(np.stack([second, first])))
