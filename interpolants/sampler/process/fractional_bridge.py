"""Bridges of fractional noise between two ends."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from interpolants.driver.base import Driver
from interpolants.driver.covariance_roots import covariance_root
from interpolants.driver.fractional_noise import checked_driver
from interpolants.fields.fields import Fields
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import DEFAULT_CUT
from interpolants.sampler.process.memory import MemoryProcess
from interpolants.utils.checks import check


@final
class FractionalBridge(MemoryProcess):
    """X from x0 to x1 by g B, bent towards the data (arXiv 2511.01795).

    With tau = 1 - t, X(1) conditioned on the states has mean m and variance g^2 v(tau),

        m = X + g sum_k omega_k (exp(-gamma_k tau) - 1) Y_k,
        v(tau) = sum_ij omega_i omega_j (1 - exp(-(gamma_i + gamma_j) tau)) / (gamma_i + gamma_j)

    Between two ends m is a Brownian bridge of variance a = g^2 v(1) on the clock
    lambda(t) = 1 - v(tau) / v(1): for every H and all OU processes the linear interpolant with
    `BrownianBridgeGamma(a)`, whose fields, learned once, give E[x1 | m]. g is chosen to fit that
    path. X(1) is m(1); on the way X is as rough or smooth as B.

    Between nodes m moves as a bridge to E[x1 | m], and B conditioned on that. With
    Brownian motion this is the bridge on the path's own clock.

    Args:
        fields: the learned fields of that interpolant; E[x1 | x] must follow from them.
        driver: gives B, with one Hurst index; it must start with no past.
        cut: the least lambda at which fields are taken, in (0, 0.5): few follow at zero.
    """

    def __init__(self, *, fields: Fields, driver: Driver, cut: float = DEFAULT_CUT) -> None:
        path = fields.interpolant
        gamma = path.gamma
        fits = isinstance(path, LinearInterpolant) and isinstance(gamma, BrownianBridgeGamma)
        rule = "fields of LinearInterpolant with BrownianBridgeGamma"
        got = f"{type(path).__name__} with {type(gamma).__name__}"
        fix = "train with interpolant=linear, interpolant/gamma=brownian_bridge"
        check(fits, "FractionalBridge.fields", rule, got, fix)
        fields.check("target_mean")
        self._omega, self._rates, white = checked_driver("FractionalBridge.driver", driver)
        super().__init__(fields=fields, cut=cut)
        assert isinstance(gamma, BrownianBridgeGamma)
        self.driver, self.a = driver, gamma.a
        # The part of B in no state: all of Brownian motion, nothing of the OU processes.
        self._white = white - self._omega.sum()
        one = torch.ones(1, dtype=torch.float64)
        self.g = math.sqrt(self.a / float(self._left(one)))

    @property
    def states(self) -> int:
        return len(self._rates)

    @property
    def span(self) -> tuple[float, float]:
        """[0, 1]: the last step leads onto E[x1 | m]."""
        return 0.0, 1.0

    def clock(self, t: Tensor) -> Tensor:
        """lambda(t), of t's shape."""
        return 1 - self.g**2 / self.a * self._left(1 - t)

    def coefficients(self, t: Tensor) -> Tensor:
        own = super().coefficients(self.clock(t).clamp(min=self.cut))
        return torch.cat([own, self._change(1 - t)], dim=-1)

    def seen(self, c: TimeCoefficients, state: Tensor) -> tuple[TimeCoefficients, Tensor]:
        own, change = c[: len(c) - self.states], c[len(c) - self.states :]
        m = state[..., 0]
        return own, m + state[..., 1:] @ torch.stack(change) if change else m

    def steps(self, times: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        # Of (m, Y): m' - m is a bridge's step to D, and Y' its regression on m' - m and the rest.
        tau = 1 - times
        left = self.g**2 * self._left(tau)
        moved = left[:-1] - left[1:]
        pull, noise = moved / left[:-1], (moved * left[1:] / left[:-1]).clamp(min=0).sqrt()
        kept, follow, rest = self._regression(tau, moved)
        along = torch.cat([torch.ones_like(moved).unsqueeze(-1), follow], dim=1)
        matrix = torch.zeros(len(moved), 1 + self.states, 1 + self.states, dtype=torch.float64)
        matrix[:, :, 0] = -along * pull.unsqueeze(-1)
        matrix[:, 0, 0] += 1
        matrix[:, 1:, 1:] = torch.diag_embed(kept)
        root = torch.zeros_like(matrix)
        root[:, 0] = noise.unsqueeze(-1) * along
        root[:, 1:, 1:] = covariance_root(rest)
        ahead, back = self._change_matrix(tau[:-1], 1), self._change_matrix(tau[1:], -1)
        gain = (back @ (pull.unsqueeze(-1) * along).unsqueeze(-1)).squeeze(-1)
        return back @ matrix @ ahead, gain, torch.zeros_like(gain), root @ back.mT

    def _regression(self, tau: Tensor, moved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decay of each Y, (N, K), its slope on m' - m, and its covariance conditioned on that."""
        h = (tau[:-1] - tau[1:]).unsqueeze(-1)
        total = self._rates.unsqueeze(-1) + self._rates
        q = -torch.expm1(-total * h.unsqueeze(-1)) / total
        response = self.g * self._omega * torch.exp(-self._rates * tau[1:, None])
        covariance = (q @ response.unsqueeze(-1)).squeeze(-1)
        shared = covariance.unsqueeze(-1) * covariance.unsqueeze(-2) / moved.view(-1, 1, 1)
        return torch.exp(-self._rates * h), covariance / moved.unsqueeze(-1), q - shared

    def _left(self, tau: Tensor) -> Tensor:
        """v(tau), of tau's shape."""
        total = self._rates.unsqueeze(-1) + self._rates
        weights = self._omega.unsqueeze(-1) * self._omega / total
        falls = -torch.expm1(-total * tau[..., None, None])
        return (weights * falls).sum(dim=(-2, -1)) + self._white.square() * tau

    def _change(self, tau: Tensor) -> Tensor:
        """The coefficient of each Y_k in m, (*tau.shape, K)."""
        return self.g * self._omega * torch.expm1(-self._rates * tau.unsqueeze(-1))

    def _change_matrix(self, tau: Tensor, sign: int) -> Tensor:
        """From (X, Y) to (m, Y), or back with sign -1, (N, 1 + K, 1 + K)."""
        matrix = torch.eye(1 + self.states, dtype=torch.float64).repeat(len(tau), 1, 1)
        matrix[:, 0, 1:] = sign * self._change(tau)
        return matrix
