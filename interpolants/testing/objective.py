"""The contract of objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.objective.base import Objective
from interpolants.testing.common import STANDARD_ERRORS, normal, require
from interpolants.testing.exact import ExactFields
from interpolants.utils.seeds import keyed_generator

_Direction = Callable[[Tensor, Tensor], Tensor]

# Third differences of a quadratic are rounding errors, as shares of the loss.
_ROUNDING = 1e-9

# Directions in the space of functions, along which the exact field must be stationary.
_DIRECTIONS: tuple[_Direction, ...] = (
    lambda t, x: torch.ones_like(x),
    lambda t, x: x,
    lambda t, x: torch.sin(3 * t) * x.flip(1),
)


def check_objective(objective: Objective) -> None:
    """The exact fields of a Gaussian problem minimise it, and shifted ones do not.

    Losses must be quadratic in the fields: their third differences along a direction vanish. Then
    differences of shifted losses are exact directional derivatives; their means over draws must
    vanish within standard errors.
    """
    paths = (LinearInterpolant(), OneSidedLinearInterpolant())
    accepted = [_check_on(objective, path) for path in paths]
    require(any(accepted), "objective: refused on a two-sided and on a one-sided linear path")


def _check_on(objective: Objective, path: AffineInterpolant) -> bool:
    """Check on one path; whether the objective accepts it."""
    base = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
    target = GaussianMixture(means=[[1.0, -0.5]], covariances=[[[0.5, 0.2], [0.2, 0.8]]])
    predicts = objective.predicts
    exact = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    try:
        objective.check(Fields(net=exact, interpolant=path, predicts=predicts))
    except ValueError:
        return False
    where = f"on {type(path).__name__}"
    for head, name in enumerate(predicts):
        for direction in _DIRECTIONS:
            third = _third_difference(objective, _Shifted(exact, head, direction))
            quadratic = third < _ROUNDING
            require(quadratic, f"{name} {where}: not quadratic, third difference {third:.1e}")
            still = float(_slope(objective, _Shifted(exact, head, direction)))
            stationary = abs(still) < STANDARD_ERRORS
            require(stationary, f"{name} {where}: slope at the minimum is {still:.1f} std errors")
            away = float(_slope(objective, _Shifted(exact, head, direction, offset=1.0)))
            rises = away > STANDARD_ERRORS
            require(rises, f"{name} {where}: slope off the minimum is {away:.1f} std errors")
    return True


@final
class _Shifted(nn.Module):
    """Exact fields, one of them moved by (offset + step) times a direction."""

    def __init__(
        self, exact: ExactFields, head: int, direction: _Direction, offset: float = 0.0
    ) -> None:
        super().__init__()
        self.exact, self.head, self.direction = exact, head, direction
        self.offset, self.step = offset, 0.0

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        fields: Tensor = self.exact(t, x)
        shift = torch.zeros_like(fields)
        shift[:, self.head] = (self.offset + self.step) * self.direction(t[:, None], x)
        return fields + shift


def _losses(objective: Objective, net: _Shifted, steps: Sequence[float]) -> list[Tensor]:
    """The losses of fixed draws with the field moved by each step."""
    n, target = 4096, net.exact.target
    x0, z = normal((n, 2), 3, 0), normal((n, 2), 3, 1)
    x1 = target.sample(n, keyed_generator(3, 2)).x1.double()
    t = 0.02 + 0.96 * torch.rand(n, generator=keyed_generator(3, 3), dtype=torch.float64)
    fields = Fields(net=net, interpolant=net.exact.interpolant, predicts=objective.predicts)
    losses = []
    for net.step in steps:
        losses.append(objective(fields, t, x0, x1, z).total.detach())
    return losses


def _third_difference(objective: Objective, net: _Shifted) -> float:
    """The largest third difference of the loss along the direction, as a share of the loss."""
    a, b, c, d = _losses(objective, net, (-1.5, -0.5, 0.5, 1.5))
    scale = torch.stack([a, b, c, d]).abs().amax(dim=0).clamp(min=1.0)
    return float(((d - 3 * c + 3 * b - a).abs() / scale).max())


def _slope(objective: Objective, net: _Shifted) -> Tensor:
    """Mean directional derivative of the loss, in standard errors."""
    plus, minus = _losses(objective, net, (0.5, -0.5))
    slope = plus - minus
    n = len(slope)
    error: Tensor = (slope.std() / n**0.5).clamp(min=1e-12)
    return slope.mean() / error
