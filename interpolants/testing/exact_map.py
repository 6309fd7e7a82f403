"""The flow map of N(0, 1) to N(1, 0.3) on the linear path, in closed form."""

from __future__ import annotations

from typing import Literal, final

import torch
from torch import Tensor, nn

from interpolants.fields.fields import Fields
from interpolants.fields.jumps import Jumps
from interpolants.interpolant.base import Interpolant
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.net.condition import Condition

MEAN, VARIANCE = 1.0, 0.3
"""Mean and variance of the data."""
_BOTH = Jumps(backward=True)
_LINEAR = LinearInterpolant(gamma=ZeroGamma())


def level(t: Tensor) -> Tensor:
    """Variance of the path at t."""
    return (1 - t) ** 2 + VARIANCE * t**2


def velocity(t: Tensor, x: Tensor) -> Tensor:
    """Velocity of the path; t broadcasts against x."""
    return MEAN + (VARIANCE * t - (1 - t)) / level(t) * (x - MEAN * t)


def speed_variance(s: Tensor) -> Tensor:
    """Variance of the path's time derivative given its state at s."""
    return 1 + VARIANCE - (VARIANCE * s - (1 - s)) ** 2 / level(s)


def jump(s: Tensor, t: Tensor, x: Tensor) -> Tensor:
    """X(s, t, x) = m_t + sqrt(C_t / C_s) (x - m_s)."""
    return MEAN * t + torch.sqrt(level(t) / level(s)) * (x - MEAN * s)


@final
class ExactMap(nn.Module):
    """u(s, t, x) + weights . (1, x, h, h x), h = t - s, in float64, with u the exact one or not.

    Args:
        kind: "true"; "euler" for the velocity at s; or "shifted" for the exact one + h / 2.
    """

    def __init__(self, kind: Literal["true", "euler", "shifted"] = "true") -> None:
        super().__init__()
        self.kind = kind
        self.weights = nn.Parameter(torch.zeros(4, dtype=torch.float64))

    def forward(self, t: Tensor, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Mean velocity of the jump to `condition.until`, (B, 1, 1)."""
        until = t if condition is None or condition.until is None else condition.until
        s, until = (time.expand(len(x))[:, None] for time in (t, until))
        h = until - s
        same = h.abs() < 1e-14
        exact = (jump(s, until, x) - x) / torch.where(same, torch.ones_like(h), h)
        exact = torch.where(same, velocity(s, x), exact)
        wrong = {"euler": velocity(s, x) + 0 * h, "shifted": exact + h / 2}
        basis = torch.stack([torch.ones_like(x), x, h.expand_as(x), h * x])
        u = wrong.get(self.kind, exact) + torch.tensordot(self.weights, basis, dims=1)
        heads: Tensor = u.unsqueeze(1)
        return heads


def exact_map(
    kind: Literal["true", "euler", "shifted"] = "true",
    jumps: Jumps | None = _BOTH,
    path: Interpolant = _LINEAR,
) -> Fields:
    """Fields of the map, or of a wrong one, whose weights are `fields.net.weights`.

    Args:
        kind: as of `ExactMap`.
        jumps: those that it is said to be trained for.
        path: the linear path, two-sided or one-sided, on which the map is the same.
    """
    return Fields(net=ExactMap(kind), interpolant=path, predicts="velocity", jumps=jumps)
