"""Fractional Brownian motion as a weighted sum of Ornstein-Uhlenbeck processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.checks import check, check_not_negative, check_positive
from interpolants.driver.base import Driver, Forecast, Increment, check_lengths, contract
from interpolants.driver.hurst import Hurst, as_hurst
from interpolants.driver.law import Law
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.driver.speeds import check_speeds
from interpolants.driver.weights import RIDGE, optimal_weights, relative_error

# Modes of a step's covariance with less than this share of the largest are rounding.
_RANK_TOLERANCE = 1e-15

# Given the states, what comes does not depend on the past.
_AHEAD = RiemannLiouville(normalize=False)


@final
class MarkovFractionalBrownian(Driver):
    """Bhat = sum_k omega_k (Y_k - Y_k(0)) + xi t with dY_k = -gamma_k Y_k dt + dW.

    One W moves all the processes of a coordinate. omega comes closest to the law over [0, T],
    and the step is exact at any length (arXiv 2310.12975). With a control u,
    Y <- exp(-gamma h) Y + (1 - exp(-gamma h)) / gamma u + noise.

    As far as times below 1 / gamma_max are seen, Bhat is Brownian with the amplitude omega_bar.

    Args:
        hurst: the index, or one for each coordinate, or a module that learns it.
        law: the type of motion.
        gammas: speeds, ascending, > 0; see `speeds`.
        horizon: T, the length over which the weights are optimal.
        random_slope: add xi t with xi ~ N(0, s^2) and the s that makes Var Bhat(T) right: it
            stands for the slowest past, without which type I loses variance for H > 1/2.
        ridge: relative regularisation of the weights.

    Raises:
        ValueError: if an argument is out of range, or a slope is asked of a law with no past.
    """

    def __init__(
        self,
        *,
        hurst: Hurst | float | Sequence[float],
        law: Law,
        gammas: Sequence[float],
        horizon: float = 1.0,
        random_slope: bool = False,
        ridge: float = RIDGE,
    ) -> None:
        super().__init__()
        name = "MarkovFractionalBrownian"
        self.gammas = check_speeds(f"{name}.gammas", gammas)
        check_positive(f"{name}.horizon", horizon)
        check_not_negative(f"{name}.ridge", ridge)
        fits = law.has_past or not random_slope
        check(fits, f"{name}.random_slope", "a law with a past, or false", random_slope)
        self.hurst = as_hurst(hurst)
        self.law, self.horizon, self.ridge = law, horizon, ridge
        self.random_slope = random_slope
        self.states = len(self.gammas) + random_slope

    def omega(self) -> Tensor:
        """The weights of the processes, float64, (K,) or (D, K)."""
        hurst = self.hurst()
        speeds = self._speeds(hurst)
        return optimal_weights(self.law, hurst, speeds, self.horizon, ridge=self.ridge)

    def slope(self) -> Tensor:
        """s, the standard deviation of the random slope, float64, () or (D,)."""
        hurst = self.hurst()
        if not self.random_slope:
            return torch.zeros_like(hurst)
        end = torch.tensor(self.horizon, dtype=hurst.dtype, device=hurst.device)
        bank = self.law.bank_covariance(self.omega(), self._speeds(hurst), end, end)
        missing = self.law.covariance(end, end, hurst) - bank
        # The root has no derivative at zero.
        return missing.clamp(min=1e-30).sqrt() / self.horizon

    def readout(self) -> Tensor:
        omega = self.omega()
        if not self.random_slope:
            return omega
        return torch.cat([omega, self.slope().unsqueeze(-1)], dim=-1)

    def rates(self) -> Tensor:
        return torch.tensor(self.gammas, dtype=torch.float64)

    def omega_bar(self) -> Tensor:
        return self.omega().sum(dim=-1)

    def relative_error(self) -> Tensor:
        """int_0^T E (B - Bhat)^2 dt over int_0^T E B^2 dt on one W, with no slope, () or (D,)."""
        hurst = self.hurst()
        return relative_error(self.law, hurst, self._speeds(hurst), self.horizon, self.omega())

    def covariance(self, s: Tensor, t: Tensor) -> Tensor:
        omega = self.omega()
        s, t = s.to(omega), t.to(omega)
        bank = self.law.bank_covariance(omega, self._speeds(omega), s, t)
        variance = self.slope().square()
        return bank + variance.view((*variance.shape, *(1,) * s.dim())) * s * t

    def start(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        self.hurst.check_shape("MarkovFractionalBrownian.start", shape)
        speeds = torch.tensor(self.gammas, dtype=torch.float64)
        root = _root(self.law.start_covariance(speeds))
        device = generator.device
        z = torch.randn(
            *shape, self.states, generator=generator, dtype=torch.float64, device=device
        )
        # In float64, where the slow processes are large and nearly equal.
        bank = z[..., : len(root)] @ root.to(device)
        return torch.cat([bank, z[..., len(self.gammas) :]], dim=-1).to(dtype)

    def table(self, h: Tensor) -> Tensor:
        check_lengths("MarkovFractionalBrownian.table", h)
        rates = torch.tensor((0.0, *self.gammas), dtype=torch.float64)
        total = rates.unsqueeze(-1) + rates
        length = h.view(-1, 1, 1)
        falls = -torch.expm1(-total * length) / total.clamp(min=1e-300)
        return self._table(h, _root(torch.where(total > 0, falls, length)))

    def single_noise_table(self, h: Tensor) -> Tensor:
        check_lengths("MarkovFractionalBrownian.single_noise_table", h)
        return self._table(h, (self._response(h) / h.sqrt().unsqueeze(-1)).unsqueeze(1))

    def step(
        self, table: Tensor, readout: Tensor, state: Tensor, z: Tensor, u: Tensor | None = None
    ) -> Increment:
        decay, change, response, root = table[0, 1:], table[1, 1:], table[2], table[3:]
        added = z @ root
        if u is not None:
            added = torch.addcmul(added, u.unsqueeze(-1), response)
        noise = added[..., 1:]
        # Not the difference of two states, which are much larger than it.
        motion = contract(torch.addcmul(noise, change, state), readout)
        after = torch.addcmul(noise, decay, state)
        return Increment(state=after, motion=motion, wiener=added[..., 0])

    def forecast(self, rates: Tensor, readout: Tensor, tau: Tensor) -> Forecast:
        omega, count = readout[..., : len(rates)], len(tau)
        fall = torch.expm1(-tau.unsqueeze(-1) * rates)
        change = fall * omega.unsqueeze(-2)
        if self.random_slope:
            drifts = tau * readout[..., -1:]
            change = torch.cat([change, drifts.unsqueeze(-1)], dim=-1)
        s, t = tau.expand(count, count), tau.unsqueeze(-1).expand(count, count)
        return Forecast(
            change=change,
            response=omega @ (1 + fall).mT,
            covariance=_AHEAD.bank_covariance(omega, rates, s, t),
        )

    def _speeds(self, like: Tensor) -> Tensor:
        return torch.tensor(self.gammas, dtype=torch.float64, device=like.device)

    def _response(self, h: Tensor) -> Tensor:
        """The integral of exp(-rate s) over each step, for W first and then the bank."""
        rates = torch.tensor(self.gammas, dtype=torch.float64)
        length = h.unsqueeze(-1)
        return torch.cat([length, -torch.expm1(-rates * length) / rates], dim=1)

    def _table(self, h: Tensor, root: Tensor) -> Tensor:
        """Rows: what is left of a state; its part in the motion; the control's; the noise's."""
        rates = torch.tensor((0.0, *self.gammas), dtype=torch.float64)
        change = torch.expm1(-rates * h.unsqueeze(-1))
        rows = torch.cat([torch.stack([1 + change, change, self._response(h)], dim=1), root], 1)
        if not self.random_slope:
            return rows
        # The slope stays as it is, and moves B by itself times the length.
        column = rows.new_zeros(*rows.shape[:2], 1)
        column[:, 0, 0], column[:, 1, 0] = 1.0, h
        return torch.cat([rows, column], dim=-1)


def _root(covariance: Tensor) -> Tensor:
    """R with R^T R the covariance, (..., M, N) with M <= N, largest modes first.

    By eigenvectors: the covariance is singular to rounding, and a Cholesky factor fails.
    """
    values, vectors = torch.linalg.eigh(covariance)
    values = torch.where(values > _RANK_TOLERANCE * values[..., -1:], values, 0.0)
    rank = int((values > 0).sum(dim=-1).max())
    root: Tensor = (vectors * values.sqrt().unsqueeze(-2)).mT.flip(-2)
    return root[..., :rank, :]
