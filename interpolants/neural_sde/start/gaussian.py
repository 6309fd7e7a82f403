"""Gaussian initial states."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from interpolants.neural_sde.start.base import Start
from interpolants.utils.checks import check_finite, check_positive


@final
class GaussianStart(Start):
    """Initial state X(0) ~ N(mean, std^2), with a mean and std for each coordinate.

    Args:
        latent: D.
        states: S, the driver's states of a coordinate.
        start_size: E, the number of features for the posterior.
        mean: initial mean.
        std: initial standard deviation, > 0.
        learnable: whether both are learned.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        latent: int,
        states: int,
        start_size: int,
        mean: float = 0.0,
        std: float = 1.0,
        learnable: bool = True,
    ) -> None:
        super().__init__(latent=latent, states=states, start_size=start_size)
        check_finite("GaussianStart.mean", mean)
        check_positive("GaussianStart.std", std)
        self.mean = nn.Parameter(torch.full((latent,), float(mean)), learnable)
        self.log_std = nn.Parameter(torch.full((latent,), math.log(std)), learnable)

    def moments(self) -> tuple[Tensor, Tensor]:
        return self.mean, self.log_std.exp()
