"""Contracts that every extension keeps, for the package's own parts and for yours.

Each function takes one object and raises an AssertionError that says what does not hold:

    from interpolants.testing import check_interpolant
    check_interpolant(MyInterpolant())

They test mathematics (boundary values, derivatives against automatic differentiation, orders of
convergence, minimisers in closed form), in float64, in a second or two each at most.
"""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(
    __name__,
    "data.check_base",
    "data.check_data",
    "draws.check_coupling",
    "draws.check_time_sampler",
    "features.check_features",
    "gauge.gauge_perturb",
    "metric.check_metric",
    "net.check_net",
    "noise.check_noise",
    "objective.check_objective",
    "orders.linear_moments",
    "path.check_gamma",
    "path.check_interpolant",
    "schedule.check_epsilon",
    "schedule.check_grid",
    "schedule.check_weight",
    "solver.check_solver",
    "space.check_space",
)
