"""Planned schemes: exact biases on linear equations and orders."""

import math

import pytest
import torch
from helpers.problems import Gaussians, Tabulated, exact_fields, load, stems
from helpers.problems import times as times_of

from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import SaveTimes
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.ab2 import AB2
from interpolants.sampler.solver.ab2_maruyama import AB2Maruyama
from interpolants.sampler.solver.ab3 import AB3
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.sampler.solver.strang import Strang
from interpolants.testing import linear_moments
from interpolants.testing.problems import Charted, Turning

_BRIDGE = LinearInterpolant(gamma=BrownianBridgeGamma(a=1.0))
_COUNTS = (50, 100, 200, 400, 1000)
# Relative errors of Var(X_1), N(0, 1) to N(0, .05), epsilon = .5; signed, two digits.
_TABLE = [
    (EulerMaruyama(), (2.1e-1, 1.0e-1, 4.9e-2, 2.4e-2, 9.5e-3)),
    (Strang(), (2.7e-2, 6.8e-3, 1.7e-3, 4.2e-4, 6.8e-5)),
    (StochasticHeun(), (-4.1e-2, -9.8e-3, -2.4e-3, -5.8e-4, -9.1e-5)),
    (AB2Maruyama(), (6.9e-2, 1.9e-2, 4.9e-3, 1.3e-3, 2.1e-4)),
]


def _uniform(num_steps):
    return torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)


def _sde(target_variance=0.05, build=ForwardSDE):
    net = Gaussians(_BRIDGE, ("velocity", "score"), covariances=(1.0, target_variance))
    return build(fields=net.fields(), epsilon=0.5)


@pytest.mark.parametrize(("solver", "expected"), _TABLE)
def test_sde_scheme_has_the_tabulated_bias_and_its_order(solver, expected):
    process = Tabulated(_sde())
    errors = []
    for n in _COUNTS:
        errors.append(linear_moments(solver, process, _uniform(n), 1.0)[1] / 0.05 - 1)
    for error, value in zip(errors, expected, strict=True):
        # Half a unit of the second digit, and what the rounding of a tie may differ by.
        unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
        assert abs(error - value) < 0.51 * unit, (error, value)
    order = math.log(errors[3] / errors[4]) / math.log(1000 / 400)
    assert abs(order - solver.order) < 0.1


@pytest.mark.parametrize(("variance", "expected"), [(0.05, 0.199083), (4.0, 0.711531)])
@pytest.mark.parametrize("build", [ForwardSDE, BackwardSDE])
def test_sde_correlates_its_ends_as_the_diffusivity_says(variance, expected, build):
    """corr(X_0, X_1) = exp(-epsilon int dt / C): a factor of two in epsilon would show."""
    process = Tabulated(_sde(variance, build))
    correlations = []
    for n in (400, 800):
        times, start = _uniform(n), 1.0
        if build is BackwardSDE:
            times, start = times.flip(0), variance
        gain, end = linear_moments(StochasticHeun(), process, times, start)
        correlations.append(gain * math.sqrt(start / end))
    # Half a unit of the last digit given.
    assert abs((4 * correlations[1] - correlations[0]) / 3 - expected) < 5e-7


@pytest.mark.parametrize("solver", [Euler(), Heun(), AB2(), AB3(), RK4()])
@pytest.mark.parametrize("backward", [False, True])
def test_ode_scheme_follows_the_exact_flow_of_correlated_gaussians(solver, backward):
    """Commuting covariances: X_t = m_t + C_t^(1/2) C_s^(-1/2) (X_s - m_s).

    The midpoint rule has order 3 here, by luck of this flow.
    """
    net = Gaussians(
        _BRIDGE,
        ("velocity",),
        means=([0.0, 1.0], [1.0, -0.5]),
        covariances=([[1.0, 0], [0, 0.6]], [[0.3, 0], [0, 2.0]]),
        cross=[[0.4, 0], [0, -0.3]],
    )
    process, ends = ProbabilityFlow(fields=net.fields()), times_of(0.0, 1.0)
    first, last = ends.flip(0) if backward else ends
    x = net.mean(first) + torch.randn(5, 2, dtype=torch.float64)
    std = (net.covariance(last).diagonal() / net.covariance(first).diagonal()).sqrt()
    exact = net.mean(last) + std * (x - net.mean(first))
    errors = []
    for n in (160, 320):
        times = SineSquaredGrid().times(n, (0.0, 1.0), backward=backward)
        save_at = SaveTimes(times, times[:0])
        got = solver.solve(process, times, x, noise=GeneratorNoise(), save_at=save_at)
        errors.append((got - exact).norm())
    assert abs(torch.log2(errors[0] / errors[1]) - solver.order) < 0.15


