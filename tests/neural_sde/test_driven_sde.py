"""Driven equations on the loop: covariances, control and its cost, gradients, errors."""

import math

import pytest
import torch
from helpers.driven import additive, linear_path, linear_system, lyapunov, ou_driver, start_of
from helpers.problems import times

from benchmarks.linear_control import LinearControl
from interpolants.driver.brownian import Brownian
from interpolants.driver.hurst import Hurst
from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.neural_sde.solver.driven_euler import DrivenEuler
from interpolants.neural_sde.solver.driven_heun import DrivenHeun
from interpolants.sampler.grid.geometric import GeometricGrid
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.mode.checkpointed import Checkpointed
from interpolants.sampler.mode.compiled import Compiled
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise

_SOLVERS = [DrivenEuler(), DrivenHeun()]
_DRIVERS = {"K=0": Brownian(), "I": ou_driver(0.3, random_slope=True), "II": ou_driver(0.8, "II")}


def _pairs(nodes):
    return torch.meshgrid(nodes, nodes, indexing="ij")


@pytest.mark.parametrize("num_steps", [1, 6, 17])
@pytest.mark.parametrize("grid", [UniformGrid(), PowerGrid(p=3), GeometricGrid(ratio=0.01)])
@pytest.mark.parametrize("name", _DRIVERS)
@pytest.mark.parametrize("solver", _SOLVERS)
def test_driven_process_has_the_covariance_of_its_driver(num_steps, grid, name, solver):
    """Exactly, at any number of steps."""
    driver, nodes = _DRIVERS[name], grid.times(num_steps, (0.0, 1.3))
    x = linear_path(solver, additive(driver), nodes)[..., 0]
    exact = driver.covariance(*_pairs(nodes))
    torch.testing.assert_close(x @ x.mT, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("solver", "order"), [(DrivenEuler(), 1), (DrivenHeun(), 2)])
@pytest.mark.parametrize(("hurst", "kind"), [(0.3, "I"), (0.7, "I"), (0.3, "II"), (0.9, "II")])
def test_driven_ornstein_uhlenbeck_tends_to_the_solution_of_its_lyapunov_equation(
    solver, order, hurst, kind
):
    driver, theta = ou_driver(hurst, kind), 1.5
    exact = lyapunov(*linear_system(driver, times(theta)), start_of(driver), 2.0)
    process, errors = additive(driver, drift=lambda t, x: -theta * x), []
    for num_steps in (100, 200):
        state = linear_path(solver, process, UniformGrid().times(num_steps, (0.0, 2.0)))[-1]
        covariance = state.mT @ state
        # The OU processes themselves have no error.
        torch.testing.assert_close(covariance[1:, 1:], exact[1:, 1:], rtol=1e-11, atol=1e-12)
        errors.append(float((covariance - exact)[0].norm() / exact[0].norm()))
    assert abs(math.log2(errors[0] / errors[1]) - order) < 0.15
    assert errors[1] < (0.02 if order == 1 else 2e-3)


@pytest.mark.parametrize("name", _DRIVERS)
@pytest.mark.parametrize("solver", _SOLVERS)
@pytest.mark.parametrize("num_steps", [1, 9])
def test_driven_path_kl_of_a_constant_control_is_half_its_square(name, solver, num_steps):
    def control(t, x, y, context):
        return times(0.7, -1.4)

    process = additive(_DRIVERS[name], control=control, path_kl=True)
    state = process.start(torch.zeros(3, 2, dtype=torch.float64), torch.Generator())
    plan = solver.plan(process, PowerGrid(p=2).times(num_steps, (0.0, 1.0)))
    end = integrate(plan, state, noise=GeneratorNoise(torch.Generator()))
    expected = times(0.245, 0.98).expand(3, 2)
    torch.testing.assert_close(process.kl(end), expected, rtol=1e-14, atol=0)
    prior = additive(_DRIVERS[name], path_kl=True)
    plan = solver.plan(prior, PowerGrid(p=2).times(num_steps, (0.0, 1.0)))
    end = integrate(plan, state, noise=GeneratorNoise(torch.Generator()))
    assert torch.equal(prior.kl(end), torch.zeros(3, 2, dtype=torch.float64))


def _swing(t, x, y, context):
    """A control that depends on all there is."""
    return torch.sin(x + 3 * t) + y.sum(dim=-1) * 0.2 + context[:, :1] * 0.5


def _leaning(t, x):
    return torch.cos(x) - x + t


def _wavy(t, x):
    return 1 + 0.4 * torch.sin(x + t)


@pytest.mark.parametrize("name", _DRIVERS)
@pytest.mark.parametrize("solver", [*_SOLVERS, DrivenHeun(single_noise=True)])
def test_driven_control_is_a_shift_of_the_noise(name, solver):
    """The controlled path is the plain one where every dW has u h more: in X and in each Y."""
    driver, nodes = _DRIVERS[name], UniformGrid().times(7, (0.0, 1.0))
    generator = torch.Generator().manual_seed(0)
    context = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    shifts = []

    def control(t, x, y, context):
        shifts.append(_swing(t, x, y, context))
        return shifts[-1]

    parts = {"driver": driver, "drift": _leaning, "diffusion": _wavy}
    posterior = DrivenSDE(**parts, control=control, context=context)
    prior = DrivenSDE(**parts)
    x = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    state = posterior.start(x, generator)
    z = torch.randn(7, 1, *state.shape, generator=generator, dtype=torch.float64)
    end = integrate(solver.plan(posterior, nodes), state, noise=FixedNoise(z))
    assert len(shifts) == 7
    table = solver.numbers(prior, nodes)[:, 0]
    # With R^T R the covariance, R's column of W is what moves W by h and the states as u does.
    weight = table[:, 3:, 0]
    shifted = z.clone()
    shifted[:, 0, ..., : weight.shape[1]] += torch.stack(shifts)[..., None] * weight[:, None, None]
    plain = integrate(solver.plan(prior, nodes), state, noise=FixedNoise(shifted))
    torch.testing.assert_close(end, plain, rtol=1e-11, atol=1e-11)
    free = integrate(solver.plan(prior, nodes), state, noise=FixedNoise(z))
    assert (end - free)[..., 0].abs().min() > 1e-3


