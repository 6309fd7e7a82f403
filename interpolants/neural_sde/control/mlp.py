"""Controls by fully connected networks."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.net.activation import make_activation
from interpolants.net.embedding import TimeEmbedding
from interpolants.net.layers import layers, zeroed
from interpolants.neural_sde.control.base import Control
from interpolants.utils.checks import check_count, check_positive


@final
class MLPControl(Control):
    """Fully connected network of (x, y, context, features of t / T), zero at initialisation.

    Args:
        latent: D.
        states: S, the driver's states of each coordinate.
        horizon: T, > 0.
        context_size: C.
        hidden: width of its layers.
        depth: number of hidden layers.
        activation: selu, silu, relu, gelu or tanh.
        time_features: number of sines and cosines of the time beside t / T.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        latent: int,
        states: int,
        horizon: float,
        context_size: int,
        hidden: int = 128,
        depth: int = 2,
        activation: str = "tanh",
        time_features: int = 8,
    ) -> None:
        super().__init__()
        check_count("MLPControl.latent", latent)
        check_positive("MLPControl.horizon", horizon)
        check_count("MLPControl.hidden", hidden)
        check_count("MLPControl.depth", depth)
        make_activation("MLPControl.activation", activation)
        self.horizon = horizon
        self.embedding = TimeEmbedding(features=time_features)
        width = latent * (1 + states) + context_size + self.embedding.out_features
        self.net = zeroed(layers([width, *[hidden] * depth, latent], activation))

    def forward(self, t: Tensor, x: Tensor, y: Tensor, context: Tensor) -> Tensor:
        time = self.embedding(t / self.horizon).to(x.dtype).expand(len(x), -1)
        u: Tensor = self.net(torch.cat([x, y.flatten(1), context, time], dim=1))
        return u
