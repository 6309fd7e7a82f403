"""Weak and strong orders on a nonlinear SDE, without Monte Carlo.

The equation is a rotor, dX = (1 + t) sin(X) dt + g(t) dW, seen through exp(i X). Drift and
diffusion have the period of the circle, so that E[exp(i X_N)] follows from the Kolmogorov
recursion of a scheme

    u_N(x) = exp(i x),    u_k(x) = E u_{k+1}(step_k(x, z))

with trigonometric interpolation in x and Gauss-Hermite quadrature over z: there is nothing to
truncate, and both converge faster than any power. A two-step scheme also remembers a drift, which
lies between known bounds and takes Chebyshev polynomials. The exact value solves the equations of
the Fourier modes c_m = E exp(i m X), of which the noise damps all but a few:

    c_m' = (1 + t) m / 2 (c_{m+1} - c_{m-1}) - m^2 g^2 / 2 c_m
"""

import functools
import math

import pytest
import torch

from interpolants.sampler.integrate import advance
from interpolants.sampler.plan import Stages
from interpolants.sampler.solver.ab2_maruyama import AB2Maruyama
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.sra1 import SRA1
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.sampler.solver.strang import Strang
from interpolants.testing.orders import gauss_hermite, strong_errors
from interpolants.testing.problems import Charted, Turning

_START = 0.7
_ROTOR = Turning()
# Most the drift can be: twice the rate, at t=1.
_BOUND = 2.0
_MODES, _DEGREES, _NORMALS = 16, 8, 12


@functools.cache
def _exact():
    """E exp(i X_1), by the classical Runge-Kutta method on 81 modes."""
    m = torch.arange(-40, 41).to(torch.complex128)
    c, h = torch.exp(1j * m * _START), 1 / 2000

    def rate(t, c):
        zero = c.new_zeros(1)
        above, below = torch.cat([c[1:], zero]), torch.cat([zero, c[:-1]])
        g = _ROTOR.diffusion(torch.tensor(t, dtype=torch.float64))
        return 0.5 * (1 + t) * m * (above - below) - 0.5 * (m * g).square() * c

    for k in range(2000):
        t = k * h
        k1 = rate(t, c)
        k2 = rate(t + h / 2, c + h / 2 * k1)
        k3 = rate(t + h / 2, c + h / 2 * k2)
        c = c + h / 6 * (k1 + 2 * (k2 + k3) + rate(t + h, c + h * k3))
    return complex(c[41])


def _waves(x):
    """exp(i m x) for every mode, (n, 2 modes + 1)."""
    return torch.exp(1j * x[:, None] * torch.arange(-_MODES, _MODES + 1))


def _polynomials(drift, degrees):
    """Chebyshev polynomials of what a scheme remembers, (n, degrees)."""
    angle = torch.acos((drift / _BOUND).clamp(-1, 1))
    return torch.cos(angle[:, None] * torch.arange(degrees)).to(torch.complex128)


def _normals(channels):
    """Quadrature over the normals of a step: (points, channels) and (points,)."""
    z, weights = gauss_hermite(_NORMALS)
    points = torch.cartesian_prod(*[z] * channels).view(-1, channels)
    return points, torch.cartesian_prod(*[weights] * channels).view(len(points), -1).prod(1)


def _expected(solver, num_steps, step=None):
    """E exp(i X_N) of a scheme from the start, exactly up to interpolation."""
    plan = solver.plan(_ROTOR, torch.linspace(0, 1, num_steps + 1, dtype=torch.float64))
    (segment,) = plan.segments
    degrees = _DEGREES if len(plan.start(torch.zeros(1, 1))) == 2 else 1
    circle = 2 * math.pi * torch.arange(2 * _MODES + 1, dtype=torch.float64) / (2 * _MODES + 1)
    zeros = math.pi * (torch.arange(degrees, dtype=torch.float64) + 0.5) / degrees
    x, past = (v.flatten() for v in torch.meshgrid(circle, _BOUND * zeros.cos(), indexing="ij"))
    to_waves = torch.linalg.inv(_waves(circle))
    to_polynomials = torch.linalg.inv(_polynomials(_BOUND * zeros.cos(), degrees)).mT
    z, weights = _normals(solver.channels)
    value = torch.exp(1j * x)
    for k in reversed(range(num_steps)):
        if k == 0:
            x, past = torch.tensor([_START], dtype=torch.float64), x.new_zeros(1)
        carry = tuple(v.repeat_interleave(len(z))[:, None] for v in (x, past)[: 1 + (degrees > 1)])
        normals = z.repeat(len(x), 1).mT[None, :, :, None]
        stages = segment.stages(x)[k : k + 1]
        end = advance(segment.equation, step or segment.step, stages, normals, carry)
        known = to_waves @ value.view(len(circle), degrees) @ to_polynomials
        terms = (_waves(end[0][:, 0]) @ known) * _polynomials(end[-1][:, 0], degrees)
        value = (terms.sum(1).view(-1, len(z)) * weights).sum(1)
    return complex(value)


def _order(errors):
    return math.log2(errors[-2] / errors[-1])


_SOLVERS = [EulerMaruyama(), StochasticHeun(), Strang(), SRA1(), AB2Maruyama()]


@pytest.mark.parametrize("solver", _SOLVERS)
def test_scheme_has_its_weak_order_on_a_nonlinear_drift(solver):
    errors = [abs(_expected(solver, n) - _exact()) for n in (16, 32, 64)]
    assert abs(_order(errors) - solver.order) < 0.05, errors
    assert abs(_order(errors[:2]) - solver.order) < 0.1, errors


def _heun(s, carry):
    return Heun().step(Stages(s.equation, s.coefficients, s.numbers[:2]), carry)


def _noise_first(s, carry):
    (x,), (_, _, g) = carry, s.numbers
    return _heun(s, (torch.addcmul(x, s.z[0], g),))


def _noise_last(s, carry):
    (x,) = _heun(s, carry)
    return (torch.addcmul(x, s.z[0], s.numbers[2]),)


@pytest.mark.parametrize("step", [_noise_first, _noise_last])
def test_noise_before_or_after_a_heun_step_has_weak_order_one(step):
    """What published samplers do under the name of Heun."""
    errors = [abs(_expected(StochasticHeun(), n, step) - _exact()) for n in (32, 64)]
    assert abs(_order(errors) - 1) < 0.1
    assert errors[1] > 20 * abs(_expected(StochasticHeun(), 64) - _exact())


@pytest.mark.parametrize("solver", _SOLVERS)
def test_scheme_has_its_strong_order_where_the_noise_is_large(solver):
    """The terms that order 1.5 leaves are those that a nonlinear drift makes of the noise."""
    times = torch.linspace(0, 1, 1025, dtype=torch.float64)
    process = Charted("additive", Turning(noise=4.0))
    errors = strong_errors(solver, process, times, (32, 128), 1000)
    assert abs(_order(errors) / 2 - solver.strong_order) < 0.15, errors


def test_sra1_does_better_than_its_strong_order_where_the_noise_is_small():
    """Order 1.5 is guaranteed; where what it leaves is small, the next order shows first."""
    times = torch.linspace(0, 1, 1025, dtype=torch.float64)
    errors = strong_errors(SRA1(), Charted("additive", Turning()), times, (16, 64), 1000)
    assert 1.5 < _order(errors) / 2 < 2.05
