"""Brownian motion: a driver with no states."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.driver.base import Driver, Forecast, Increment, check_lengths


@final
class Brownian(Driver):
    """B = W: the Hurst index 1/2, at the cost of the normals alone."""

    states = 0

    def readout(self) -> Tensor:
        return torch.zeros(0, dtype=torch.float64)

    def rates(self) -> Tensor:
        return torch.zeros(0, dtype=torch.float64)

    def omega_bar(self) -> Tensor:
        return torch.ones((), dtype=torch.float64)

    def covariance(self, s: Tensor, t: Tensor) -> Tensor:
        return torch.minimum(s, t)

    def start(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        return torch.zeros(*shape, 0, dtype=dtype, device=generator.device)

    def table(self, h: Tensor) -> Tensor:
        check_lengths("Brownian.table", h)
        ones, zeros = torch.ones_like(h), torch.zeros_like(h)
        return torch.stack([ones, zeros, h, h.sqrt()], dim=1).unsqueeze(-1)

    def single_noise_table(self, h: Tensor) -> Tensor:
        return self.table(h)

    def step(
        self, table: Tensor, readout: Tensor, state: Tensor, z: Tensor, u: Tensor | None = None
    ) -> Increment:
        change = z[..., 0] * table[3, 0]
        if u is not None:
            change = change + u * table[2, 0]
        return Increment(state=state, motion=change, wiener=change)

    def forecast(self, rates: Tensor, readout: Tensor, tau: Tensor) -> Forecast:
        return Forecast(
            change=tau.new_zeros(len(tau), 0),
            response=torch.ones_like(tau),
            covariance=torch.minimum(tau, tau.unsqueeze(-1)),
        )
