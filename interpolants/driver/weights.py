"""Optimal weights of Ornstein-Uhlenbeck processes that approximate fractional Brownian motion.

They minimise int_0^T E (B - Bhat)^2 dt over omega (Daems et al., arXiv 2310.12975). B is
self-similar, so one problem in units of T serves every horizon: omega = T^(H - 1/2) w, A w = b.
"""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.driver.representation import Representation

RIDGE = 1e-10
"""Relative ridge on the diagonal of A, without which rounding dominates for many speeds."""


def optimal_weights(
    representation: Representation,
    hurst: Tensor,
    gammas: Tensor,
    horizon: float,
    *,
    ridge: float = RIDGE,
) -> Tensor:
    """Optimal omega in closed form, differentiable in the Hurst index.

    Args:
        representation: type of fractional Brownian motion.
        hurst: float64, (*H).
        gammas: speeds > 0, float64, (K,).
        horizon: T, the length over which the error is integrated.
        ridge: relative to the diagonal of A, >= 0.

    Returns:
        float64, (*H, K).
    """
    x = gammas * horizon
    gram = representation.gram(x)
    scale = gram.diagonal().rsqrt()
    eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
    factor = torch.linalg.cholesky(scale * gram * scale.unsqueeze(-1) + ridge * eye)
    b = (scale * representation.overlap(x, hurst)).unsqueeze(-1)
    w = scale * torch.cholesky_solve(b, factor).squeeze(-1)
    return (horizon ** (hurst - 0.5) * representation.amplitude(hurst)).unsqueeze(-1) * w


def relative_error(
    representation: Representation, hurst: Tensor, gammas: Tensor, horizon: float, omega: Tensor
) -> Tensor:
    """Relative mean square error for any omega, (*H).

    It is int_0^T E (B - Bhat)^2 dt over int_0^T E B^2 dt.
    """
    x = gammas * horizon
    w = omega / (horizon ** (hurst - 0.5) * representation.amplitude(hurst)).unsqueeze(-1)
    quadratic = (w @ representation.gram(x) * w).sum(dim=-1) - 2 * (
        w * representation.overlap(x, hurst)
    ).sum(dim=-1)
    return quadratic / representation.energy(hurst) + 1