@pytest.mark.parametrize("build", [ForwardSDE, BackwardSDE])
def test_ab2_does_not_amplify_noise_after_a_tiny_step(build):
    """A step a thousand times longer than the last must not weigh its drift by a thousand."""
    process, backward = Tabulated(_sde(0.05, build)), build is BackwardSDE
    errors = []
    for through in ([], [0.90001, 0.90002] if not backward else [0.9, 0.89999]):
        times = UniformGrid().times(
            100, (0.0, 1.0), backward=backward, through=torch.tensor(through, dtype=torch.float64)
        )
        start, end = (0.05, 1.0) if backward else (1.0, 0.05)
        errors.append(linear_moments(AB2Maruyama(), process, times, start)[1] / end - 1)

    assert abs(errors[1] - errors[0]) < 5e-3


def _process(noise_type):
    if noise_type in ("geometric", "diagonal"):
        return Charted(noise_type, Turning())
    fields = exact_fields(OneSidedLinearInterpolant(), ("velocity", "denoiser"))
    flow = ProbabilityFlow(fields=fields)
    return flow if noise_type == "none" else ForwardSDE(fields=fields, epsilon=KLOptimalEpsilon())


@pytest.mark.parametrize("stem", stems("sampler/solver"))
@pytest.mark.parametrize("noise_type", ["none", "additive", "geometric", "diagonal"])
def test_solver_is_refused_where_it_does_not_fit(stem, noise_type):
    """An SDE never runs as an ODE, nor an ODE as an SDE, nor noise as noise of another kind."""
    solver, process = load("sampler/solver", stem), _process(noise_type)
    if noise_type in solver.accepts:
        solver.check(process)
        return
    equation = "an ODE" if noise_type == "none" else f"an SDE with {noise_type} noise"
    match = rf"Sampler.solver: expected a solver for {equation} \(.*\), got '.*'; use for example "
    with pytest.raises(ValueError, match=match) as refusal:
        solver.check(process)
    stem = str(refusal.value).rpartition("=")[2]
    load("sampler/solver", stem).check(process)


def test_sampler_refuses_a_solver_when_it_is_built():
    fields = exact_fields(_BRIDGE, ("velocity", "denoiser"))
    sde = {"process": ForwardSDE, "epsilon": 0.5}
    Sampler(fields=fields, solver=EulerMaruyama(), **sde)
    with pytest.raises(ValueError, match=r"Sampler.solver: expected a solver for an SDE"):
        Sampler(fields=fields, solver=Heun(), **sde)
    with pytest.raises(ValueError, match=r"Sampler.solver: expected a solver for an ODE"):
        Sampler(fields=fields, solver=EulerMaruyama())


def test_solver_is_refused_for_noise_of_a_user_s_own_kind():
    class Jumps(Process):
        noise_type = "levy"

        def drift(self, t, x):
            return x

    with pytest.raises(ValueError, match=r"expected a solver for an SDE with levy noise \(Jumps"):
        EulerMaruyama().check(Jumps())


# SDE schemes whose normals are not those of a Brownian path.
_WEAK = {"ancestral", "annealed", "sde_dpm_solver", "strang_map"}


@pytest.mark.parametrize("stem", stems("sampler/solver"))
def test_sde_solver_declares_its_strong_order(stem):
    solver = load("sampler/solver", stem)
    if isinstance(solver, PlannedSolver) and stem not in _WEAK:
        assert (solver.strong_order is None) == (not {"none", "map"}.isdisjoint(solver.accepts))
