"""The law of a linear equation's start and noise, given noisy sights of where it goes."""

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
    """Normals given a residual r: N(gain r, root root^T)."""

    gain: Tensor
    root: Tensor


@final
class LinearGuide(Guide):
    """What observations say of X' = rate (level - X) + scale dB/dt, in closed form.

    The equation is linear, so normals of the start or of one step, standard before, are Gaussian
    given o_j = X(t_j) + deviation e_j: with the response H of the X(t_j) to them and S the
    covariance of what comes after and of the sights,

        z given o ~ N(P^-1 H^T S^-1 r, P^-1),    P = I + H^T S^-1 H

    where r is o less its mean before. A control as a drift only moves the mean, and loses what
    the noise of the last step before an observation scatters; the law of the normals loses
    nothing at any length of steps. Differentiable in all that it is made of.

    Args:
        driver: gives B.
        observations: o, (B, D, m).
        times: t_j, ascending, (m,).
        mask: which observations exist, bool, (B, m); all if None.
        std: of the sights, 0-d.
        scale, rate, level: of the equation, (D,) each.
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
        self._deviation, self._scale, self._rate, self._level = (
            part.to(self._readout) for part in parts
        )
        self._seen, self._which = mask_patterns(mask)
        self._residual = observations.to(self._readout) - self._level.unsqueeze(-1)

    def start(self, mean: Tensor, std: Tensor) -> Whitened:
        """The law of (z_x, z_driver), where X(0) = mean + deviation z_x, (D,) each."""
        now = torch.zeros(1).to(self._readout)
        change, fall, noise = self._ahead(now)
        unit = self.driver.start_from(torch.eye(self.driver.states).to(now))
        own = std.to(now).unsqueeze(-1) * fall
        bank = change @ unit.mT
        own = own.unsqueeze(-1).expand(*bank.shape[:-1], 1)
        representation = self._law(torch.cat([own, bank], dim=-1), noise)
        shift = (mean.to(now) - self._level).unsqueeze(-1) * fall
        gained = representation.gain @ (self._residual - shift).unsqueeze(-1)
        return Whitened(mean=gained.squeeze(-1)[0], root=representation.root[0])

    def tables(self, nodes: Tensor) -> Carry:
        """The mean where X and the driver's states are zero, (N, B, D, M); what they add to it and
        the root side by side, (N, B, D, M, 1 + S + M), with B = 1 where all series have the same
        observations; and the root's spread and volume, (N, B, D, 2)."""
        nodes = nodes.to(self._readout)
        change, fall, _ = self._ahead(nodes[:-1])
        later, left, noise = self._ahead(nodes[1:])
        h = nodes.diff()
        motion, states = self._added(h)
        # An observation that lies behind a step's end does not see it.
        ahead = (self._at >= nodes[1:, None]).to(nodes)[:, None, None, :, None]
        # What enters evenly over a step is partly forgotten at its end.
        kept = phi1(self._rate * h.unsqueeze(-1))[:, None, :, None, None]
        moved = self._scale[:, None, None] * motion.unsqueeze(-2) * left.unsqueeze(-1) * kept
        representation = self._law((moved + later @ states.mT) * ahead, noise)
        offset = (representation.gain @ self._residual.unsqueeze(-1)).squeeze(-1)
        slope = representation.gain @ fall.unsqueeze(-1)
        level = slope * self._level.unsqueeze(-1).unsqueeze(-1)
        parts = torch.cat([slope, representation.gain @ change, representation.root], dim=-1)
        spread = 0.5 * (
            representation.root.square().sum(dim=(-2, -1)) - representation.root.shape[-1]
        )
        volume = representation.root.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        return offset + level.squeeze(-1), parts, torch.stack([spread, volume], dim=-1)

    def representation(self, tables: Carry, state: Tensor, kick: Tensor) -> NoiseDistribution:
        aim, parts, sizes = tables
        pull, root = parts[..., : state.shape[-1]], parts[..., state.shape[-1] :]
        mean = aim - (pull @ state.unsqueeze(-1)).squeeze(-1)
        spread, volume = sizes.unbind(dim=-1)
        return NoiseDistribution(mean=mean, root=root, spread=spread, volume=volume)

    def _ahead(self, now: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What X(t_j) owes the states, (N, 1, D, m, S), and X, (N, 1, D, m), at times (N,), and
        the covariance of what comes later and of the sights, (N, 1, D, m, m)."""
        tau = (self._at - now.unsqueeze(-1)).clamp(min=0)
        ahead = self.driver.forecast(self._rates, self._readout, tau, self._rate)
        sights = self._deviation.square() * torch.eye(len(self._at)).to(now)
        scale = self._scale[:, None, None]
        fall = torch.exp(-self._rate.unsqueeze(-1) * tau.unsqueeze(1))
        noise = scale.square() * ahead.covariance + sights
        return (scale * ahead.change).unsqueeze(1), fall.unsqueeze(1), noise.unsqueeze(1)

    def _added(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """What each of M normals of steps (N,) adds to B, (N, 1, D, M), and to the driver's
        states, (N, 1, D, M, S)."""
        table = self.driver.table(h.cpu()).to(h)
        size, modes = len(self._rate), table.shape[1] - 3
        unit = torch.eye(modes).to(h).unsqueeze(1).expand(modes, size, modes)
        still = h.new_zeros(modes, size, self.driver.states)

        def one(table: Tensor) -> tuple[Tensor, Tensor]:
            got = self.driver.step(table, self._readout, still, unit)
            return got.motion.mT, got.state.transpose(0, 1)

        motion, states = torch.vmap(one)(table)
        return motion.unsqueeze(1), states.unsqueeze(1)

    def _law(self, response: Tensor, noise: Tensor) -> _Distribution:
        """Of normals to which o responds by H, (N, 1, D, m, M), with S, (N, 1, D, m, m)."""
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
