"""Schemes: exact biases on linear equations, orders, and the adapters against the planned ones."""

import math
import subprocess
import sys

import pytest
import torch
from problems import INTERPOLANTS, Gaussians, Tabulated, exact_fields, load, stems

from interpolants.fields import Fields
from interpolants.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.grid.sine_squared import SineSquaredGrid
from interpolants.grid.uniform import UniformGrid
from interpolants.integrate import Keep
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.noise.generator import GeneratorNoise
from interpolants.noise.given import GivenNoise
from interpolants.process.backward_sde import BackwardSDE
from interpolants.process.forward_sde import ForwardSDE
from interpolants.process.probability_flow import ProbabilityFlow
from interpolants.sampler import Sampler
from interpolants.solver.ab2_maruyama import AB2Maruyama
from interpolants.solver.euler import Euler
from interpolants.solver.euler_maruyama import EulerMaruyama
from interpolants.solver.heun import Heun
from interpolants.solver.rk4 import RK4
from interpolants.solver.stochastic_heun import StochasticHeun
from interpolants.solver.torchdiffeq import Torchdiffeq
from interpolants.solver.torchsde import Torchsde
from interpolants.testing import linear_moments

_BRIDGE = LinearInterpolant(gamma=BrownianBridgeGamma(a=1.0))
_COUNTS = (50, 100, 200, 400, 1000)
# Relative errors of Var(X_1), N(0, 1) to N(0, .05), epsilon = .5; signed, two digits.
_TABLE = [
    (EulerMaruyama(), (2.1e-1, 1.0e-1, 4.9e-2, 2.4e-2, 9.5e-3)),
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
    for n in (200, 400):
        times, start = _uniform(n), 1.0
        if build is BackwardSDE:
            times, start = times.flip(0), variance
        gain, end = linear_moments(StochasticHeun(), process, times, start)
        correlations.append(gain * math.sqrt(start / end))
    assert abs((4 * correlations[1] - correlations[0]) / 3 - expected) < 2e-6


@pytest.mark.parametrize(("solver", "expected"), [(Euler(), 1e-1), (Heun(), 2e-3), (RK4(), 2e-6)])
@pytest.mark.parametrize("backward", [False, True])
def test_ode_scheme_follows_the_exact_flow_of_correlated_gaussians(solver, expected, backward):
    """Commuting covariances: X_t = m_t + C_t^(1/2) C_s^(-1/2) (X_s - m_s)."""
    net = Gaussians(
        _BRIDGE,
        ("velocity",),
        means=([0.0, 1.0], [1.0, -0.5]),
        covariances=([[1.0, 0], [0, 0.6]], [[0.3, 0], [0, 2.0]]),
        cross=[[0.4, 0], [0, -0.3]],
    )
    process, times = ProbabilityFlow(fields=net.fields()), SineSquaredGrid().times(40, (0.0, 1.0))
    times = times.flip(0) if backward else times
    first, last = times[0], times[-1]
    x = net.mean(first) + torch.randn(5, 2, dtype=torch.float64)
    deviation = (net.covariance(last).diagonal() / net.covariance(first).diagonal()).sqrt()
    exact = net.mean(last) + deviation * (x - net.mean(first))
    got = solver.solve(process, times, x, noise=GeneratorNoise(), keep=Keep(times, times[:0]))
    assert (got - exact).abs().max() < expected
    assert (got - exact).abs().max() > expected / 200


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


def _flow():
    return ProbabilityFlow(fields=exact_fields(INTERPOLANTS["linear"], ("velocity",)))


def _solve(solver, process, times, x, at=()):
    at = times[list(at)]
    keep = Keep(times, at)
    return solver.solve(process, times, x, noise=GeneratorNoise(), keep=keep), keep.path


@pytest.mark.parametrize(("method", "own"), [("euler", Euler()), ("heun2", Heun())])
@pytest.mark.parametrize("backward", [False, True])
def test_torchdiffeq_fixed_steps_equal_the_planned_ones(method, own, backward):
    times = SineSquaredGrid().times(12, (0.0, 1.0), backward=backward)
    x, at = torch.randn(6, 2, dtype=torch.float64), (0, 3, 7)
    got, path = _solve(Torchdiffeq(method=method), _flow(), times, x, at)
    expected, own_path = _solve(own, _flow(), times, x, at)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(path, own_path, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["rk4", "dopri5"])
@pytest.mark.parametrize("backward", [False, True])
def test_torchdiffeq_agrees_with_rk4_at_every_kept_time(method, backward):
    """torchdiffeq's rk4 is the 3/8 rule, so it agrees to its order rather than to rounding."""
    times = SineSquaredGrid().times(160, (0.0, 1.0), backward=backward)
    x, at = torch.randn(6, 2, dtype=torch.float64), (0, 50, 103, 160)
    solver = Torchdiffeq(method=method, rtol=1e-7, atol=1e-7)
    got, path = _solve(solver, _flow(), times, x, at)
    _, expected = _solve(RK4(), _flow(), times, x, at)
    assert (path - expected).abs().max() < 3e-6
    assert torch.equal(path[-1], got)


@pytest.mark.parametrize("velocity", [1e-4, 1.0, 50.0])
@pytest.mark.parametrize("backward", [False, True])
def test_torchdiffeq_never_leaves_the_span(velocity, backward):
    """Nor steps over a kept time: what it hands back there is a step's end."""
    seen = []

    class Net(torch.nn.Module):
        def forward(self, t, x):
            seen.append(float(t))
            return (velocity * torch.cos(5 * t) * torch.ones_like(x))[:, None]

    fields = Fields(net=Net(), interpolant=_BRIDGE, predicts=("velocity",))
    times = UniformGrid().times(4, (0.01, 0.9), backward=backward)
    x = torch.ones(3, 1, dtype=torch.float64)
    process = ProbabilityFlow(fields=fields)
    _, path = _solve(Torchdiffeq(), process, times, x, (2, 4))
    assert min(seen) >= 0.01
    assert max(seen) <= 0.9
    assert min(abs(t - float(times[2])) for t in seen) < 1e-12
    exact = 1 + velocity / 5 * (torch.sin(5 * times[[2, 4]]) - torch.sin(5 * times[0]))
    torch.testing.assert_close(path[:, 0, 0], exact, rtol=1e-4, atol=1e-4)


def _linear_gaussian(build=ForwardSDE):
    net = Gaussians(_BRIDGE, ("velocity", "score"), means=(0.0, 1.0), covariances=(1.0, 0.3))
    return build(fields=net.fields(), epsilon=0.5)


@pytest.mark.parametrize("method", ["euler", "heun", "midpoint", "reversible_heun"])
@pytest.mark.parametrize("build", [ForwardSDE, BackwardSDE])
def test_torchsde_has_the_law_of_the_path_on_a_warped_grid(method, build):
    process, n = _linear_gaussian(build), 4000
    backward = process.backward
    times = SineSquaredGrid().times(24, (0.0, 1.0), backward=backward)
    mean, variance = (0.0, 1.0) if backward else (1.0, 0.3)
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    x = 1 + math.sqrt(0.3) * start if backward else start
    keep = Keep(times, times[:0])
    got = Torchsde(method=method).solve(
        process, times, x, noise=GeneratorNoise(generator), keep=keep
    )
    bias = 0.06 if method == "euler" else 0.02
    assert abs(got.mean() - mean) < 4 * math.sqrt(variance / n) + bias / 4
    assert abs(got.var() / variance - 1) < 4 * math.sqrt(2 / n) + bias


def test_torchsde_is_fixed_by_the_seed_of_torch():
    times = UniformGrid().times(4, (0.0, 1.0))

    def run(seed):
        torch.manual_seed(seed)
        x = torch.randn(8, 1, dtype=torch.float64)
        return _solve(Torchsde(), _linear_gaussian(), times, x)[0]

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_torchsde_keeps_the_requested_times():
    times, x = UniformGrid().times(5, (0.0, 1.0)), torch.randn(8, 1, dtype=torch.float64)
    torch.manual_seed(5)
    got, path = _solve(Torchsde(), _linear_gaussian(), times, x, (0, 2, 5))
    torch.manual_seed(5)
    shorter, _ = _solve(Torchsde(), _linear_gaussian(), times[:3], x)
    torch.testing.assert_close(path[0], x)
    torch.testing.assert_close(path[1], shorter)
    assert torch.equal(path[2], got)


def test_adapters_are_not_loaded_before_they_are_used():
    code = (
        "import sys, interpolants.solver.torchsde, interpolants.solver.torchdiffeq as m\n"
        "m.Torchdiffeq()\n"
        "print(sorted({'torchsde', 'torchdiffeq'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("stem", stems("sampler/solver"))
def test_solver_is_refused_where_it_does_not_fit(stem):
    """An SDE never runs as an ODE, nor an ODE as an SDE."""
    solver, fields = load("sampler/solver", stem), exact_fields(_BRIDGE, ("velocity", "denoiser"))
    ode, sde = {"process": ProbabilityFlow}, {"process": ForwardSDE, "epsilon": 0.5}
    fits, misfit = (ode, sde) if "none" in solver.accepts else (sde, ode)
    Sampler(fields=fields, solver=solver, **fits)
    with pytest.raises(ValueError, match=r"Sampler.solver: expected a solver for an .*; use for"):
        Sampler(fields=fields, solver=solver, **misfit)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Torchdiffeq(method="heun"), "Torchdiffeq.method: expected one of dopri8"),
        (lambda: Torchdiffeq(method="explicit_adams"), "Torchdiffeq.method: "),
        (lambda: Torchdiffeq(rtol=0.0), "Torchdiffeq.rtol: expected a number > 0"),
        (lambda: Torchdiffeq(atol=-1.0), "Torchdiffeq.atol: expected a number > 0"),
        (lambda: Torchsde(method="milstein"), "Torchsde.method: expected one of euler"),
    ],
)
def test_adapter_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_torchsde_refuses_given_noise():
    times, x = UniformGrid().times(2, (0.0, 1.0)), torch.zeros(1, 1, dtype=torch.float64)
    noise, keep = GivenNoise(torch.zeros(2, 1, 1, 1)), Keep(times, times[:0])
    with pytest.raises(ValueError, match=r"Torchsde.noise: expected noise drawn from a generator"):
        Torchsde().solve(_linear_gaussian(), times, x, noise=noise, keep=keep)
