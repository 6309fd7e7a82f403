"""Closed-form control of a linear equation conditioned on noisy observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor

from interpolants.driver.base import Driver, Forecast, contract
from interpolants.neural_sde.guide import Guide, NoiseDistribution, mask_patterns
from interpolants.sampler.plan import Carry
from interpolants.utils.checks import check, check_not_negative, check_positive


class Gains(NamedTuple):
    """Coefficients of the control u = aim - pull . (X, Y) at N times.

    Attributes:
        aim: (N, B, *event), or what broadcasts to it.
        pull: (N, 1 + S); with parameters of each coordinate (N, D, 1 + S); with
            a mask of each sample (N, B, 1, ..., 1 + S) with 1 or D in the event's last axis.
    """

    aim: Tensor
    pull: Tensor


@final
class LinearControl(Guide):
    """u, the gradient of log p(o | X, Y) along dW, for a linear equation observed through noise:

        dX = decay (level - X) dt + scale dB,    o_j = X(t_j) + N(0, std^2)

    With mu_j and C the mean and covariance of the X(t_j) that lie ahead, given X and Y now, and
    c_j what dW adds to X(t_j),

        u = c^T (C + std^2)^-1 (o - mu)

    which for one observation ahead, OU processes and no decay is sum_k omega_k exp(-gamma_k tau)
    (o - mu) / (v + std^2) (arXiv 2505.17150). It conditions the equation
    on the observations; with another drift it initialises learning. Differentiable in all numbers
    that it takes, but for the times, and in the Hurst index.

    A drift cannot take back the noise of the last step before an observation: steps have to
    shrink towards it, until omega_bar^2 h is below std^2; see `PowerGrid`. `LinearGuide`
    needs no such steps.

    One system of m equations is solved for each time, times the coordinates if they have numbers
    of their own, times the patterns of what is missing.

    Args:
        driver: gives B.
        observations: o, broadcastable to (B, *event, m).
        times: t_j of the observations, ascending, (m,).
        std: standard deviation of the noise, > 0; a number or a 0-d tensor.
        scale: sigma of the equation, where it is a constant; a number, or a tensor () or (D,) for
            the last axis of the event.
        decay: rate >= 0, likewise; 0 for B alone.
        level: where X is drawn to, likewise.
        mask: which observations exist, bool, (m,) or (B, m); None for all. What is in the place
            of the others has to be finite.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        observations: Tensor,
        times: Sequence[float],
        std: float | Tensor,
        scale: float | Tensor = 1.0,
        decay: float | Tensor = 0.0,
        level: float | Tensor = 0.0,
        mask: Tensor | None = None,
    ) -> None:
        rising = len(times) > 0 and list(times) == sorted({*times})
        check(rising, "LinearControl.times", "ascending numbers", times)
        fits = observations.shape[-1] == len(times)
        rule = f"shape (B, *event, {len(times)}), one for each time"
        check(fits, "LinearControl.observations", rule, tuple(observations.shape))
        if not isinstance(std, Tensor):
            check_positive("LinearControl.std", std)
        if not isinstance(decay, Tensor):
            check_not_negative("LinearControl.decay", decay)
        if mask is not None:
            one, each = (len(times),), (*observations.shape[:-1][:1], len(times))
            fits = mask.dtype == torch.bool and mask.shape in (one, each)
            rule = f"bool, {one} or, with observations of each sample, {each}"
            check(fits, "LinearControl.mask", rule, (mask.dtype, tuple(mask.shape)))
        self.driver, self.observations, self.times = driver, observations, tuple(times)
        self.std, self.scale, self.decay, self.level = std, scale, decay, level
        self.mask = mask

    def tables(self, nodes: Tensor) -> Carry:
        return self.gains(nodes[:-1])

    def representation(self, tables: Carry, state: Tensor, kick: Tensor) -> NoiseDistribution:
        aim, pull = tables
        return NoiseDistribution(mean=self.control(aim, pull, state).unsqueeze(-1) * kick)

    def gains(self, t: Tensor) -> Gains:
        """Gains at times t, (N,) float64; float64, on the driver's device."""
        readout = self.driver.readout()
        rates = self.driver.rates().to(readout)
        tau = readout.new_tensor(self.times) - t.to(readout).unsqueeze(-1)
        numbers = [_like(v, readout) for v in (self.scale, self.decay, self.level)]
        # All have an axis for coordinates, or none.
        shape = sum(numbers, readout.sum(dim=-1)).shape
        scale, decay, level = (number.expand(shape) for number in numbers)
        ahead = self.driver.forecast(rates, readout, tau, decay)
        ahead = Forecast(
            change=scale[..., None, None] * ahead.change,
            response=scale.unsqueeze(-1) * ahead.response,
            covariance=scale[..., None, None].square() * ahead.covariance,
        )
        # From here on the patterns of what is missing have an axis after the times.
        patterns, which = mask_patterns(None if self.mask is None else self.mask.to(tau.device))
        own = self._weights(tau, ahead, patterns)
        kept = torch.exp(-decay.unsqueeze(-1) * _before(tau.clamp(min=0), decay)).unsqueeze(1)
        kick = (own.unsqueeze(-2) @ ahead.change.unsqueeze(1)).squeeze(-2)
        pull = torch.cat([(own * kept).sum(dim=-1, keepdim=True), kick], dim=-1)
        lift = (own * (1 - kept)).sum(dim=-1, keepdim=True)
        if which is None:
            parts = own.squeeze(1), lift.squeeze(1), pull.squeeze(1)
        else:
            parts = own[:, which], lift[:, which], pull[:, which]
        return self._placed(*parts, level, each_sample=which is not None)

    def control(self, aim: Tensor, pull: Tensor, state: Tensor) -> Tensor:
        """u, (B, *event), with the gains of one time; zero when all observations lie behind.

        Args:
            aim, pull: of `gains`.
            state: X and the driver's states, (B, *event, 1 + S).
        """
        return aim - contract(state, pull)

    def _weights(self, tau: Tensor, ahead: Forecast, patterns: Tensor | None) -> Tensor:
        """(C + std^2)^-1 c of what is ahead and exists, (N, P, m) or (N, P, D, m)."""
        present = (tau > 0).unsqueeze(1)
        response, covariance = ahead.response.unsqueeze(1), ahead.covariance.unsqueeze(1)
        if patterns is not None:
            present = present & patterns
        if response.dim() > present.dim():
            present = present.unsqueeze(-2)
        if patterns is not None:
            covariance = covariance * (present.unsqueeze(-1) & present.unsqueeze(-2))
        # What lies behind has no covariance with anything.
        noise = _like(self.std, tau).square()
        matrix = covariance + noise * torch.eye(tau.shape[-1]).to(tau)
        return _solve(matrix, response * present)

    def _placed(
        self, own: Tensor, lift: Tensor, pull: Tensor, level: Tensor, *, each_sample: bool
    ) -> Gains:
        """Gains from weights of (N,), then (B,) if each sample has its own, then (D,) or ()."""
        # The level is one more observation, with a weight of its own.
        seen = self.observations.to(own)
        shape = (seen[..., 0] + level).shape
        seen = seen.expand(*shape, -1)
        seen = torch.cat([seen, level.expand(shape).unsqueeze(-1)], dim=-1)
        weights = torch.cat([own, -lift], dim=-1)
        b, d = "b" * each_sample, "d" * level.dim()
        aim = torch.einsum(f"{b}...{d}m,n{b}{d}m->n{b}...{d}", seen, weights)
        if each_sample:
            between = (1,) * (len(shape) - 1 - level.dim())
            pull = pull.view(*pull.shape[:2], *between, *pull.shape[2:])
        return Gains(aim=aim, pull=pull)


def _like(value: float | Tensor, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def _before(values: Tensor, like: Tensor) -> Tensor:
    """The values with an axis for coordinates before the last, if `like` has one."""
    return values.unsqueeze(-2) if like.dim() else values


def _solve(matrix: Tensor, right: Tensor) -> Tensor:
    """matrix^-1 right of (..., m, m) and (..., m), without reading the outcome on the host."""
    if right.shape[-1] == 1:
        return right / matrix[..., 0]
    solution: Tensor = torch.linalg.solve_ex(matrix, right.unsqueeze(-1))[0]
    return solution.squeeze(-1)
