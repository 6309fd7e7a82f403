"""Mean reversion plus a network."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.activation import make_activation
from interpolants.net.layers import layers, zeroed
from interpolants.neural_sde.drift.base import Drift
from interpolants.utils.checks import check, check_count, check_finite, check_positive, is_whole


@final
class MeanRevertingDrift(Drift):
    """Drift b = rate (level - x) + f(x), with a network f that is zero at initialisation.

    It does not depend on time, so a series may start at any time. Without a network the equation
    is linear, an Ornstein-Uhlenbeck process with the driver's noise.

    Args:
        latent: D; each coordinate has its own rate and level.
        rate: initial rate > 0, in units of 1 / time.
        level: initial level, in the networks' units.
        learnable: whether rate and level are learned.
        hidden: width of the network's layers; 0 for no network.
        depth: number of its hidden layers.
        activation: activation of its layers, selu, silu, relu, gelu or tanh.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        latent: int,
        rate: float = 1.0,
        level: float = 0.0,
        learnable: bool = True,
        hidden: int = 64,
        depth: int = 2,
        activation: str = "tanh",
    ) -> None:
        super().__init__()
        name = "MeanRevertingDrift"
        check_count(f"{name}.latent", latent)
        check_positive(f"{name}.rate", rate)
        check_finite(f"{name}.level", level)
        whole = is_whole(hidden) and hidden >= 0
        check(whole, f"{name}.hidden", "a whole number >= 0", hidden)
        check_count(f"{name}.depth", depth)
        make_activation(f"{name}.activation", activation)
        self.log_rate = nn.Parameter(torch.full((latent,), math.log(rate)), learnable)
        self.level = nn.Parameter(torch.full((latent,), float(level)), learnable)
        widths = [latent, *[hidden] * depth, latent]
        self.net = zeroed(layers(widths, activation)) if hidden else None

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        pull = self.log_rate.exp() * (self.level - x)
        return pull if self.net is None else pull + self.net(x)

    def linear(self) -> tuple[Tensor, Tensor]:
        return self.log_rate.exp(), self.level
