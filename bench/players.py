"""Players of a stage: optimisers, learning rates, gradients. ``update(player, loss)`` is what a method's step calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from bench import launch
from datasets.errors import TrainingError, UsageError
from methods.base import Player, Stage

_OPTIMIZERS: Mapping[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "radam": torch.optim.RAdam,
    "sgd": torch.optim.SGD,
}


def learning_rate(player: Player, step: int) -> float:
    """Rate at a step of the stage: multiplied by ``gamma`` at every milestone that has been reached."""
    return player.lr * player.gamma ** sum(step >= m for m in player.milestones)


def make_optimizer(player: Player, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The player's optimiser; Adam, AdamW and SGD are fused (one kernel for all parameters).

    SGD takes ``betas[0]`` as momentum.

    Raises:
        UsageError: unknown optimiser.
    """
    if player.optimizer not in _OPTIMIZERS:
        raise UsageError(f"there is no optimizer {player.optimizer!r}", f"choose {', '.join(_OPTIMIZERS)}")
    options: dict[str, Any] = {"lr": player.lr, "weight_decay": player.weight_decay}
    if player.optimizer == "sgd":
        options["momentum"] = player.betas[0]
    else:
        options["betas"] = player.betas
    if player.optimizer != "radam":
        options["fused"] = True
    return _OPTIMIZERS[player.optimizer](parameters, **options)


class Players:
    """Optimisers of one stage, and the counters of skipped updates.

    Entering the stage puts owned networks in train mode with gradients, all others in eval mode without (those in
    ``keep_train`` stay in train mode). A parameter that the method itself froze stays frozen.

    Attributes:
        skipped: updates left out since the stage began, because loss or gradient was not finite.
        streak: how many of the last updates in a row were left out.

    Args:
        nets: all networks of the method.
        trainable: names of parameters (``net.parameter``) that the method itself leaves trainable.
        limit: so many updates in a row may be left out.
    """

    def __init__(self, nets: nn.ModuleDict, stage: Stage, trainable: frozenset[str], limit: int) -> None:
        self._nets, self._stage, self._limit = nets, stage, limit
        self.skipped = 0
        self.streak = 0
        self._step = 0
        self._trainable = trainable
        owned = [name for player in stage.players.values() for name in player.nets]
        self._check(owned)
        self.set_modes()
        self._parameters = {name: list(self._of(player.nets)) for name, player in stage.players.items()}
        self.optimizers = {name: make_optimizer(stage.players[name], p) for name, p in self._parameters.items()}

    def _check(self, owned: list[str]) -> None:
        for name in [*owned, *self._stage.keep_train]:
            if name not in self._nets:
                raise UsageError(f"stage {self._stage.name!r} names the network {name!r}, which the method has not")
        for player in self._stage.players.values():
            strange = set(player.clip_nets or ()) - set(player.nets)
            if strange:
                raise UsageError(f"stage {self._stage.name!r} clips {min(strange)!r}, which its player does not own")
        if len(set(owned)) < len(owned):
            raise UsageError(f"stage {self._stage.name!r} gives one network to two players")

    def set_modes(self) -> None:
        """Train and eval modes, and which parameters have gradients."""
        owned = {name for player in self._stage.players.values() for name in player.nets}
        for name, net in self._nets.items():
            net.train(name in owned or name in self._stage.keep_train)
            for key, parameter in net.named_parameters():
                parameter.requires_grad_(name in owned and f"{name}.{key}" in self._trainable)

    def _of(self, nets: tuple[str, ...]) -> Iterator[nn.Parameter]:
        return (p for name in nets for p in self._nets[name].parameters() if p.requires_grad)

    def begin(self, step: int) -> None:
        """Set the learning rates of a step."""
        self._step = step
        for name, optimizer in self.optimizers.items():
            rate = learning_rate(self._stage.players[name], step)
            for group in optimizer.param_groups:
                group["lr"] = rate

    def rates(self) -> dict[str, float]:
        """Player -> learning rate of this step."""
        return {name: float(o.param_groups[0]["lr"]) for name, o in self.optimizers.items()}

    def __call__(self, player: str, loss: Tensor) -> None:
        """Backward for this player's networks only, averaging over ranks, clipping, finite check, optimiser step.

        Raises:
            TrainingError: too many updates in a row had a loss or gradient that is not finite (outcome ``diverged``).
            UsageError: the stage has no such player.
        """
        if player not in self.optimizers:
            raise UsageError(f"stage {self._stage.name!r} has no player {player!r}")
        parameters = self._parameters[player]
        with torch.autocast(loss.device.type, enabled=False):
            self.optimizers[player].zero_grad(set_to_none=True)
            loss.backward(inputs=parameters)
            value = loss.detach().float().reshape(1)
            with torch.no_grad():
                if launch.world() > 1:
                    _average_gradients(parameters, value)
                if self._is_finite(parameters, value):
                    self._clip(self._stage.players[player])
                    self.optimizers[player].step()
                    increment_version(parameters)  # fused optimisers do not, and copies for inference look at it
                    self.streak = 0
                    return
        self._skip(player)

    def _skip(self, player: str) -> None:
        self.skipped += 1
        self.streak += 1
        if self.streak >= self._limit:
            raise TrainingError(
                f"training diverged: {self.streak} updates in a row had a loss or gradient that is not finite (stage "
                f"{self._stage.name!r}, player {player!r}, step {self._step})",
                "lower the learning rate with --set; the last checkpoint is kept",
                outcome="diverged",
            )

    @staticmethod
    def _is_finite(parameters: list[nn.Parameter], value: Tensor) -> bool:
        """One look at loss and gradients: a norm is finite only if every entry is (and nothing overflows)."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        norms = torch._foreach_norm(gradients, float("inf")) if gradients else []
        return bool(torch.isfinite(torch.stack([value[0], *(n.float() for n in norms)])).all())

    def _clip(self, player: Player) -> None:
        """Clip the gradients of each network by itself."""
        if player.clip_norm is None:
            return
        for name in player.nets if player.clip_nets is None else player.clip_nets:
            torch.nn.utils.clip_grad_norm_(list(self._of((name,))), player.clip_norm, player.clip_type)

    def average_buffers(self) -> None:
        """Mean over ranks of the floating buffers (running statistics) of networks in train mode."""
        if launch.world() > 1:
            nets = [net for net in self._nets.values() if net.training]
            launch.average([b for net in nets for b in net.buffers() if b.is_floating_point()])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Eval mode without gradients, for validation; the stage's modes come back."""
        self._nets.eval()
        try:
            yield
        finally:
            self.set_modes()

    def state(self) -> dict[str, Any]:
        """Optimiser states by player, plain types only."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put optimiser states back."""
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state[name])


def _average_gradients(parameters: list[nn.Parameter], value: Tensor) -> None:
    """Mean gradients and loss over ranks, in place. A parameter without gradient on every rank keeps none."""
    present = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float32, device=value.device)
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    launch.average([value, present, *(p.grad for p in parameters if p.grad is not None)])
    for parameter, share in zip(parameters, present.tolist(), strict=True):
        if not share:
            parameter.grad = None
