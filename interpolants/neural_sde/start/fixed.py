"""Fixed initial states."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.neural_sde.start.base import Start
from interpolants.utils.checks import check_finite


@final
class FixedStart(Start):
    """Initial state X(0) = value in every coordinate; the driver's states still have a posterior.

    Args:
        latent: D.
        states: S, the driver's states of a coordinate.
        start_size: E, the number of features for the posterior.
        value: the value, in the networks' units.

    Raises:
        ValueError: if an argument is out of range.
    """

    value: Tensor
    none: Tensor

    def __init__(self, *, latent: int, states: int, start_size: int, value: float = 0.0) -> None:
        super().__init__(latent=latent, states=states, start_size=start_size)
        check_finite("FixedStart.value", value)
        self.register_buffer("value", torch.full((latent,), float(value)), persistent=False)
        self.register_buffer("none", torch.zeros(latent), persistent=False)

    def moments(self) -> tuple[Tensor, Tensor]:
        return self.value, self.none
