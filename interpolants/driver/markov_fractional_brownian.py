"""Fractional Brownian motion as a weighted sum of Ornstein-Uhlenbeck processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.driver.base import Driver, Forecast, Increment, check_lengths, contract
from interpolants.driver.covariance_roots import covariance_root
from interpolants.driver.forecast import ou_forecast
from interpolants.driver.hurst import Hurst, as_hurst
from interpolants.driver.representation import Representation
from interpolants.driver.speeds import Speeds, speeds_of, warn_of_speeds
from interpolants.driver.weights import RIDGE, optimal_weights, relative_error
from interpolants.utils.checks import check, check_not_negative, check_positive


@final
class MarkovFractionalBrownian(Driver):
    """Bhat = sum_k omega_k (Y_k - Y_k(0)) + xi t with dY_k = -gamma_k Y_k dt + dW.

    One W drives all the processes of a coordinate. omega minimises the mean square error over
    [0, T], and steps are exact at any length (arXiv 2310.12975). With a control u,
    Y <- exp(-gamma h) Y + (1 - exp(-gamma h)) / gamma u + noise.

    At times shorter than 1 / gamma_max, Bhat behaves like omega_bar times Brownian motion.

    Args:
        hurst: the index, or one for each coordinate, or a module that learns it.
        representation: type of fractional Brownian motion.
        gammas: speeds, ascending, > 0; or a rule for them.
        step: spacing of the data, which a rule for speeds needs. If set, there is a warning for a
            learned index that the speeds cannot resolve.
        horizon: T, the length over which the weights are optimal.
        random_slope: add xi t with xi ~ N(0, s^2), s such that Var Bhat(T) is exact: it replaces
            the slowest processes, without which type I loses variance for H > 1/2.
        ridge: relative regularisation of the weights.

    Raises:
        ValueError: if an argument is out of range, or for a slope with a process of type II.
    """

    def __init__(
        self,
        *,
        hurst: Hurst | float | Sequence[float],
        representation: Representation,
        gammas: Sequence[float] | Speeds,
        step: float | None = None,
        horizon: float = 1.0,
        random_slope: bool = False,
        ridge: float = RIDGE,
    ) -> None:
        super().__init__()
        name = "MarkovFractionalBrownian"
        check_positive(f"{name}.horizon", horizon)
        if step is not None:
            check_positive(f"{name}.step", step)
        self.gammas = speeds_of(name, gammas, step, horizon)
        check_not_negative(f"{name}.ridge", ridge)
        fits = representation.has_past or not random_slope
        check(fits, f"{name}.random_slope", "false without a past (type II)", random_slope)
        self.hurst = as_hurst(hurst)
        self.representation, self.horizon, self.ridge = representation, horizon, ridge
        self.random_slope = random_slope
        self.states = len(self.gammas) + random_slope
        if step is not None and self.hurst.learnable:
            warn_of_speeds(self.gammas, step=step, horizon=horizon)

    def omega(self) -> Tensor:
        """Weights of the OU processes, float64, (K,) or (D, K)."""
        hurst = self.hurst()
        speeds = self._speeds(hurst)
        return optimal_weights(self.representation, hurst, speeds, self.horizon, ridge=self.ridge)

    def slope(self) -> Tensor:
        """Standard deviation s of the random slope, float64, () or (D,)."""
        hurst = self.hurst()
        if not self.random_slope:
            return torch.zeros_like(hurst)
        end = torch.tensor(self.horizon, dtype=hurst.dtype, device=hurst.device)
        variance = self.representation.ou_covariance(self.omega(), self._speeds(hurst), end, end)
        missing = self.representation.covariance(end, end, hurst) - variance
        # The square root has no derivative at zero.
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
        """Relative mean square error of the approximation without slope, () or (D,).

        It is int_0^T E (B - Bhat)^2 dt over int_0^T E B^2 dt, with B and Bhat on the same W.
        """
        hurst = self.hurst()
        return relative_error(
            self.representation, hurst, self._speeds(hurst), self.horizon, self.omega()
        )

    def covariance(self, s: Tensor, t: Tensor) -> Tensor:
        omega = self.omega()
        s, t = s.to(omega), t.to(omega)
        processes = self.representation.ou_covariance(omega, self._speeds(omega), s, t)
        variance = self.slope().square()
        return processes + variance.view((*variance.shape, *(1,) * s.dim())) * s * t

    def start_from(self, normals: Tensor) -> Tensor:
        count = len(self.gammas)
        root = covariance_root(
            self.representation.start_covariance(torch.tensor(self.gammas, dtype=torch.float64))
        )
        # In float64, where the slow processes are large and nearly equal.
        states = (normals[..., :count].double() @ root.to(normals.device)).to(normals.dtype)
        return torch.cat([states, normals[..., count:]], dim=-1)

    def start(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        self.hurst.check_shape("MarkovFractionalBrownian.start", shape)
        return super().start(shape, generator, dtype=dtype)

    def table(self, h: Tensor) -> Tensor:
        check_lengths("MarkovFractionalBrownian.table", h)
        rates = torch.tensor((0.0, *self.gammas), dtype=torch.float64)
        total = rates.unsqueeze(-1) + rates
        length = h.view(-1, 1, 1)
        falls = -torch.expm1(-total * length) / total.clamp(min=1e-300)
        root = covariance_root(torch.where(total > 0, falls, length))
        rank = int((root != 0).any(dim=-1).sum(dim=-1).max())
        return self._table(h, root[..., :rank, :])

    def single_noise_table(self, h: Tensor) -> Tensor:
        check_lengths("MarkovFractionalBrownian.single_noise_table", h)
        return self._table(h, (self._response(h) / h.sqrt().unsqueeze(-1)).unsqueeze(1))

    def step(self, table: Tensor, readout: Tensor, state: Tensor, z: Tensor) -> Increment:
        decay, change, noise = table[0, 1:], table[1, 1:], z @ table[3:, 1:]
        # Not as a difference of two states, which are much larger than their difference.
        increment = contract(torch.addcmul(noise, change, state), readout)
        after = torch.addcmul(noise, decay, state)
        return Increment(state=after, noise=increment)

    def forecast(self, rates: Tensor, readout: Tensor, tau: Tensor, decay: Tensor) -> Forecast:
        slope = readout[..., -1] if self.random_slope else None
        return ou_forecast(readout[..., : len(rates)], slope, rates, tau, decay)

    def _speeds(self, like: Tensor) -> Tensor:
        return torch.tensor(self.gammas, dtype=torch.float64, device=like.device)

    def _response(self, h: Tensor) -> Tensor:
        """Integral of exp(-rate s) over each step, for W first and then the OU processes."""
        rates = torch.tensor(self.gammas, dtype=torch.float64)
        length = h.unsqueeze(-1)
        return torch.cat([length, -torch.expm1(-rates * length) / rates], dim=1)

    def _table(self, h: Tensor, root: Tensor) -> Tensor:
        """Table with rows for the decay of a state, its change, the length and the noise."""
        rates = torch.tensor((0.0, *self.gammas), dtype=torch.float64)
        change = torch.expm1(-rates * h.unsqueeze(-1))
        length = h.unsqueeze(-1).expand_as(change)
        rows = torch.cat([torch.stack([1 + change, change, length], dim=1), root], dim=1)
        if not self.random_slope:
            return rows
        # The slope is constant, and adds itself times the length to B.
        column = rows.new_zeros(*rows.shape[:2], 1)
        column[:, 0, 0], column[:, 1, 0] = 1.0, h
        return torch.cat([rows, column], dim=-1)
