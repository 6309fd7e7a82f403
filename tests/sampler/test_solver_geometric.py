"""Geometric noise: log-Euler and Milstein through the same loop."""

import math

import pytest
import torch
from helpers.problems import times

from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.mode.checkpointed import Checkpointed
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.euler_maruyama_diagonal import EulerMaruyamaDiagonal
from interpolants.sampler.solver.log_euler import LogEuler
from interpolants.sampler.solver.milstein import Milstein
from interpolants.testing.orders import gauss_hermite, second_moment, strong_errors
from interpolants.testing.problems import Charted, Turning


class _Geometric(Process):
    """dX = (r + slope t) X (1 - crowding X) dt + sqrt(v0 + v1 t) X dW."""

    noise_type = "geometric"

    def __init__(self, rate=0.4, slope=0.0, crowding=0.0, v0=0.25, v1=0.0):
        self.rate, self.slope, self.crowding = rate, slope, crowding
        self.v0, self.v1 = v0, v1

    def drift(self, t, x):
        return (self.rate + self.slope * t) * x * (1 - self.crowding * x)

    def diffusion(self, t):
        return (self.v0 + self.v1 * t).sqrt()


def _uniform(num_steps):
    return torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)


@pytest.mark.parametrize("num_steps", [1, 2, 17])
@pytest.mark.parametrize("backward", [False, True])
def test_log_euler_is_geometric_brownian_motion_on_every_path(num_steps, backward):
    """X_T = X_0 exp((r - sigma^2 / 2) T + sigma W_T); against time, the drift changes sign."""
    nodes = PowerGrid(p=1.7).times(num_steps, (0.0, 2.0), backward=backward)
    x = torch.rand(4, 3, dtype=torch.float64) + 0.5
    z = torch.randn(num_steps, 1, 4, 3, dtype=torch.float64)
    end = integrate(LogEuler().plan(_Geometric(), nodes), x, noise=FixedNoise(z))
    path = torch.einsum("n,nbd->bd", nodes.diff().abs().sqrt(), z[:, 0])
    drift = -0.4 * 2 if backward else 0.4 * 2
    exact = x * torch.exp(drift - 0.25 / 2 * 2 + 0.5 * path)
    torch.testing.assert_close(end, exact, rtol=1e-14, atol=0)


def test_log_euler_has_the_law_of_geometric_brownian_motion():
    """log X_T is normal with variance the integral of sigma^2, exactly where that is linear:
    each normal alone, and the sum of the squares of what it does."""
    n, process = 9, _Geometric(v0=0.1, v1=0.6)
    nodes = PowerGrid(p=1.7).times(n, (0.0, 1.0))
    z = torch.cat([torch.zeros(n, 1), torch.eye(n)], dim=1).double()[:, None, :, None]
    x = torch.full((n + 1, 1), 1.3, dtype=torch.float64)
    end = integrate(LogEuler().plan(process, nodes), x, noise=FixedNoise(z)).log()
    variance = 0.1 + 0.6 / 2
    assert abs(float(end[0]) - (math.log(1.3) + 0.4 - variance / 2)) < 1e-14
    assert abs(float((end[1:] - end[0]).square().sum()) - variance) < 1e-14


def test_log_euler_has_the_moments_of_geometric_brownian_motion():
    """E X^2 = exp(2 r + sigma^2), at any number of steps."""
    for n in (1, 3):
        got = second_moment(LogEuler(), _Geometric(), _uniform(n), 1.0)
        assert abs(got / math.exp(2 * 0.4 + 0.25) - 1) < 1e-12


def test_log_euler_keeps_states_positive_where_the_noise_is_wild():
    process, x = _Geometric(v0=30.0), torch.ones(2000, 1, dtype=torch.float64)
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    end = integrate(LogEuler().plan(process, _uniform(4)), x, noise=noise)
    assert (end > 0).all()