def _learned(parameters, context=None, mode=None, solver=None, dtype=torch.float64):
    """A loss of all that is learned: index, drift, diffusion, control, observations."""
    logit, rate, size, gain = parameters
    hurst = Hurst(value=0.3, learnable=True).double()
    del hurst.logit
    hurst.logit = logit
    driver = ou_driver(hurst, random_slope=True)
    process = DrivenSDE(
        driver=driver,
        drift=lambda t, x: -rate * torch.sin(x),
        diffusion=lambda t, x: size * _wavy(t, x),
        control=lambda t, x, y, c: gain * _swing(t, x, y, c),
        guide=LinearControl(
            driver=driver,
            observations=context[:, :2, None],
            times=(1.0,),
            std=0.7,
            scale=size,
        ),
        context=context,
        path_kl=True,
    )
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 2, generator=generator, dtype=torch.float64)
    state = process.start(x, generator)
    z = torch.randn(10, 1, *state.shape, generator=generator, dtype=torch.float64)
    plan = (solver or DrivenHeun()).plan(process, PowerGrid(p=2).times(10, (0.0, 1.0)))
    end = integrate(plan, state.to(dtype), noise=FixedNoise(z.to(dtype)), mode=mode)
    return process.event(end).square().mean() + process.kl(end).mean()


def _parameters():
    values = (math.log(0.3 / 0.7), 0.8, 0.6, 0.9)
    found = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    generator = torch.Generator().manual_seed(2)
    context = torch.randn(5, 3, generator=generator, dtype=torch.float64).requires_grad_()
    return found, context


@pytest.mark.parametrize("solver", _SOLVERS)
def test_driven_gradients_are_those_of_finite_differences(solver):
    parameters, context = _parameters()
    loss = _learned(parameters, context, solver=solver)
    gradients = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for k, gradient in enumerate(gradients):
            ends = []
            for sign in (1, -1):
                moved = [p + sign * 1e-5 * (i == k) for i, p in enumerate(parameters)]
                ends.append(_learned(moved, context, solver=solver))
            slope = (ends[0] - ends[1]) / 2e-5
            torch.testing.assert_close(gradient, slope, rtol=1e-7, atol=1e-9)
            assert gradient.abs() > 1e-3


@pytest.mark.parametrize("solver", _SOLVERS)
def test_driven_gradients_are_the_same_where_blocks_are_recomputed(solver):
    parameters, context = _parameters()
    found = []
    for mode in (None, Checkpointed(block=4)):
        loss = _learned(parameters, context, mode, solver)
        found.append((loss, *torch.autograd.grad(loss, [*parameters, context])))
    for plain, other in zip(*found, strict=True):
        torch.testing.assert_close(plain, other, rtol=1e-13, atol=1e-15)
    assert found[0][-1].abs().max() > 1e-3


@pytest.mark.slow
def test_driven_gradients_are_the_same_where_blocks_are_compiled():
    parameters, context = _parameters()
    found = []
    for mode in (None, Compiled(block=4)):
        loss = _learned(parameters, context, mode)
        found.append((loss, *torch.autograd.grad(loss, [*parameters, context])))
    for plain, other in zip(*found, strict=True):
        torch.testing.assert_close(plain, other, rtol=1e-12, atol=1e-13)


def test_driven_solve_in_float32_follows_the_one_in_float64():
    parameters, context = _parameters()
    double = _learned(parameters, context)
    single = _learned(
        [p.detach().float() for p in parameters], context.detach().float(), dtype=torch.float32
    )
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=2e-5, atol=0)


def test_driven_solve_computes_the_readout_once():
    driver, calls = ou_driver(0.3), []
    process = additive(driver)
    plan = DrivenEuler().plan(process, UniformGrid().times(12, (0.0, 1.0)))
    weights, driver.readout = driver.readout, lambda: calls.append(0) or weights()
    state = process.start(torch.zeros(2, 3), torch.Generator())
    for mode in (None, Checkpointed(block=5)):
        integrate(plan, state, noise=GeneratorNoise(torch.Generator()), mode=mode)
    assert len(calls) == 2


def test_driven_coordinates_have_an_index_each():
    """Each coordinate has the distribution of its index."""
    driver = ou_driver((0.3, 0.8))
    process, nodes = additive(driver), UniformGrid().times(5, (0.0, 1.0))
    solver = DrivenEuler()
    state = process.start(torch.zeros(3, 2, dtype=torch.float64), torch.Generator().manual_seed(0))
    z = torch.randn(5, 1, *state.shape, dtype=torch.float64)
    both = integrate(solver.plan(process, nodes), state, noise=FixedNoise(z))
    for k, hurst in enumerate((0.3, 0.8)):
        plan = solver.plan(additive(ou_driver(hurst)), nodes)
        alone = integrate(plan, state[:, k], noise=FixedNoise(z[:, :, :, k]))
        torch.testing.assert_close(both[:, k], alone, rtol=1e-13, atol=1e-13)
