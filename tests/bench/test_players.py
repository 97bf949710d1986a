"""Optimisers, learning rates, clipping, freezing, and what is not finite."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.players import Players, learning_rate, make_optimizer
from datasets.errors import TrainingError, UsageError
from methods.base import PairItem, Player, Stage


def nets() -> nn.ModuleDict:
    torch.manual_seed(0)
    made = nn.ModuleDict({name: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)) for name in "abc"})
    made["b"][0].bias.requires_grad_(False)  # frozen by the method itself
    return made


def players(networks: nn.ModuleDict, limit: int = 3, keep_train: tuple[str, ...] = (), **given: Player) -> Players:
    stage = Stage("s", PairItem(), 2, 10, given, keep_train=keep_train)
    trainable = frozenset(name for name, p in networks.named_parameters() if p.requires_grad)
    return Players(networks, stage, trainable, limit)


X = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))


def test_only_the_players_networks_move() -> None:
    networks = nets()
    update = players(networks, first=Player(("a",), 0.1), second=Player(("b",), 0.1))
    before = {k: v.clone() for k, v in networks.state_dict().items() if "running" not in k and "num_" not in k}
    update("second", networks["b"](networks["a"](X)).square().sum())
    changed = {k for k, v in before.items() if not torch.equal(v, networks.state_dict()[k])}
    assert changed
    assert all(k.startswith("b.") for k in changed)
    assert "b.0.bias" not in changed
    assert networks["a"][0].weight.grad is None


def test_modes() -> None:
    networks = nets()
    update = players(networks, keep_train=("b",), only=Player(("a",), 0.1))
    assert [networks[n].training for n in "abc"] == [True, True, False]
    assert [any(p.requires_grad for p in networks[n].parameters()) for n in "abc"] == [True, False, False]
    with update.paused():
        assert not any(net.training for net in networks.values())
    assert [networks[n].training for n in "abc"] == [True, True, False]
    networks = nets()
    players(networks, only=Player(("b",), 0.1))  # what the method froze stays frozen in its own stage
    assert not networks["b"][0].bias.requires_grad
    assert networks["b"][0].weight.requires_grad


def test_milestones() -> None:
    player = Player(("a",), 1.0, milestones=(3, 5), gamma=0.1)
    assert [learning_rate(player, s) for s in (0, 2, 3, 4, 5, 9)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    update = players(nets(), only=player)
    update.begin(4)
    assert update.rates() == {"only": pytest.approx(0.1)}


@pytest.mark.parametrize("name", ["adam", "adamw", "radam", "sgd"])
def test_optimizers_are_torchs_own(name: str) -> None:
    settings = {"lr": 0.01, "weight_decay": 0.1}
    given = [nn.Parameter(X.clone()), nn.Parameter(X.clone())]
    ours = make_optimizer(Player(("a",), betas=(0.5, 0.9), optimizer=name, **settings), [given[0]])
    classes = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "radam": torch.optim.RAdam, "sgd": torch.optim.SGD}
    extra = {"momentum": 0.5} if name == "sgd" else {"betas": (0.5, 0.9)}
    theirs = classes[name]([given[1]], **settings, **extra)
    for _ in range(5):
        for parameter, optimizer in zip(given, (ours, theirs), strict=True):
            parameter.grad = parameter.detach().sin()
            optimizer.step()
    torch.testing.assert_close(given[0], given[1])


def test_unknown_names_are_said() -> None:
    for player, text in (
        (Player(("a",), 1, optimizer="lion"), "no optimizer 'lion'"),
        (Player(("z",), 1), "network 'z'"),
        (Player(("a",), 1, clip_nets=("b",)), "clips 'b'"),
    ):
        with pytest.raises(UsageError, match=text):
            players(nets(), only=player)
    with pytest.raises(UsageError, match="no player 'who'"):
        players(nets(), only=Player(("a",), 1))("who", torch.zeros(1))
    with pytest.raises(UsageError, match="two players"):
        players(nets(), one=Player(("a",), 1), two=Player(("a",), 1))


@pytest.mark.parametrize("kind", [float("inf"), 2.0])
def test_each_network_is_clipped_by_itself(kind: float) -> None:
    networks = nets()
    player = Player(("a", "b"), 1.0, (0.0, 0), optimizer="sgd", clip_norm=0.01, clip_type=kind, clip_nets=("a",))
    update = players(networks, only=player)
    before = {name: networks[name][0].weight.detach().clone() for name in "ab"}
    update("only", 100 * (networks["a"][0](X).square().sum() + networks["b"][0](X).square().sum()))
    moved = {name: networks[name][0].weight.detach() - before[name] for name in "ab"}
    whole = torch.cat([moved["a"].flatten(), networks["a"][0].bias.grad.flatten()])
    assert torch.linalg.vector_norm(whole, kind).item() == pytest.approx(0.01, rel=0.01)
    assert moved["b"].abs().max() > 1


def test_an_update_that_is_not_finite_is_left_out() -> None:
    networks = nets()
    update = players(networks, limit=3, only=Player(("a",), 0.1))
    weight = networks["a"][0].weight
    before = weight.detach().clone()

    def loss(factor: float) -> torch.Tensor:
        return factor * networks["a"](X).square().sum()

    update("only", loss(float("nan")))
    update("only", (weight * 0).sum().sqrt())  # finite loss, infinite gradient
    assert torch.equal(weight, before)
    assert (update.skipped, update.streak) == (2, 2)
    update("only", loss(1.0))
    assert not torch.equal(weight, before)
    assert (update.skipped, update.streak) == (2, 0)
    with pytest.raises(TrainingError, match="diverged: 3 updates in a row") as caught:
        for _ in range(3):
            update("only", loss(float("inf")))
    assert caught.value.outcome == "diverged"


def test_a_parameter_outside_the_graph_is_left_alone() -> None:
    networks = nets()
    update = players(networks, only=Player(("a",), 0.1, weight_decay=0.5))
    before = networks["a"][1].weight.detach().clone()
    update("only", networks["a"][0](X).square().sum())
    assert torch.equal(networks["a"][1].weight, before)


def test_an_update_marks_its_parameters_as_changed() -> None:
    """Copies for inference are remade by a tensor's version counter; a fused optimiser must raise it too."""
    networks = nets()
    update = players(networks, only=Player(("a",), 0.1))
    version = networks["a"][0].weight._version
    update("only", networks["a"](X).square().sum())
    assert networks["a"][0].weight._version > version
