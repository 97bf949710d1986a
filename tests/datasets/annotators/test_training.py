"""Networks that methods may train with: their vectors and maps, their files, and that no judge is among them."""

from __future__ import annotations

import pytest
import torch

from datasets.annotators.training import WIDTHS, training_file, training_network
from datasets.annotators.world.cards import CARDS
from datasets.annotators.world.identity import NAMES
from datasets.annotators.world.reader import WorldReader
from datasets.errors import MissingInputError, UsageError
from datasets.files import sha256_file

SHIPPED = ("world-features", "world-identity")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_network_embeds_and_gradients_flow_through_its_maps(name: str) -> None:
    network = training_network(name)
    rgb = torch.rand(2, 3, 64, 64, requires_grad=True)
    assert network(rgb).shape == (2, WIDTHS[name]) == (2, network.width)
    maps = network.maps(rgb)
    assert len(maps) == 4
    sum(m.square().mean() for m in maps).backward()
    assert rgb.grad is not None and rgb.grad.abs().sum() > 0
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


def test_features_are_those_of_the_annotator_and_its_network_is_not_shared() -> None:
    network, reader = training_network("world-features"), WorldReader.load("world")
    rgb = torch.rand(1, 3, 128, 128)
    with torch.inference_mode():
        torch.testing.assert_close(network(rgb), reader.network(rgb).features, atol=1e-5, rtol=1e-4)
    assert network.network is not reader.network


def test_judges_cannot_be_asked_for() -> None:
    judges = {name for name, card in CARDS.items() if card.role == "judge"} | {n for n in NAMES if "judge" in n}
    assert len(judges) == 4
    for name in judges:
        with pytest.raises(UsageError, match="no training network"):
            training_network(name)
        with pytest.raises(UsageError, match="no training network"):
            training_file(name)
    folder = training_file("world-identity").parent
    hashes = {sha256_file(folder / f"{name}.safetensors") for name in judges}
    assert not hashes & {sha256_file(training_file(name)) for name in SHIPPED}


def test_facenet_names_the_command_that_gets_its_weights(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingInputError, match="facenet-vggface2"):
        training_file("facenet")
