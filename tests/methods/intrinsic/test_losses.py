"""Laws of temporal regularization and of the flow between neighbouring frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.config import build_config
from datasets.base import Array
from methods.intrinsic.config import IntrinsicConfig
from methods.intrinsic.losses import confidence_guard, feature_losses, temporal_loss
from methods.intrinsic.method import Intrinsic
from methods.intrinsic.neighbours import consistent, estimated_flow, inside, reliable
from methods.intrinsic.spec import SPEC
from methods.layers.first_order.losses import reconstruct
from methods.layers.perceptual import PerceptualLoss

SHIFT = 3
SCHEMES = ("plain", "extrinsic", "intrinsic")


def scene(size: int = 32) -> Tensor:
    small = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(small, size=size, mode="bicubic", align_corners=False).clamp(0, 1)


def moved() -> dict[str, Tensor]:
    """I_(t-1), I_t = I_(t-1) moved to the right by SHIFT pixels, the true flow, what stays visible, a confidence."""
    wide = scene(64)
    previous, current = wide[..., :32, SHIFT : 32 + SHIFT], wide[..., :32, :32]
    flow = torch.zeros(1, 32, 32, 2)
    flow[..., 0] = SHIFT
    visible = torch.ones(1, 1, 32, 32)
    visible[..., 32 - SHIFT :] = 0
    return {"previous": previous, "current": current, "flow": flow, "visible": visible}


def loss_of(scheme: Any, generated: Tensor, confidence: Tensor | None = None, **change: Tensor) -> Tensor:
    m = moved() | change
    confidence = torch.full((1, 1, 16, 16), 0.5) if confidence is None else confidence
    return temporal_loss(scheme, generated, m["previous"], m["flow"], m["visible"], confidence)


# -- the regularizer ---------------------------------------------------------------------------------------------
def test_it_is_zero_when_the_frame_warped_by_the_true_flow_is_the_true_previous_frame() -> None:
    """The columns that leave the frame are masked in scheme b; elsewhere they are the only error."""
    current = moved()["current"]
    assert loss_of("extrinsic", current) < 1e-6
    seen = torch.zeros(1, 1, 32, 32)
    seen[..., :-1] = 1  # the border column, which the flow repeats where it leaves the frame
    assert loss_of("intrinsic", current, seen) < 1e-6
    still = torch.zeros(1, 32, 32, 2)
    for scheme in SCHEMES:
        assert loss_of(scheme, current, previous=current, flow=still) < 1e-6, scheme


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_frozen_video_is_not_zero(scheme: str) -> None:
    """A generated frame that equals the true previous one is warped away from it."""
    assert loss_of(scheme, moved()["previous"]) > 0.01


def test_each_scheme_is_its_mask() -> None:
    generated = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    plain = loss_of("plain", generated)
    torch.testing.assert_close(loss_of("intrinsic", generated), 0.5 * plain)
    torch.testing.assert_close(loss_of("extrinsic", generated, visible=torch.ones(1, 1, 32, 32)), plain)
    assert loss_of("extrinsic", generated, visible=torch.zeros(1, 1, 32, 32)) == 0


def test_the_confidence_moves_with_the_frame() -> None:
    """An error that stands where O_t is not trusted costs nothing, on whichever grid it is compared."""
    wrong = moved()["current"].clone()
    wrong[..., 10:14, 10:14] = 1 - wrong[..., 10:14, 10:14]
    confidence = torch.ones(1, 1, 32, 32)
    confidence[..., 10:14, 10:14] = 0
    confidence[..., -1:] = 0
    assert loss_of("intrinsic", wrong, confidence) < 1e-6 < loss_of("intrinsic", wrong, torch.ones(1, 1, 32, 32))


# -- the shortcut ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def method() -> Intrinsic:
    torch.manual_seed(0)
    config = build_config(SPEC, "tiny")
    assert isinstance(config, IntrinsicConfig)
    return Intrinsic(config)


def motion_gradient(method: Intrinsic, scheme: str, detach: bool) -> float:
    """Largest gradient of the temporal loss on the motion estimator (key points, flow and confidence)."""
    nets: Any = method.nets
    frames = scene(64).expand(2, -1, -1, -1), scene(64).flip(3).expand(2, -1, -1, -1)
    made = reconstruct(nets["kp_detector"], nets["generator"], None, *frames)
    estimator = [*nets["kp_detector"].parameters(), *nets["generator"].motion.parameters()]
    batch = {
        "previous": (frames[0].movedim(1, -1) * 255).byte(),
        "flow": torch.ones(2, 64, 64, 2).half(),
        "reliable": torch.ones(2, 64, 64, dtype=torch.uint8),
    }
    overrides = {"temporal.scheme": scheme, "temporal.detach_frame": detach, "temporal.confidence": 0.0}
    method.config = build_config(SPEC, "tiny", "", overrides)  # type: ignore[assignment]
    (term,) = method._temporal_terms(made, batch).values()
    if not term.requires_grad:
        return 0.0
    found = torch.autograd.grad(term, estimator, allow_unused=True)
    return max(float(g.abs().max()) for g in found if g is not None)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_only_the_confidence_is_a_shortcut_to_the_motion_estimator(method: Intrinsic, scheme: str) -> None:
    assert (motion_gradient(method, scheme, detach=True) > 0) == (scheme == "intrinsic")
    assert motion_gradient(method, scheme, detach=False) > 0


def test_the_guard_is_silent_above_its_floor_and_lifts_a_vanishing_confidence() -> None:
    high, low = torch.full((1, 1, 4, 4), 0.06), torch.full((1, 1, 4, 4), 0.001, requires_grad=True)
    assert confidence_guard(high, 0.05) == 0
    loss = confidence_guard(low, 0.05)
    torch.testing.assert_close(loss, torch.log(torch.tensor(50.0)))
    loss.backward()
    assert low.grad is not None
    assert (low.grad < 0).all()
    torch.testing.assert_close(confidence_guard(high, 1.0), -torch.log(torch.tensor(0.06)))


def test_frame_losses_vanish_for_equal_frames_only() -> None:
    network = PerceptualLoss("random-features", (1.0, 0.5))
    a, b = scene(), scene().flip(3)
    assert [float(x) for x in feature_losses(network, a, a)] == [0, 0]
    content, style = feature_losses(network, a, b)
    torch.testing.assert_close(content, network(a, b))
    assert style > 0


# -- flow between neighbours -------------------------------------------------------------------------------------
def textured(shift: int) -> Array:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (16, 20, 3)).astype(np.float32)
    wide = torch.nn.functional.interpolate(
        torch.from_numpy(small).movedim(-1, 0)[None], scale_factor=4.0, mode="bicubic"
    )
    return wide[0, :, :64, 8 - shift : 72 - shift].clamp(0, 255).byte().movedim(0, -1).numpy().copy()


def test_estimated_flow_leads_from_the_first_frame_to_the_second() -> None:
    flow, mask = estimated_flow(textured(0), textured(2))
    assert flow.shape == (64, 64, 2) and mask.shape == (64, 64)
    middle = flow[12:-12, 12:-12]
    assert np.abs(middle[..., 0] - 2).mean() < 0.3 and np.abs(middle[..., 1]).mean() < 0.3
    assert mask[12:-12, 12:-12].mean() > 0.9
    assert not mask[:, -1].any()  # what leaves the frame


def test_what_forward_and_backward_do_not_agree_on_is_not_consistent() -> None:
    forward, backward = np.zeros((16, 16, 2), np.float32), np.zeros((16, 16, 2), np.float32)
    forward[..., 0], backward[..., 0] = 2, -2
    backward[:, 8:, 0] = 0  # something else came there
    good = consistent(forward, backward)
    assert good[:, :5].all() and not good[:, 7:].any()
    assert inside(forward)[:, :14].all() and not inside(forward)[:, 14:].any()


def test_motion_boundaries_are_not_reliable() -> None:
    flow = np.zeros((16, 16, 2), np.float32)
    flow[:, 8:, 0] = 3
    mask = reliable(flow, np.ones((16, 16), bool))
    assert mask[:, :7].all() and mask[:, 9:].all() and not mask[:, 7:9].any()
