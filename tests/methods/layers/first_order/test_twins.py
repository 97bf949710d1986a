"""Pairs across people: the motion comes from the other person, and both people's points are drawn together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.config import build_config
from bench.registry import get, load_object
from methods.base import Method, StepInfo
from methods.layers.first_order.losses import reconstruct, twin_terms

METHODS = ("fomm", "mraa", "intrinsic")


def tiny(name: str) -> Method:
    spec = get("methods", name)
    torch.manual_seed(0)
    overrides = {"temporal.scheme": "none"} if name == "intrinsic" else {}
    return load_object(spec.implementation)(build_config(spec, "tiny", overrides=overrides))


def frames(seed: int, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", METHODS)
def test_the_motion_is_the_other_persons(name: str) -> None:
    method = tiny(name)
    method.nets.eval()
    detector, generator = method.nets[method.detector_name], method.nets["generator"]
    source, driving, other = frames(1), frames(2), frames(3)
    with torch.no_grad():
        plain = reconstruct(detector, generator, None, source, other)
        twins = reconstruct(detector, generator, None, source, driving, other)
        assert torch.equal(twins.prediction, plain.prediction)
        assert torch.equal(twins.points.value, detector(driving).value)
        same = reconstruct(detector, generator, None, source, driving, driving)
    config = method.config.loss
    assert not twin_terms(config, plain)
    expected = config.equivariance_value * (detector(other).value - detector(driving).value).abs().mean()
    torch.testing.assert_close(twin_terms(config, twins)["twin"], expected)
    assert twin_terms(config, same)["twin"] == 0


@pytest.mark.parametrize("name", METHODS)
def test_every_stage_reads_twins_where_a_batch_has_them(name: str) -> None:
    method = tiny(name)
    stored = name == "intrinsic"
    images = {"source": frames(1), "driving": frames(2), "twin": frames(3)}
    if stored:
        images = {k: (v * 255).movedim(1, -1).to(torch.uint8) for k, v in images.items()}
    for stage in method.stages():
        found: list[dict[str, float]] = []
        for batch in (images, {k: v for k, v in images.items() if k != "twin"}):
            torch.manual_seed(1)
            found.append(method.step(stage, batch, lambda player, loss: loss.backward(), StepInfo(0, 1)))
        with_twin, without = found
        assert ("twin" in with_twin) == (stage.name != "avd") and "twin" not in without
        assert with_twin != without
