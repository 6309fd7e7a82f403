"""The contract of objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor, nn

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.objective.base import Objective
from interpolants.testing.common import require
from interpolants.testing.exact import ExactFields
from interpolants.testing.map_objective import check_map_objective
from interpolants.utils.seeds import keyed_generator

_Direction = Callable[[Tensor, Tensor], Tensor]

# What must vanish is a rounding error, as a share of the loss or of its slopes.
_ROUNDING = 1e-9
_TIMES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
_MEAN, _COVARIANCE = [1.0, -0.5], [[0.5, 0.2], [0.2, 0.8]]

# Directions in the space of functions, along which the exact field must be stationary.
_DIRECTIONS: tuple[_Direction, ...] = (
    lambda t, x: torch.ones_like(x),
    lambda t, x: x,
    lambda t, x: torch.sin(3 * t) * x.flip(1),
)


def check_objective(objective: Objective) -> None:
    """The exact fields of a Gaussian problem minimise it at every time, and shifted ones do not.

    Losses must be quadratic in the fields: their third differences along a direction vanish. Then
    differences of shifted losses are exact directional derivatives. For affine targets these are
    polynomials of second degree in the draws, whose means by Gauss-Hermite quadrature are exact
    and must vanish. For objectives of flow maps see `check_map_objective`.

    Raises:
        AssertionError: with the class, the field, the path and what to mend.
    """
    if objective.two_times:
        check_map_objective(objective)
        return
    paths = (LinearInterpolant(), OneSidedLinearInterpolant())
    accepted = [_check_on(objective, path) for path in paths]
    name = type(objective).__name__
    require(any(accepted), f"{name}: refused on a two-sided and on a one-sided linear path")


def _check_on(objective: Objective, path: AffineInterpolant) -> bool:
    """Check on one path; whether the objective accepts it."""
    base = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
    target = GaussianMixture(means=[_MEAN], covariances=[_COVARIANCE])
    predicts = objective.predicts
    exact = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    try:
        objective.check(Fields(net=exact, interpolant=path, predicts=predicts))
    except ValueError:
        return False
    for head, name in enumerate(predicts):
        where = f"{type(objective).__name__}: {name} on {type(path).__name__}"
        for direction in _DIRECTIONS:
            third = _third_difference(objective, _Shifted(exact, head, direction))
            fix = f"the loss must be quadratic in the field; its third difference is {third:.1e}"
            require(third < _ROUNDING, f"{where}: {fix}")
            still = float(_slopes(objective, _Shifted(exact, head, direction)).abs().max())
            fix = "the exact field must minimise the loss at all times: E[target | x_t] = field"
            require(still < _ROUNDING, f"{where}: {fix}; its slope there is {still:.1e}")
            away = float(_slopes(objective, _Shifted(exact, head, direction, offset=1.0)).mean())
            fix = f"the loss must rise off the exact field; its slope is {away:.1e}"
            require(away > _ROUNDING, f"{where}: {fix}")
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


def _quadrature() -> tuple[Tensor, Tensor]:
    """Nodes of (x0, x1, z) as standard normals, (n, 3, 2), and their weights, (n,)."""
    nodes, weights = (torch.from_numpy(part) for part in hermegauss(3))
    axes = torch.cartesian_prod(*[nodes] * 6).reshape(-1, 3, 2)
    return axes, torch.cartesian_prod(*[weights / weights.sum()] * 6).prod(1)


def _losses(objective: Objective, net: _Shifted, steps: Sequence[float]) -> list[Tensor]:
    """The losses at the times and nodes with the field moved by each step, (times, n)."""
    normals, _ = _quadrature()
    root = torch.linalg.cholesky(torch.tensor(_COVARIANCE, dtype=torch.float64))
    x0, x1, z = normals.unbind(1)
    x1 = torch.tensor(_MEAN, dtype=torch.float64) + x1 @ root.T
    times = torch.tensor(_TIMES, dtype=torch.float64)
    t = times.repeat_interleave(len(x0))
    x0, x1, z = (part.repeat(len(times), 1) for part in (x0, x1, z))
    fields = Fields(net=net, interpolant=net.exact.interpolant, predicts=objective.predicts)
    losses = []
    for net.step in steps:
        loss = objective(fields, t, x0, x1, z, keyed_generator(3)).total.detach()
        losses.append(loss.reshape(len(times), -1))
    return losses


def _third_difference(objective: Objective, net: _Shifted) -> float:
    """The largest third difference of the loss along the direction, as a share of the loss."""
    a, b, c, d = _losses(objective, net, (-1.5, -0.5, 0.5, 1.5))
    scale = torch.stack([a, b, c, d]).abs().amax(dim=0).clamp(min=1.0)
    return float(((d - 3 * c + 3 * b - a).abs() / scale).max())


def _slopes(objective: Objective, net: _Shifted) -> Tensor:
    """Directional derivative of the mean loss at each time, as a share of its mean size."""
    plus, minus = _losses(objective, net, (0.5, -0.5))
    slope, (_, weights) = plus - minus, _quadrature()
    return slope @ weights / (slope.abs() @ weights).clamp(min=1e-300)
