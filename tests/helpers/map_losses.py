"""Losses of flow maps between Gaussians on the line, as means over the path."""

from functools import partial

import numpy as np
import torch

from interpolants.objective.map_objective import Jump
from interpolants.testing.exact_map import exact_map, level, speed_variance, velocity

S, T = 0.2, 0.7
"""Times of the table of known losses."""


def _later(x, speed, s, t):
    """Linear paths without latent noise are straight."""
    return x + (t - s)[:, None] * speed


def mean_loss(objective, kind, s=S, t=T, mass=1.0):
    """Mean of the sum of squares over states and speeds of the path, by quadrature, and gradient.

    Losses are quadratic in the speed, so that two values of it are enough.

    Args:
        objective: of flow maps.
        kind: of the exact map.
        s, t, mass: times, and their mass; or P of each, over which losses are summed.
    """
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.hermite_e.hermegauss(40))
    s, t, mass = (
        torch.atleast_1d(torch.as_tensor(part, dtype=nodes.dtype)) for part in (s, t, mass)
    )
    weights = torch.outer(mass, weights / weights.sum()).flatten()
    x = (s[:, None] + level(s[:, None]).sqrt() * nodes).reshape(-1, 1)
    s, t = (time.repeat_interleave(len(nodes)) for time in (s, t))
    fields, total, column = exact_map(kind), 0.0, s[:, None]
    for sign in (-1, 1):
        speed = velocity(column, x) + sign * speed_variance(column).sqrt()
        jump = Jump(s, t, x, speed, later=partial(_later, x, speed, s))
        total = total + (weights * objective.jump_loss(fields, jump, None)).sum()
    (gradient,) = torch.autograd.grad(total, fields.net.weights)
    return float(total.detach()), gradient
