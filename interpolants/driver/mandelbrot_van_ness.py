"""Fractional Brownian motion of type I (Mandelbrot-Van Ness), with stationary increments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.driver.representation import Representation
from interpolants.driver.special_functions import (
    factorial_ratios,
    phi2,
    poisson,
    sinhc_less_one,
    upper_gamma,
)

# Up to this argument the overlap is summed as a series of this many terms.
_SMALL, _TERMS = 2.0, 32

# From this lag on, the second difference of a power is summed as a series of this many terms.
_FAR, _FAR_TERMS = 8, 10


@final
@dataclass(frozen=True, kw_only=True)
class MandelbrotVanNess(Representation):
    """B(t) = 1/Gamma(a) int (t - s)_+^(H - 1/2) - (-s)_+^(H - 1/2) dW(s), with a = H + 1/2.

        Cov(B(s), B(t)) = V/2 (s^2H + t^2H - |t - s|^2H),    V = 1 / (Gamma(2H + 1) sin(pi H))

    The OU processes start from their stationary distribution, N(0, [1 / (gamma_i + gamma_j)]).
    """

    has_past: ClassVar[bool] = True

    def integral_variance(self, hurst: Tensor) -> Tensor:
        return torch.exp(-torch.lgamma(2 * hurst + 1)) / torch.sin(math.pi * hurst)

    def integral_covariance(self, s: Tensor, t: Tensor, hurst: Tensor) -> Tensor:
        powers = s ** (2 * hurst) + t ** (2 * hurst) - (t - s).abs() ** (2 * hurst)
        return 0.5 * self.integral_variance(hurst) * powers

    def noise_autocovariance(self, count: int, hurst: Tensor) -> Tensor:
        """Autocovariance of increments over unit times, at lags 0 to count - 1, (*H, count)."""
        lag = torch.arange(count, dtype=hurst.dtype, device=hurst.device)
        variance = self.integral_variance(hurst) * self.amplitude(hurst).square()
        return variance.unsqueeze(-1) * _second_difference(lag, 2 * hurst.unsqueeze(-1))

    def gram(self, x: Tensor) -> Tensor:
        terms = x * phi2(x)
        return (terms + terms.unsqueeze(-1)) / (x + x.unsqueeze(-1))

    def overlap(self, x: Tensor, hurst: Tensor) -> Tensor:
        low, high = x.clamp(max=_SMALL), x.clamp(min=_SMALL)
        a = hurst.unsqueeze(-1) + 0.5
        rises = factorial_ratios(hurst, _TERMS) @ (poisson(low, _TERMS).mT * low.exp())
        near = rises - 2 * low.pow(-a) * sinhc_less_one(low)
        tail = upper_gamma(high, hurst) * torch.exp(-torch.lgamma(a)) / high.square()
        end = torch.exp(-torch.lgamma(a + 1)) / high
        far = high.pow(-a) * (2 + torch.exp(-high) / high) - tail - end
        return torch.where(x < _SMALL, near, far)

    def start_covariance(self, gammas: Tensor) -> Tensor:
        return 1 / (gammas + gammas.unsqueeze(-1))

    def ou_covariance(self, omega: Tensor, gammas: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """Covariance of the approximation, (V(s) + V(t) - V(|t - s|)) / 2.

        The variogram is V(h) = 2 sum_j v_j (1 - e^(-gamma_j h)), with
        v_j = omega_j sum_i omega_i / (gamma_i + gamma_j).
        """
        share = omega * (omega @ self.start_covariance(gammas))
        times = torch.stack([s, t, (t - s).abs()])
        risen = -torch.expm1(-times.unsqueeze(-1) * gammas)
        half: Tensor = torch.tensordot(share, risen, ([-1], [-1]))
        first, second, between = half.unbind(dim=-1 - s.dim())
        return first + second - between


def _second_difference(lag: Tensor, power: Tensor) -> Tensor:
    """Half the second difference of |k|^p, without cancellation for large k.

    It is (|k + 1|^p - 2 |k|^p + |k - 1|^p) / 2.
    """
    near = lag.clamp(max=_FAR)
    differences = (near + 1) ** power - 2 * near**power + (near - 1).abs() ** power
    far = lag.clamp(min=_FAR)
    # The odd terms of the binomial series of (1 + 1/k)^p + (1 - 1/k)^p cancel.
    n = torch.arange(2 * _FAR_TERMS, dtype=lag.dtype, device=lag.device)
    binomials = torch.cumprod((power - n) / (n + 1), dim=-1)[..., 1::2]
    series = binomials @ far ** -(2 * torch.arange(_FAR_TERMS).to(lag).unsqueeze(-1) + 2)
    return torch.where(lag < _FAR, 0.5 * differences, far**power * series)
