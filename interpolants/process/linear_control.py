"""The best control of a motion alone, given noisy sights of where it will be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.checks import check, check_positive
from interpolants.driver.base import Driver, contract


@final
class LinearControl:
    """u, the gradient of log p(o | X, Y) along dW, for X = x + scale B and o_j = X(t_j) + noise.

    With mu_j and C the mean and covariance of the X(t_j) that lie ahead, given X and Y now, and
    c_j what dW adds to X(t_j),

        u = c^T (C + deviation^2)^-1 (o - mu)

    which for one observation ahead and a bank is sum_k omega_k exp(-gamma_k tau) (o - mu) /
    (v + deviation^2) (arXiv 2505.17150). It makes X the motion given the observations; with a
    drift it is where learning begins. Differentiable in the Hurst index, the scale and o.

    A drift cannot take back the noise of the last step before an observation: steps have to
    shrink towards it, until omega_bar^2 h is below deviation^2; see `PowerGrid`.

    Args:
        driver: gives B.
        observations: o, broadcastable to (B, *event, m).
        times: t_j of the observations, ascending, (m,).
        deviation: standard deviation of the noise, > 0.
        scale: sigma of the equation, where it is a constant; a number or a 0-d tensor.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        observations: Tensor,
        times: Sequence[float],
        deviation: float,
        scale: float | Tensor = 1.0,
    ) -> None:
        rising = len(times) > 0 and list(times) == sorted({*times})
        check(rising, "LinearControl.times", "ascending numbers", times)
        fits = observations.shape[-1] == len(times)
        rule = f"shape (B, *event, {len(times)}), one for each time"
        check(fits, "LinearControl.observations", rule, tuple(observations.shape))
        check_positive("LinearControl.deviation", deviation)
        self.driver, self.observations, self.times = driver, observations, tuple(times)
        self.deviation, self.scale = deviation, scale

    def check(self, nodes: Tensor) -> None:
        """Require that steps between these nodes, float64, end at observations.

        A step across one would go on with a gain that is right for its beginning alone.
        """
        within = [t for t in self.times if nodes[0] < t < nodes[-1]]
        missed = sorted({*within} - {*nodes.tolist()})
        fix = "let the grid land on them, with Grid.times(..., through=...)"
        check(not missed, "LinearControl.times", "nodes of the grid", missed, fix)

    def gains(self, t: Tensor) -> Tensor:
        """What `control` needs at times t, for a whole solve: of (N,) float64, (N, m + S).

        Where the driver has one index for each coordinate, (N, D, m + S).
        """
        readout = self.driver.readout()
        rates, seen_at = self.driver.rates().to(readout), readout.new_tensor(self.times)
        noise = self.deviation**2 * torch.eye(len(self.times)).to(readout)
        scale = torch.as_tensor(self.scale, dtype=readout.dtype, device=readout.device)

        def gain(now: Tensor) -> Tensor:
            tau = seen_at - now
            ahead = self.driver.forecast(rates, readout, tau.clamp(min=0))
            # What lies behind has no covariance with anything and no response: no gain.
            response = scale * ahead.response * (tau > 0)
            own = _solve(scale.square() * ahead.covariance + noise, response)
            pull = scale * (own.unsqueeze(-2) @ ahead.change).squeeze(-2)
            return torch.cat([own, pull], dim=-1)

        gains: Tensor = torch.vmap(gain)(t.to(readout))
        return gains

    def control(self, gain: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """u, (B, *event), with the gain of one time; zero when all observations lie behind."""
        own, pull = gain[..., : len(self.times)], gain[..., len(self.times) :]
        return contract(self.observations - x.unsqueeze(-1), own) - contract(y, pull)


def _solve(matrix: Tensor, right: Tensor) -> Tensor:
    """matrix^-1 right of (..., m, m) and (..., m), without a look at the outcome on the host."""
    if right.shape[-1] == 1:
        return right / matrix[..., 0]
    solution: Tensor = torch.linalg.solve_ex(matrix, right.unsqueeze(-1))[0]
    return solution.squeeze(-1)
