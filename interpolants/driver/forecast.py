"""Conditional moments of a mean-reverting process driven by Brownian or OU processes.

With dX = -decay X dt + dB, the response of X(t) to an impulse of W is a sum of exponentials whose
coefficients contain quotients of differences, like (exp(-b t) - exp(-a t)) / (a - b). They are
computed here as integrals, which are regular at equal rates and at a rate of zero: all results are
accurate and differentiable in every rate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.driver.base import Forecast
from interpolants.driver.special_functions import phi1


def rise(rate: Tensor, t: Tensor) -> Tensor:
    """Integral of exp(-rate s) over [0, t], (1 - exp(-rate t)) / rate; rate, t >= 0."""
    return t * phi1(rate * t)


def convolved_decays(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Integral of exp(-a (t - s) - b s) over [0, t], (exp(-b t) - exp(-a t)) / (a - b)."""
    return torch.exp(-torch.minimum(a, b) * t) * rise((a - b).abs(), t)


def white_forecast(tau: Tensor, decay: Tensor) -> Forecast:
    """Forecast of dX = -decay X dt + dW; arguments as of `Driver.forecast`."""
    t, theta = _ahead(tau, decay.dim()), decay.unsqueeze(-1)
    response = torch.exp(-theta * t)
    variance = rise(2 * theta, t)
    upper = torch.exp(-theta.unsqueeze(-1) * _gaps(tau)) * variance.unsqueeze(-1)
    change = response.new_zeros(*response.shape, 0)
    return Forecast(change=change, response=response, covariance=_symmetric(upper))


def ou_forecast(
    omega: Tensor, slope: Tensor | None, rates: Tensor, tau: Tensor, decay: Tensor
) -> Forecast:
    """Forecast of a mean-reverting process driven by a weighted sum of OU processes.

    The equation is dX = -decay X dt + sum_k omega_k dY_k + slope xi dt with
    dY_k = -gamma_k Y_k dt + dW. With D_k = `convolved_decays(decay, gamma_k, t)`, an impulse of W
    changes X by

        r(t) = sum_k omega_k (exp(-gamma_k t) - decay D_k(t)),

    and, given the states now, X(t) has the covariance G_l = int r(s) exp(-gamma_l s) ds with
    Y_l(t) and the variance V = int r^2 ds. By parts, with J_kl = int D_k exp(-gamma_l s) ds =
    (rise(decay + gamma_l, t) - exp(-gamma_l t) D_k) / (gamma_k + gamma_l),

        G_l = omega_bar rise(decay + gamma_l, t) - sum_k omega_k gamma_k J_kl
        2 V = sum_k omega_k (G_k + r D_k + sum_l omega_l gamma_l J_kl).

    Args:
        omega: weights, (K,) or (D, K).
        slope: standard deviation of the slope, () or (D,); None for no slope.
        rates: gamma, > 0, (K,).
        tau, decay: as of `Driver.forecast`.
    """
    t = _ahead(tau, max(omega.dim() - 1, decay.dim()))
    theta, time, weights = decay[..., None, None], t.unsqueeze(-1), omega.unsqueeze(-2)
    fall = torch.exp(-rates * time)
    convolved = weights * convolved_decays(theta, rates, time)
    response = (weights * fall - theta * convolved).sum(dim=-1)
    change = -rates * convolved
    if slope is not None:
        drifts = slope.unsqueeze(-1) * rise(decay.unsqueeze(-1), t)
        change = torch.cat([change, drifts.unsqueeze(-1)], dim=-1)

    resolvent = 1 / (rates + rates.unsqueeze(-1))
    risen = rates * (weights @ resolvent) * rise(rates + theta, time)
    shared = risen + fall * ((rates * convolved) @ resolvent)
    twice = weights * (shared + risen - rates * fall * (convolved @ resolvent))
    variance = 0.5 * (response * convolved.sum(dim=-1) + twice.sum(dim=-1))
    # From the earlier time on X decays, and the OU states of that time drive it.
    gaps = _gaps(tau)
    driven = convolved_decays(theta.unsqueeze(-1), rates, gaps.unsqueeze(-1))
    later = weights.unsqueeze(-2) * rates * driven
    upper = torch.exp(-theta * gaps) * variance.unsqueeze(-1)
    upper = upper - torch.einsum("...ik,...ijk->...ij", shared, later)
    return Forecast(change=change, response=response, covariance=_symmetric(upper))


def _ahead(tau: Tensor, axes: int) -> Tensor:
    """Times, clamped to >= 0, with an axis for coordinates before the last if `axes` > 0."""
    t = tau.clamp(min=0)
    return t.unsqueeze(-2) if axes else t


def _gaps(tau: Tensor) -> Tensor:
    """Distances between the m times, (m, m), which are equal in all rows of (N, m)."""
    row = tau if tau.dim() == 1 else tau[0]
    return (row.unsqueeze(-1) - row).abs()


def _symmetric(upper: Tensor) -> Tensor:
    """Symmetric matrix with this upper triangle."""
    return upper.triu() + upper.triu(1).mT
