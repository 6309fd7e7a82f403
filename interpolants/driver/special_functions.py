"""Special functions of speeds and the Hurst index, in differentiable torch operations.

The incomplete gamma functions of torch have no derivative in their first argument, which depends
on the Hurst index. Here their series and integrals are summed, with a fixed number of terms in
parallel.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

# Below this argument, quotients with cancellation are summed as series.
_SMALL = 0.05


def phi2(z: Tensor) -> Tensor:
    """The function (exp(-z) - 1 + z) / z^2 for z >= 0, without cancellation."""
    large, small = z.clamp(min=_SMALL), z.clamp(max=_SMALL)
    n = torch.arange(9, dtype=z.dtype, device=z.device)
    series = ((-small.unsqueeze(-1)) ** n / torch.exp(torch.lgamma(n + 3))).sum(dim=-1)
    return torch.where(z < _SMALL, series, (torch.expm1(-large) + large) / large.square())


def phi1(z: Tensor) -> Tensor:
    """The function (1 - exp(-z)) / z for z >= 0, without cancellation in it or its derivative."""
    large, small = z.clamp(min=_SMALL), z.clamp(max=_SMALL)
    return torch.where(z < _SMALL, 1 - small * phi2(small), -torch.expm1(-large) / large)


def sinhc_less_one(x: Tensor) -> Tensor:
    """The function sinh(x) / x - 1 for 0 <= x <= 3, without cancellation."""
    n = torch.arange(1, 14, dtype=x.dtype, device=x.device)
    return (x.unsqueeze(-1) ** (2 * n) / torch.exp(torch.lgamma(2 * n + 2))).sum(dim=-1)


def poisson(x: Tensor, terms: int) -> Tensor:
    """Poisson probabilities exp(-x) x^n / n! for n = 0 .. terms - 1, (*x, terms); x > 0."""
    n = torch.arange(terms, dtype=x.dtype, device=x.device)
    x = x.unsqueeze(-1)
    return torch.exp(n * x.log() - torch.lgamma(n + 1) - x)


def factorial_ratios(hurst: Tensor, terms: int) -> Tensor:
    """Ratios n! / Gamma(n + H + 5/2) for n = 0 .. terms - 1, (*H, terms)."""
    n = torch.arange(terms, dtype=hurst.dtype, device=hurst.device)
    return torch.exp(torch.lgamma(n + 1) - torch.lgamma(n + hurst.unsqueeze(-1) + 2.5))


def upper_gamma(x: Tensor, hurst: Tensor) -> Tensor:
    """Scaled upper incomplete gamma function exp(x) x^(1 - a) Gamma(a, x), a = H + 1/2, x >= 2.

    It is the integral of exp(-u) (1 + u/x)^(a - 1), computed by Gauss-Laguerre quadrature.

    Args:
        x: (K,).
        hurst: (*H).

    Returns:
        Shape (*H, K).
    """
    nodes, weights = (rule.to(x) for rule in _laguerre(_LAGUERRE_NODES))
    growth = torch.log1p(nodes / x.unsqueeze(-1))
    return torch.exp((hurst[..., None, None] - 0.5) * growth) @ weights


# With these the error at x = 2 is 1e-14.
_LAGUERRE_NODES = 48


@cache
def _laguerre(count: int) -> tuple[Tensor, Tensor]:
    """Gauss-Laguerre nodes and weights, from the eigenvalues of the recurrence (Golub, Welsch)."""
    # Tensors made in inference mode could not take part in a graph later.
    with torch.inference_mode(False):
        n = torch.arange(count, dtype=torch.float64)
        off = torch.diag(n[1:], 1)
        nodes, vectors = torch.linalg.eigh(torch.diag(2 * n + 1) + off + off.mT)
        return nodes, vectors[0].square()
