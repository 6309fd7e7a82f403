"""Driven equations in the sense of Stratonovich, and what solves which."""

import math

import pytest
import torch
from helpers.driven import additive, ou_driver, zero

from interpolants.driver.brownian import Brownian
from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.neural_sde.solver.driven_euler import DrivenEuler
from interpolants.neural_sde.solver.driven_heun import DrivenHeun
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.coupled import CoupledNoise
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun


def _exponential_errors(solver, driver, counts):
    """Root mean square distance to exp(B), on one set of paths, for dX = X dB."""
    process = DrivenSDE(driver=driver, drift=zero, diffusion=lambda t, x: x)
    span, generator = (0.0, 1.0), torch.Generator().manual_seed(0)
    fine = UniformGrid().times(512, span)
    state = process.start(torch.ones(400, dtype=torch.float64), generator)
    z = torch.randn(512, 2, *state.shape, generator=generator, dtype=torch.float64)
    additive_noise, errors = additive(driver), []
    for num_steps in counts:
        nodes = UniformGrid().times(num_steps, span)
        noise = CoupledNoise(fine=fine, coarse=nodes, source=FixedNoise(z))
        ends = [
            integrate(scheme.plan(p, nodes), state - shift, noise=noise)[:, 0]
            for scheme, p, shift in (
                (solver, process, 0),
                (DrivenEuler(single_noise=True), additive_noise, _first(state)),
            )
        ]
        errors.append(float((ends[0] - ends[1].exp()).square().mean().sqrt()))
    return errors


def _first(state):
    """One in the place of X, zero elsewhere."""
    return torch.cat([torch.ones_like(state[:, :1]), torch.zeros_like(state[:, 1:])], dim=1)


@pytest.mark.parametrize("driver", [Brownian(), ou_driver(0.4)], ids=["K=0", "K=5"])
def test_driven_heun_follows_stratonovich_and_euler_does_not(driver):
    """dX = X dB has the solution exp(B); Euler's tends to exp(B - omega_bar^2 t / 2)."""
    counts = (64, 128, 256, 512)
    heun = _exponential_errors(DrivenHeun(single_noise=True), driver, counts)
    order = math.log2(heun[0] / heun[-1]) / 3
    assert abs(order - DrivenHeun.strong_order) < 0.15
    euler = _exponential_errors(DrivenEuler(single_noise=True), driver, counts)
    assert euler[-1] > 0.8 * euler[0] > 20 * heun[-1]


@pytest.mark.parametrize("driver", [Brownian(), ou_driver(0.4)], ids=["K=0", "K=5"])
def test_driven_euler_has_strong_order_one_where_noise_is_additive(driver):
    process = additive(driver, drift=lambda t, x: torch.sin(3 * x) - x)
    generator = torch.Generator().manual_seed(0)
    fine, solver = UniformGrid().times(1024, (0.0, 1.0)), DrivenEuler(single_noise=True)
    state = process.start(torch.ones(200, dtype=torch.float64), generator)
    z = torch.randn(1024, 2, *state.shape, generator=generator, dtype=torch.float64)
    ends = []
    for num_steps in (64, 128, 1024):
        nodes = UniformGrid().times(num_steps, (0.0, 1.0))
        noise = CoupledNoise(fine=fine, coarse=nodes, source=FixedNoise(z))
        ends.append(integrate(solver.plan(process, nodes), state, noise=noise)[:, 0])
    # The finest has an error too: 15 and 7 parts of its own are left of 16 and 8.
    ratio = float((ends[0] - ends[2]).norm() / (ends[1] - ends[2]).norm()) * (14 / 15)
    assert abs(math.log2(ratio) - DrivenEuler.strong_order) < 0.15


class _Plain(Process):
    def drift(self, t, x):
        return -x


def test_driven_equations_and_others_have_solvers_of_their_own():
    process = additive(Brownian())
    with pytest.raises(
        ValueError, match=r"SDE with a driver \(DrivenSDE\), got 'EulerMaruyama'; "
    ):
        EulerMaruyama().check(process)
    with pytest.raises(ValueError, match=r"expected a solver for an SDE with a driver .*'Heun'"):
        Heun().check(process)
    with pytest.raises(ValueError, match=r"solver for an ODE \(_Plain\), got 'DrivenEuler'"):
        DrivenEuler().check(_Plain())
    bent = DrivenSDE(driver=Brownian(), drift=zero, diffusion=lambda t, x: 1 + x.square())
    match = r"a Stratonovich scheme .* got 'DrivenEuler'; use DrivenHeun$"
    with pytest.raises(ValueError, match=match):
        DrivenEuler().check(bent)
    DrivenHeun().check(bent)
    DrivenEuler().check(process)
    with pytest.raises(ValueError, match=r"DrivenSDE.context: expected None without a control"):
        additive(Brownian(), context=torch.zeros(1))
    with pytest.raises(ValueError, match=r"DrivenSDE.path_kl: expected true"):
        process.kl(torch.zeros(3, 1))
