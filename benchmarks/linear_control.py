"""Optimal control of a linear equation, given noisy observations of its future."""

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
        aim: broadcastable to (N, B, *event).
        pull: (N, 1 + S); if coordinates differ, (N, D, 1 + S); with a mask for each sample,
            (N, B, 1, ..., 1 + S) with 1 or D in the event's last axis.
    """

    aim: Tensor
    pull: Tensor


@final
class LinearControl(Guide):
    """Control u, the gradient of log p(o | X, Y) along dW, for a linear equation with noisy data:

        dX = decay (level - X) dt + scale dB,    o_j = X(t_j) + N(0, std^2)

    With mu_j and C the mean and covariance of the future X(t_j), given X and Y now, and c_j the
    response of X(t_j) to dW,

        u = c^T (C + std^2)^-1 (o - mu)

    which for one future observation, OU processes and no decay is sum_k omega_k exp(-gamma_k tau)
    (o - mu) / (v + std^2) (arXiv 2505.17150). With it, X is the equation conditioned on the
    observations; with another drift it is an initialisation for learning. It is differentiable in
    all arguments except the times, and in the Hurst index.

    A drift cannot compensate the noise of the last step before an observation: steps have to
    shrink towards it, until omega_bar^2 h is below std^2; see `PowerGrid`. `LinearGuide` does not
    need such steps.

    One system of m equations is solved for each time, for each coordinate if they differ, and for
    each pattern of missing observations.

    Args:
        driver: the driver of B.
        observations: o, broadcastable to (B, *event, m).
        times: t_j of the observations, ascending, (m,).
        std: standard deviation of the noise, > 0; a number or a 0-d tensor.
        scale: constant sigma of the equation; a number, or a tensor () or (D,) for the last axis
            of the event.
        decay: rate >= 0, likewise; 0 for scale B.
        level: level of the mean reversion, likewise.
        mask: True at existing observations, bool, (m,) or (B, m); None if all exist. Values at the
            others must be finite.

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

    def distribution(self, tables: Carry, state: Tensor, kick: Tensor) -> NoiseDistribution:
        aim, pull = tables
        return NoiseDistribution(mean=self.control(aim, pull, state).unsqueeze(-1) * kick)

    def gains(self, t: Tensor) -> Gains:
        """Coefficients of `control` at times t, (N,) float64; float64, on the driver's device."""
        readout = self.driver.readout()
        rates = self.driver.rates().to(readout)
        tau = readout.new_tensor(self.times) - t.to(readout).unsqueeze(-1)
        numbers = [_like(v, readout) for v in (self.scale, self.decay, self.level)]
        # All have an axis of coordinates, or none.
        shape = sum(numbers, readout.sum(dim=-1)).shape
        scale, decay, level = (number.expand(shape) for number in numbers)
        ahead = self.driver.forecast(rates, readout, tau, decay)
        ahead = Forecast(
            change=scale[..., None, None] * ahead.change,
            response=scale.unsqueeze(-1) * ahead.response,
            covariance=scale[..., None, None].square() * ahead.covariance,
        )
        # From here on there is an axis of patterns of missing observations after the times.
        patterns, which = mask_patterns(None if self.mask is None else self.mask.to(tau.device))
        weights = self._weights(tau, ahead, patterns)
        kept = torch.exp(-decay.unsqueeze(-1) * _before(tau.clamp(min=0), decay)).unsqueeze(1)
        kick = (weights.unsqueeze(-2) @ ahead.change.unsqueeze(1)).squeeze(-2)
        pull = torch.cat([(weights * kept).sum(dim=-1, keepdim=True), kick], dim=-1)
        lift = (weights * (1 - kept)).sum(dim=-1, keepdim=True)
        if which is None:
            parts = weights.squeeze(1), lift.squeeze(1), pull.squeeze(1)
        else:
            parts = weights[:, which], lift[:, which], pull[:, which]
        return self._gains(*parts, level, each_sample=which is not None)

    def control(self, aim: Tensor, pull: Tensor, state: Tensor) -> Tensor:
        """Return u, (B, *event), with the gains of one time; zero after the last observation.

        Args:
            aim, pull: one time of `gains`.
            state: X and the driver's states, (B, *event, 1 + S).
        """
        return aim - contract(state, pull)

    def _weights(self, tau: Tensor, ahead: Forecast, patterns: Tensor | None) -> Tensor:
        """Weights (C + std^2)^-1 c of existing future observations, (N, P, m) or (N, P, D, m)."""
        present = (tau > 0).unsqueeze(1)
        response, covariance = ahead.response.unsqueeze(1), ahead.covariance.unsqueeze(1)
        if patterns is not None:
            present = present & patterns
        if response.dim() > present.dim():
            present = present.unsqueeze(-2)
        if patterns is not None:
            covariance = covariance * (present.unsqueeze(-1) & present.unsqueeze(-2))
        # Past values have no covariance with anything.
        noise = _like(self.std, tau).square()
        matrix = covariance + noise * torch.eye(tau.shape[-1]).to(tau)
        return _solve(matrix, response * present)

    def _gains(
        self, weights: Tensor, lift: Tensor, pull: Tensor, level: Tensor, *, each_sample: bool
    ) -> Gains:
        """Gains from weights of shape (N,), then (B,) if samples differ, then (D,) or ()."""
        # The level is one more observation.
        seen = self.observations.to(weights)
        shape = (seen[..., 0] + level).shape
        seen = seen.expand(*shape, -1)
        seen = torch.cat([seen, level.expand(shape).unsqueeze(-1)], dim=-1)
        weights = torch.cat([weights, -lift], dim=-1)
        b, d = "b" * each_sample, "d" * level.dim()
        aim = torch.einsum(f"{b}...{d}m,n{b}{d}m->n{b}...{d}", seen, weights)
        if each_sample:
            between = (1,) * (len(shape) - 1 - level.dim())
            pull = pull.view(*pull.shape[:2], *between, *pull.shape[2:])
        return Gains(aim=aim, pull=pull)


def _like(value: float | Tensor, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def _before(values: Tensor, like: Tensor) -> Tensor:
    """Insert an axis of coordinates before the last, if `like` has one."""
    return values.unsqueeze(-2) if like.dim() else values


def _solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve systems (..., m, m) with (..., m), without a check that would synchronise the host."""
    if right.shape[-1] == 1:
        return right / matrix[..., 0]
    solution: Tensor = torch.linalg.solve_ex(matrix, right.unsqueeze(-1))[0]
    return solution.squeeze(-1)
