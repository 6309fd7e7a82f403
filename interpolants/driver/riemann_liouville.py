"""Fractional Brownian motion of type II (Riemann-Liouville), without noise before t=0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.driver.representation import Representation
from interpolants.driver.special_functions import factorial_ratios, phi2, poisson

# Up to this argument the overlap is a series of this many terms; beyond, exp(-x) is rounding.
_SMALL, _TERMS = 40.0, 128

# Terms of the two series of the covariance, and the ratio of times that separates them.
_SERIES, _MEET = 40, 0.1


@final
@dataclass(frozen=True, kw_only=True)
class RiemannLiouville(Representation):
    """B(t) = 1/Gamma(a) int_0^t (t - s)^(H - 1/2) dW(s), with a = H + 1/2.

        Cov(B(s), B(t)) = s^a t^(a - 1) / (a Gamma(a)^2) 2F1(1, 1/2 - H; a + 1; s/t),    s <= t

    The OU processes start at zero.
    """

    has_past: ClassVar[bool] = False

    def integral_variance(self, hurst: Tensor) -> Tensor:
        return torch.exp(-2 * torch.lgamma(hurst + 0.5)) / (2 * hurst)

    def integral_covariance(self, s: Tensor, t: Tensor, hurst: Tensor) -> Tensor:
        low, high = torch.minimum(s, t), torch.maximum(s, t)
        # At t = 0 the covariance is zero, and s/t any number.
        high = high.clamp(min=torch.finfo(s.dtype).tiny)
        ratio = low / high
        value = torch.where(
            ratio < _MEET,
            _early(low, high, ratio.clamp(max=_MEET), hurst),
            _close(low, high, ratio.clamp(min=_MEET), hurst),
        )
        return value * torch.exp(-2 * torch.lgamma(hurst + 0.5))

    def gram(self, x: Tensor) -> Tensor:
        return phi2(x + x.unsqueeze(-1))

    def overlap(self, x: Tensor, hurst: Tensor) -> Tensor:
        low, high = x.clamp(max=_SMALL), x.clamp(min=_SMALL)
        n = torch.arange(1, _TERMS + 1, dtype=x.dtype, device=x.device)
        near = (n * factorial_ratios(hurst, _TERMS)) @ poisson(low, _TERMS).mT
        a = hurst.unsqueeze(-1) + 0.5
        return torch.where(x < _SMALL, near, high**-a * (1 - a / high))

    def start_covariance(self, gammas: Tensor) -> Tensor:
        return gammas.new_zeros(len(gammas), len(gammas))

    def ou_covariance(self, omega: Tensor, gammas: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """Covariance of the approximation, for s <= t

        sum_ij omega_i omega_j (e^(-gamma_j (t - s)) - e^(-gamma_i s - gamma_j t)) /
        (gamma_i + gamma_j).
        """
        weights = omega.view(*omega.shape[:-1], *(1,) * s.dim(), -1)
        resolvent = 1 / (gammas + gammas.unsqueeze(-1))
        fallen = torch.expm1(-torch.minimum(s, t).unsqueeze(-1) * gammas)
        kept = torch.exp(-(t - s).abs().unsqueeze(-1) * gammas)
        # 1 - e_i e_j = -(f_i (1 + f_j) + f_j) with f = e - 1, which stays accurate near s = 0.
        sums = (1 + fallen) * ((weights * fallen) @ resolvent) + fallen * (weights @ resolvent)
        return -(weights * kept * sums).sum(dim=-1)


def _early(low: Tensor, high: Tensor, ratio: Tensor, hurst: Tensor) -> Tensor:
    """Covariance times Gamma(a)^2 by the series of 2F1 in s/t."""
    n = torch.arange(_SERIES // 2, dtype=low.dtype, device=low.device)
    a = hurst.unsqueeze(-1) + 0.5
    factors = (1 - a + n) / (a + 1 + n) * ratio.unsqueeze(-1)
    series = 1 + torch.cumprod(factors, dim=-1).sum(dim=-1)
    return low ** (hurst + 0.5) * high ** (hurst - 0.5) / (hurst + 0.5) * series


def _close(low: Tensor, high: Tensor, ratio: Tensor, hurst: Tensor) -> Tensor:
    """Covariance times Gamma(a)^2 by a series that converges for close s and t.

    With cosh(p) = (t + s) / (t - s) it is ((t - s) / 2)^2H int_0^p sinh(y)^2H dy, and the integral
    is expanded in q = exp(-2p), which is zero at s = t.
    """
    n = torch.arange(_SERIES, dtype=low.dtype, device=low.device)
    root = ratio.sqrt()
    q = ((1 - root) / (1 + root)).square().unsqueeze(-1)
    h = hurst.unsqueeze(-1)
    terms = torch.cumprod((n - 2 * h) / (n + 1) * q, dim=-1) / (n + 1 - h)
    sums = 1 / hurst - terms.sum(dim=-1)
    lgamma = torch.lgamma
    beta = torch.exp(lgamma(1 - hurst) + lgamma(1 + 2 * hurst) - lgamma(1 + hurst)) / hurst
    outer = (low.sqrt() + high.sqrt()) ** (4 * hurst) * sums
    return torch.exp(-math.log(2) * (4 * hurst + 1)) * (outer - (high - low) ** (2 * hurst) * beta)