@pytest.mark.parametrize("solver", [LogEuler(), Milstein()])
def test_scheme_has_strong_order_one_on_the_stochastic_logistic(solver):
    """X = X_0 E / (1 + X_0 int r E dt), E_t = exp(int (r - sigma^2 / 2) dt + sigma W), by the
    trapezoidal rule on a path of 2^13 steps."""
    fine, paths, sigma = 2**13, 300, 0.8
    generator = torch.Generator().manual_seed(0)
    dw = torch.randn(fine, paths, 1, generator=generator, dtype=torch.float64) / fine**0.5
    t = _uniform(fine)[:, None, None]
    brownian = torch.cat([dw[:1] * 0, dw.cumsum(0)])
    factor = torch.exp((2.0 - sigma**2 / 2) * t + sigma * brownian)
    integral = 2.0 * torch.trapezoid(factor, dx=1 / fine, dim=0)
    exact = 0.3 * factor[-1] / (1 + 0.3 * integral)
    process = _Geometric(rate=2.0, crowding=1.0, v0=sigma**2)
    errors = []
    for n in (32, 128):
        z = dw.view(n, -1, paths, 1).sum(1)[:, None] * n**0.5
        x = torch.full((paths, 1), 0.3, dtype=torch.float64)
        end = integrate(solver.plan(process, _uniform(n)), x, noise=FixedNoise(z))
        errors.append(float((end - exact).square().mean().sqrt()))
    assert abs(math.log2(errors[0] / errors[1]) / 2 - 1) < 0.15


def test_milstein_has_strong_order_one_where_euler_has_half():
    process, nodes = Charted("diagonal", Turning()), _uniform(1024)
    errors = strong_errors(Milstein(), process, nodes, (32, 128), 500)
    assert abs(math.log2(errors[0] / errors[1]) / 2 - 1) < 0.15
    crude = strong_errors(EulerMaruyamaDiagonal(), process, nodes, (32, 128), 500)
    assert abs(math.log2(crude[0] / crude[1]) / 2 - 0.5) < 0.15
    assert crude[1] > 3 * errors[1]


@pytest.mark.parametrize("solver", [Milstein(), EulerMaruyamaDiagonal()])
def test_scheme_is_euler_maruyama_where_the_noise_does_not_depend_on_the_state(solver):
    """A diffusion without a slope, of a shape that only broadcasts to the state's."""

    class Constant(Process):
        noise_type = "diagonal"

        def drift(self, t, x):
            return torch.sin(x)

        def diffusion_at(self, c, x):
            return torch.cos(c[0])

    nodes, x = times(0.0, 0.3, 0.4), torch.randn(3, 2, dtype=torch.float64)
    z = torch.randn(2, 1, 3, 2, dtype=torch.float64)
    end = integrate(solver.plan(Constant(), nodes), x, noise=FixedNoise(z))
    for k, h in enumerate(nodes.diff()):
        x = x + h * torch.sin(x) + h.sqrt() * torch.cos(nodes[k]) * z[k, 0]
    torch.testing.assert_close(end, x)


def test_milstein_passes_gradients_through_the_slope_of_the_noise():
    process, nodes = Charted("diagonal", Turning()), _uniform(3)
    z = torch.randn(3, 1, 1, 2, dtype=torch.float64)

    def run(x):
        return integrate(Milstein().plan(process, nodes), x, noise=FixedNoise(z))

    x = torch.tensor([[0.3, -0.4]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(run, (x,))
    (plain,) = torch.autograd.grad(run(x).sum(), x)
    plan = Milstein().plan(process, nodes)
    end = integrate(plan, x, noise=FixedNoise(z), mode=Checkpointed(block=2))
    torch.testing.assert_close(torch.autograd.grad(end.sum(), x), (plain,))


def test_gauss_hermite_integrates_powers_of_a_normal():
    z, weights = gauss_hermite(10)
    moments = torch.stack([(z**power * weights).sum() for power in range(9)])
    torch.testing.assert_close(moments, times(1, 0, 1, 0, 3, 0, 15, 0, 105))
