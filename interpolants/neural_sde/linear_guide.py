"""Conditional distributions of a linear equation's start and noise, given observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor

from interpolants.driver.base import Driver
from interpolants.driver.special_functions import phi1
from interpolants.neural_sde.guide import Guide, NoiseDistribution, mask_patterns
from interpolants.neural_sde.start.base import Whitened
from interpolants.sampler.plan import Carry


class _Distribution(NamedTuple):
    """Distribution N(gain r, root root^T) of normals given a residual r."""

    gain: Tensor
    root: Tensor


@final
class LinearGuide(Guide):
    """Posterior of X' = rate (level - X) + scale dB/dt given observations, in closed form.

    The equation is linear, so the standard normals z of the start or of one step are Gaussian
    given o_j = X(t_j) + std e_j: with H the response of the X(t_j) to them, and S the covariance
    of later noise and of the observation errors,

        z given o ~ N(P^-1 H^T S^-1 r, P^-1),    P = I + H^T S^-1 H

    where r is o minus its mean before the step. A control is a drift that moves only the mean, so
    that the noise of the last step before an observation remains; the distribution of the normals
    is exact for any length of steps. It is differentiable in all arguments.

    Args:
        driver: the driver of B.
        observations: o, (B, D, m).
        times: t_j, ascending, (m,).
        mask: True at existing observations, bool, (B, m); None if all exist.
        std: standard deviation of the observation errors, 0-d.
        scale, rate, level: coefficients of the equation, (D,) each.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        observations: Tensor,
        times: Sequence[float],
        mask: Tensor | None,
        std: Tensor,
        scale: Tensor,
        rate: Tensor,
        level: Tensor,
    ) -> None:
        self.driver, self.times = driver, tuple(times)
        self._readout = driver.readout()
        self._rates = driver.rates().to(self._readout)
        self._at = self._readout.new_tensor(self.times)
        parts = (std, scale, rate, level)
        self._std, self._scale, self._rate, self._level = (
            part.to(self._readout) for part in parts
        )
        self._seen, self._which = mask_patterns(mask)
        self._residual = observations.to(self._readout) - self._level.unsqueeze(-1)

    def start(self, mean: Tensor, std: Tensor) -> Whitened:
        """Distribution of (z_x, z_driver), where X(0) = mean + std z_x, (D,) each."""
        now = torch.zeros(1).to(self._readout)
        change, fall, noise = self._ahead(now)
        unit = self.driver.start_from(torch.eye(self.driver.states).to(now))
        initial = std.to(now).unsqueeze(-1) * fall
        driven = change @ unit.mT
        initial = initial.unsqueeze(-1).expand(*driven.shape[:-1], 1)
        distribution = self._condition(torch.cat([initial, driven], dim=-1), noise)
        shift = (mean.to(now) - self._level).unsqueeze(-1) * fall
        gained = distribution.gain @ (self._residual - shift).unsqueeze(-1)
        return Whitened(mean=gained.squeeze(-1)[0], root=distribution.root[0])

    def tables(self, nodes: Tensor) -> Carry:
        """Tables of the distributions of all steps.

        Args:
            nodes: (N + 1,), float64.

        Returns:
            The mean for zero X and driver's states, (N, B, D, M); their coefficients and the root
            side by side, (N, B, D, M, 1 + S + M), with B = 1 if all series have the same
            observations; and the root's spread and volume, (N, B, D, 2).
        """
        nodes = nodes.to(self._readout)
        change, fall, _ = self._ahead(nodes[:-1])
        later, left, noise = self._ahead(nodes[1:])
        h = nodes.diff()
        increment, states = self._added(h)
        # An observation before the end of a step does not depend on it.
        ahead = (self._at >= nodes[1:, None]).to(nodes)[:, None, None, :, None]
        # Noise that enters evenly over a step has partly decayed at its end.
        kept = phi1(self._rate * h.unsqueeze(-1))[:, None, :, None, None]
        moved = self._scale[:, None, None] * increment.unsqueeze(-2) * left.unsqueeze(-1) * kept
        distribution = self._condition((moved + later @ states.mT) * ahead, noise)
        offset = (distribution.gain @ self._residual.unsqueeze(-1)).squeeze(-1)
        slope = distribution.gain @ fall.unsqueeze(-1)
        level = slope * self._level.unsqueeze(-1).unsqueeze(-1)
        parts = torch.cat([slope, distribution.gain @ change, distribution.root], dim=-1)
        spread = 0.5 * (distribution.root.square().sum(dim=(-2, -1)) - distribution.root.shape[-1])
        volume = distribution.root.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        return offset + level.squeeze(-1), parts, torch.stack([spread, volume], dim=-1)

    def distribution(self, tables: Carry, state: Tensor, kick: Tensor) -> NoiseDistribution:
        aim, parts, sizes = tables
        pull, root = parts[..., : state.shape[-1]], parts[..., state.shape[-1] :]
        mean = aim - (pull @ state.unsqueeze(-1)).squeeze(-1)
        spread, volume = sizes.unbind(dim=-1)
        return NoiseDistribution(mean=mean, root=root, spread=spread, volume=volume)

    def _ahead(self, now: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Dependence of the X(t_j) on the state at times (N,).

        Returns:
            Coefficients of the driver's states, (N, 1, D, m, S), and of X, (N, 1, D, m), and the
            covariance of later noise and observation errors, (N, 1, D, m, m).
        """
        tau = (self._at - now.unsqueeze(-1)).clamp(min=0)
        ahead = self.driver.forecast(self._rates, self._readout, tau, self._rate)
        errors = self._std.square() * torch.eye(len(self._at)).to(now)
        scale = self._scale[:, None, None]
        fall = torch.exp(-self._rate.unsqueeze(-1) * tau.unsqueeze(1))
        noise = scale.square() * ahead.covariance + errors
        return (scale * ahead.change).unsqueeze(1), fall.unsqueeze(1), noise.unsqueeze(1)

    def _added(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Responses to each of M normals of steps (N,).

        Returns:
            Those of B, (N, 1, D, M), and of the driver's states, (N, 1, D, M, S).
        """
        table = self.driver.table(h.cpu()).to(h)
        size, modes = len(self._rate), table.shape[1] - 3
        unit = torch.eye(modes).to(h).unsqueeze(1).expand(modes, size, modes)
        still = h.new_zeros(modes, size, self.driver.states)

        def one(table: Tensor) -> tuple[Tensor, Tensor]:
            got = self.driver.step(table, self._readout, still, unit)
            return got.noise.mT, got.state.transpose(0, 1)

        increment, states = torch.vmap(one)(table)
        return increment.unsqueeze(1), states.unsqueeze(1)

    def _condition(self, response: Tensor, noise: Tensor) -> _Distribution:
        """Condition normals on o, for responses H, (N, 1, D, m, M), and S, (N, 1, D, m, m)."""
        if self._seen is not None:
            seen = self._seen[:, None, :, None]
            response = response * seen
            diagonal = torch.diag_embed(noise.diagonal(dim1=-2, dim2=-1))
            noise = torch.where(seen & seen.mT, noise, diagonal)
        weighed = torch.linalg.solve_ex(noise, response)[0]
        one = torch.eye(response.shape[-1]).to(response)
        covariance = torch.linalg.inv_ex(response.mT @ weighed + one)[0]
        root = torch.linalg.cholesky_ex(covariance)[0]
        gain = covariance @ weighed.mT
        if self._which is None:
            return _Distribution(gain=gain, root=root)
        return _Distribution(gain=gain[:, self._which], root=root[:, self._which])
