"""Brownian motion: a driver with no states."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.driver.base import Driver, Forecast, Increment, check_lengths
from interpolants.driver.forecast import white_forecast


@final
class Brownian(Driver):
    """Brownian motion B = W, of Hurst index 1/2; it costs only the normals.

    Args:
        step, horizon: accepted like by every driver; unused.
    """

    states = 0

    def __init__(self, *, step: float = 1.0, horizon: float = 1.0) -> None:
        super().__init__()

    def readout(self) -> Tensor:
        return torch.zeros(0, dtype=torch.float64)

    def rates(self) -> Tensor:
        return torch.zeros(0, dtype=torch.float64)

    def omega_bar(self) -> Tensor:
        return torch.ones((), dtype=torch.float64)

    def covariance(self, s: Tensor, t: Tensor) -> Tensor:
        return torch.minimum(s, t)

    def start_from(self, normals: Tensor) -> Tensor:
        return normals

    def table(self, h: Tensor) -> Tensor:
        check_lengths("Brownian.table", h)
        ones, zeros = torch.ones_like(h), torch.zeros_like(h)
        return torch.stack([ones, zeros, h, h.sqrt()], dim=1).unsqueeze(-1)

    def single_noise_table(self, h: Tensor) -> Tensor:
        return self.table(h)

    def step(self, table: Tensor, readout: Tensor, state: Tensor, z: Tensor) -> Increment:
        return Increment(state=state, noise=z[..., 0] * table[3, 0])

    def forecast(self, rates: Tensor, readout: Tensor, tau: Tensor, decay: Tensor) -> Forecast:
        return white_forecast(tau, decay)
