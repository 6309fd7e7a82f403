"""DPM-Solver++(2M) on one-sided paths."""

import math

import pytest
import torch
from helpers.problems import (
    DRIFTING,
    INTERPOLANTS,
    NORMAL,
    ONE_SIDED,
    TARGET,
    ConditionedNetwork,
    Gaussians,
    times,
)

from interpolants.fields.fields import Fields
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.solver.dpm_solver import DPMSolver
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.rk4 import RK4
from interpolants.testing.exact import ExactFields
from interpolants.testing.problems import logistic_flow

_PATHS = {stem: INTERPOLANTS[stem] for stem in ONE_SIDED} | {"drifting": DRIFTING}


def _flow(net, path, predicts=("target_mean",), **options):
    fields = Fields(net=net, interpolant=path, predicts=predicts)
    return ProbabilityFlow(fields=fields, **options)


def _level(path):
    return path.coefficients(times(0.0)).alpha


def _ends(solver, process, x, counts):
    grids = (SineSquaredGrid().times(n, process.span) for n in counts)
    return [integrate(solver.plan(process, nodes), x) for nodes in grids]


def _order(errors):
    return math.log2(errors[-2] / errors[-1])


@pytest.mark.parametrize("stem", _PATHS)
def test_dpm_solver_has_order_two_on_the_exact_flow_of_a_gaussian(stem):
    """Commuting covariances: X_t = m_t + C_t^(1/2) C_s^(-1/2) (X_s - m_s)."""
    path = _PATHS[stem]
    net = Gaussians(
        path,
        ("target_mean",),
        means=([0.0, 0.0], [1.0, -0.5]),
        covariances=([[1.0, 0], [0, 1.0]], [[0.3, 0], [0, 2.0]]),
    )
    process = _flow(net, path)
    first, last = times(*process.span)
    std = (net.covariance(last).diagonal() / net.covariance(first).diagonal()).sqrt()
    x = _level(path) * torch.randn(20, 2, dtype=torch.float64)
    exact = net.mean(last) + std * (x - net.mean(first))
    errors = [float((end - exact).norm()) for end in _ends(DPMSolver(), process, x, (200, 400))]
    assert abs(_order(errors) - DPMSolver().order) < 0.15


@pytest.mark.parametrize(
    "stem", ["one_sided_linear", "one_sided_trigonometric", "variance_preserving"]
)
def test_dpm_solver_has_order_two_on_the_exact_flow_of_a_mixture(stem):
    path = _PATHS[stem]
    net = ExactFields(base=NORMAL, target=TARGET, interpolant=path, predicts=("target_mean",))
    process, x = _flow(net, path), torch.randn(32, 2, dtype=torch.float64)
    (exact,) = _ends(RK4(), process, x, (200,))
    ends = _ends(DPMSolver(), process, x, (64, 128))
    errors = [float((end - exact).norm(dim=1).median()) for end in ends]
    assert abs(_order(errors) - DPMSolver().order) < 0.15


@pytest.mark.parametrize("stem", _PATHS)
@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_dpm_solver_is_exact_where_the_mean_of_the_data_does_not_move(stem, num_steps):
    path, mean = _PATHS[stem], torch.randn(4, 1, 2, dtype=torch.float64)
    process, noise = _flow(ConditionedNetwork(mean), path), torch.randn(4, 2, dtype=torch.float64)
    c = path.coefficients(times(*process.span))
    rows = zip(c.shift, c.alpha, c.beta, strict=True)
    first, last = (s + a * noise + b * mean[:, 0] for s, a, b in rows)
    (end,) = _ends(DPMSolver(), process, first, (num_steps,))
    torch.testing.assert_close(end, last, rtol=0, atol=1e-12)


def test_first_order_dpm_solver_is_euler_of_the_linear_path():
    """One step has no past: DDIM on this path is Euler's step of the velocity."""
    path = INTERPOLANTS["one_sided_linear"]
    net = ExactFields(base=NORMAL, target=TARGET, interpolant=path, predicts=("target_mean",))
    process, x = _flow(net, path), torch.randn(8, 2, dtype=torch.float64)
    nodes = times(0.2, 0.35)
    got, expected = (integrate(s.plan(process, nodes), x) for s in (DPMSolver(), Euler()))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-13)


def test_dpm_solver_calls_the_network_once_for_each_step():
    path, calls = INTERPOLANTS["variance_preserving"], []
    net = ExactFields(base=NORMAL, target=TARGET, interpolant=path, predicts=("target_mean",))
    net.register_forward_hook(lambda *_: calls.append(None))
    _ends(DPMSolver(), _flow(net, path), torch.randn(3, 2, dtype=torch.float64), (11,))
    assert len(calls) == 11


@pytest.mark.parametrize(
    ("process", "value"),
    [
        (
            lambda net: _flow(net, LinearInterpolant(), ("velocity",)),
            "a forward ProbabilityFlow of LinearInterpolant",
        ),
        (
            lambda net: _flow(net, INTERPOLANTS["one_sided_linear"], backward=True),
            "a backward ProbabilityFlow of OneSidedLinearInterpolant",
        ),
        (lambda net: logistic_flow("none").process, "a forward _Logistic of no path"),
    ],
)
def test_dpm_solver_refuses_in_one_sentence(process, value):
    built = process(ConditionedNetwork(torch.zeros(1, 1, 2)))
    with pytest.raises(ValueError) as refusal:
        DPMSolver().check(built)
    assert str(refusal.value) == (
        "Sampler.solver: expected for DPMSolver the forward ProbabilityFlow of a one-sided path, "
        f"got '{value}'; use for example sampler/solver=ab2"
    )
