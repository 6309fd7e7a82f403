"""Other packages' solvers, against the planned ones."""

import math
import subprocess
import sys

import pytest
import torch
from helpers.problems import INTERPOLANTS, Gaussians, exact_fields
from helpers.problems import times as times_of

from interpolants.fields.fields import Fields
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import SaveTimes
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.solver.base import PlannedSolver, noise_at, steps
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.sampler.solver.torchdiffeq import Torchdiffeq
from interpolants.sampler.solver.torchsde import Torchsde
from interpolants.testing import linear_moments

_BRIDGE = LinearInterpolant(gamma=BrownianBridgeGamma(a=1.0))


def _flow():
    return ProbabilityFlow(fields=exact_fields(INTERPOLANTS["linear"], ("velocity",)))


def _solve(solver, process, times, x, at=()):
    at = times[list(at)]
    save_at = SaveTimes(times, at)
    return solver.solve(process, times, x, noise=GeneratorNoise(), save_at=save_at), save_at.path


@pytest.mark.parametrize(("method", "own"), [("euler", Euler()), ("heun2", Heun())])
@pytest.mark.parametrize("backward", [False, True])
def test_torchdiffeq_fixed_steps_equal_the_planned_ones(method, own, backward):
    times = SineSquaredGrid().times(12, (0.0, 1.0), backward=backward)
    x, at = torch.randn(6, 2, dtype=torch.float64), (0, 3, 7)
    got, path = _solve(Torchdiffeq(method=method), _flow(), times, x, at)
    expected, own_path = _solve(own, _flow(), times, x, at)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(path, own_path, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("method", "backward"), [("rk4", False), ("dopri5", True)])
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


def _linear_gaussian(build=ForwardSDE, target_mean=1.0):
    distribution = {"means": (0.0, target_mean), "covariances": (1.0, 0.3)}
    net = Gaussians(_BRIDGE, ("velocity", "score"), **distribution)
    return build(fields=net.fields(), epsilon=0.5)


class _StochasticMidpoint(PlannedSolver):
    """torchsde's: the drift half a step on, after half of the noise."""

    accepts, order, stages, channels = ("additive",), 2, 2, 1

    def nodes(self, times):
        return torch.stack([times[:-1], times[:-1] + steps(times) / 2], dim=1)

    def numbers(self, process, times):
        h = steps(times)
        return torch.stack([h, noise_at(process, times[:-1]) * h.abs().sqrt()], dim=1)

    def step(self, s, carry):
        (x,), (h, g) = carry, s.numbers
        middle = x + (h * s.drift(0, x) + g * s.z[0]) / 2
        return (x + h * s.drift(1, middle) + g * s.z[0],)


# The same schemes where the noise is constant; the reversible one is restarted at every step.
_OWN = {
    "euler": EulerMaruyama(),
    "heun": StochasticHeun(),
    "midpoint": _StochasticMidpoint(),
    "reversible_heun": StochasticHeun(),
}


@pytest.mark.parametrize("method", _OWN)
@pytest.mark.parametrize("build", [ForwardSDE, BackwardSDE])
def test_torchsde_has_the_moments_of_its_scheme_on_a_warped_grid(method, build):
    process, own, n = _linear_gaussian(build), _OWN[method], 4000
    backward = process.backward
    times = SineSquaredGrid().times(24, (0.0, 1.0), backward=backward)
    mean, variance = (1.0, 0.3) if backward else (0.0, 1.0)
    still = FixedNoise(torch.zeros(24, 1, 1, 1, dtype=torch.float64))
    nowhere = SaveTimes(times, times[:0])
    end_mean = own.solve(process, times, times_of(mean)[None], noise=still, save_at=nowhere)
    centred = _linear_gaussian(build, target_mean=0.0)
    end_variance = linear_moments(own, centred, times, variance)[1]
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    x, noise = mean + math.sqrt(variance) * start, GeneratorNoise(generator)
    got = Torchsde(method=method).solve(process, times, x, noise=noise, save_at=nowhere)
    assert abs(got.mean() - end_mean) < 4 * math.sqrt(end_variance / n)
    assert abs(got.var() / end_variance - 1) < 4 * math.sqrt(2 / n)


@pytest.mark.parametrize("method", _OWN)
@pytest.mark.parametrize("build", [ForwardSDE, BackwardSDE])
def test_torchsde_evaluates_the_drift_no_more_often_than_its_scheme(method, build):
    process = _linear_gaussian(build)
    times = SineSquaredGrid().times(20, (0.0, 1.0), backward=process.backward)
    calls = []
    process.fields.net.register_forward_hook(lambda *_: calls.append(1))
    _solve(Torchsde(method=method), process, times, torch.zeros(3, 1, dtype=torch.float64))
    assert len(calls) == 20 * _OWN[method].stages


def test_torchsde_draws_its_entropy_once_before_the_loop(monkeypatch):
    """Reading it at every step would wait for the device at every step."""
    draws, randint = [], torch.randint
    monkeypatch.setattr(torch, "randint", lambda *a, **k: draws.append(a) or randint(*a, **k))
    times, x = UniformGrid().times(6, (0.0, 1.0)), torch.zeros(3, 1, dtype=torch.float64)
    _solve(Torchsde(), _linear_gaussian(), times, x)
    assert len(draws) == 1


def test_adapters_declare_no_order_of_their_own():
    """It is that of the method, which they take as an argument."""
    assert not any(hasattr(solver, "order") for solver in (Torchsde(), Torchdiffeq()))


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
        "import sys\n"
        "from interpolants.sampler.solver import torchdiffeq, torchsde\n"
        "torchdiffeq.Torchdiffeq(), torchsde.Torchsde()\n"
        "print(sorted({'torchsde', 'torchdiffeq'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


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
    noise, save_at = FixedNoise(torch.zeros(2, 1, 1, 1)), SaveTimes(times, times[:0])
    with pytest.raises(ValueError, match=r"Torchsde.noise: expected noise drawn from a generator"):
        Torchsde().solve(_linear_gaussian(), times, x, noise=noise, save_at=save_at)
