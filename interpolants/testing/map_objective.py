"""The contract of objectives of flow maps."""

from __future__ import annotations

import torch
from numpy.polynomial.hermite_e import hermegauss

from interpolants.objective.base import Objective
from interpolants.testing.common import require
from interpolants.testing.exact_map import MEAN, VARIANCE, exact_map
from interpolants.utils.seeds import keyed_generator

_ROUNDING = 1e-9
_NODES = 24
_PAIRS = ((0.2, 0.7), (0.05, 0.95), (0.4, 0.5), (0.3, 0.3), (0.8, 0.8))


def check_map_objective(objective: Objective) -> None:
    """The exact map of a Gaussian problem minimises it, where it claims to; wrong ones do not.

    Means over the draws are by Gauss-Hermite quadrature; gradients are by four weights that move
    the map along (1, x, h, h x).

    Raises:
        AssertionError: with the class, the pair of times and what to mend.
    """
    name = type(objective).__name__
    objective.check(exact_map())
    for s, t in _PAIRS:
        if s == t or objective.unbiased:
            still = _largest_slope(objective, "true", s, t)
            fix = "the exact map must minimise the loss"
            require(still < _ROUNDING, f"{name} at ({s}, {t}): {fix}; its slope is {still:.1e}")
        if s < t:
            away = _largest_slope(objective, "shifted", s, t)
            require(away > 1e-4, f"{name} at ({s}, {t}): a wrong map has a slope of {away:.1e}")


def _largest_slope(objective: Objective, kind: str, s: float, t: float) -> float:
    nodes, weights = (torch.from_numpy(part) for part in hermegauss(_NODES))
    x0, x1 = torch.cartesian_prod(nodes, nodes).T.unsqueeze(2)
    mass = torch.cartesian_prod(weights, weights).prod(dim=1)
    x1, fields = MEAN + VARIANCE**0.5 * x1, exact_map(kind)  # type: ignore[arg-type]
    times = torch.tensor([[s, t]], dtype=torch.float64).expand(len(x0), 2)
    losses = objective(fields, times, x0, x1, torch.zeros_like(x0), keyed_generator(3))
    mean = (mass / mass.sum()) @ losses.weighted.sum(dim=1)
    (slope,) = torch.autograd.grad(mean, list(fields.parameters()))
    return float(slope.abs().max())
