"""Contracts that every extension keeps, for the package's own parts and for yours.

Each function takes one object and raises an AssertionError that says what does not hold:

    from interpolants.testing import check_interpolant
    check_interpolant(MyInterpolant())

They test mathematics (boundary values, derivatives against automatic differentiation, orders of
convergence, minimisers in closed form), in float64, in a second or two each at most.
"""

from __future__ import annotations

from interpolants.testing.data import check_base, check_data
from interpolants.testing.draws import check_coupling, check_time_sampler
from interpolants.testing.features import check_features
from interpolants.testing.metric import check_metric
from interpolants.testing.net import check_net
from interpolants.testing.noise import check_noise
from interpolants.testing.objective import check_objective
from interpolants.testing.orders import linear_moments
from interpolants.testing.path import check_gamma, check_interpolant
from interpolants.testing.schedule import check_epsilon, check_grid, check_weight
from interpolants.testing.solver import check_solver
from interpolants.testing.space import check_space

__all__ = [
    "check_base",
    "check_coupling",
    "check_data",
    "check_epsilon",
    "check_features",
    "check_gamma",
    "check_grid",
    "check_interpolant",
    "check_metric",
    "check_net",
    "check_noise",
    "check_objective",
    "check_solver",
    "check_space",
    "check_time_sampler",
    "check_weight",
    "linear_moments",
]
