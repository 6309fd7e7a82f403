"""The density of the controlled paths relative to the plain ones, along each path."""

import pytest
import torch
from helpers.driven import additive, linear_path, one, ou_driver
from helpers.problems import times

from benchmarks.linear_control import LinearControl
from interpolants.driver.brownian import Brownian
from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.neural_sde.solver.driven_euler import DrivenEuler
from interpolants.neural_sde.solver.driven_heun import DrivenHeun
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.generator import GeneratorNoise

_DRIVERS = {"K=0": Brownian(), "I": ou_driver(0.3, random_slope=True), "II": ou_driver(0.8, "II")}
_NODES = PowerGrid(p=2).times(6, (0.0, 1.0))


def _bent(t, x, y, context):
    return 0.8 * torch.sin(2 * x + t) + 0.3 * torch.cos(y.sum(dim=-1))


def _ends(driver, solver, paths, pathwise, control=_bent):
    """Ends of many paths of a nonlinear equation, and their costs."""
    process = DrivenSDE(
        driver=driver,
        drift=lambda t, x: torch.cos(x) - x,
        diffusion=lambda t, x: 1 + 0.3 * torch.sin(x),
        control=control,
        path_kl=True,
        pathwise=pathwise,
    )
    generator = torch.Generator().manual_seed(0)
    state = process.start(torch.zeros(paths, 1, dtype=torch.float64), generator)
    plan = solver.plan(process, _NODES)
    end = integrate(plan, state, noise=GeneratorNoise(generator))
    return process.event(end)[:, 0], process.kl(end)[:, 0]


def _mean(values):
    return values.mean(), values.std() / len(values) ** 0.5


@pytest.mark.parametrize("single_noise", [False, True])
@pytest.mark.parametrize("name", _DRIVERS)
def test_log_ratio_weighs_controlled_paths_as_plain_ones(name, single_noise):
    """E_Q exp(-log dQ/dP) f = E_P f of any f, at six steps."""
    solver, driver = DrivenHeun(single_noise=single_noise), _DRIVERS[name]
    x, ratio = _ends(driver, solver, 40_000, pathwise=True)
    mean, error = _mean(torch.exp(-ratio))
    assert abs(mean - 1) < 4 * error < 0.05
    plain, _ = _ends(driver, solver, 40_000, pathwise=True, control=None)
    for f in (torch.sin, torch.square):
        (weighed, error), (exact, spread) = _mean(torch.exp(-ratio) * f(x)), _mean(f(plain))
        assert abs(weighed - exact) < 4 * (error.square() + spread.square()).sqrt()
    # Without weights the distribution is another.
    assert abs(x.mean() - plain.mean()) > 10 * plain.std() / 200


@pytest.mark.parametrize("name", _DRIVERS)
def test_log_ratio_has_the_path_kl_for_its_mean(name):
    _, ratio = _ends(_DRIVERS[name], DrivenHeun(), 40_000, pathwise=True)
    _, kl = _ends(_DRIVERS[name], DrivenHeun(), 40_000, pathwise=False)
    # On the same paths, so what is left is the integral of u dW.
    mean, error = _mean(ratio - kl)
    assert abs(mean) < 4 * error < 0.1 * kl.mean()


def test_log_ratio_of_a_constant_control_is_in_closed_form():
    """u (W - u t / 2) with W of the plain measure."""
    process = additive(
        Brownian(), control=lambda t, x, y, c: 0.7 * one(t, x), path_kl=True, pathwise=True
    )
    end = linear_path(DrivenEuler(), process, _NODES)[-1]
    x, ratio = process.event(end), process.kl(end)
    torch.testing.assert_close(ratio, 0.7 * (x - 0.35), rtol=1e-13, atol=1e-14)


def test_log_ratio_of_the_best_control_is_nearly_a_constant():
    """The evidence: log p(o | x) - log dQ/dP = log p(o) along every path, in the limit."""
    spreads = []
    for num_steps in (64, 256):
        driver, nodes = ou_driver(0.6, "II"), PowerGrid(p=3).times(num_steps, (0.0, 1.0))
        guide = LinearControl(driver=driver, observations=times(0.8), times=(1.0,), std=0.3)
        process = additive(driver, guide=guide, path_kl=True, pathwise=True)
        generator = torch.Generator().manual_seed(1)
        state = process.start(torch.zeros(2000, dtype=torch.float64), generator)
        plan = DrivenEuler().plan(process, nodes)
        end = integrate(plan, state, noise=GeneratorNoise(generator))
        noise = torch.distributions.Normal(process.event(end), 0.3)
        weight = noise.log_prob(times(0.8)) - process.kl(end)
        std = (driver.covariance(*times(1.0, 1.0)) + 0.09).sqrt()
        exact = torch.distributions.Normal(0.0, std).log_prob(times(0.8))
        evidence = weight.logsumexp(dim=0) - torch.tensor(2000.0).log()
        assert abs(evidence - exact) < 4 * weight.std() / 2000**0.5
        spreads.append(float(weight.std()))
    # The noise of the last step is left, whose share is of order 1/2.
    assert spreads[1] < 0.6 * spreads[0] < 0.2


def test_log_ratio_is_refused_where_no_cost_is_carried():
    with pytest.raises(ValueError, match=r"DrivenSDE.pathwise: expected false without path_kl"):
        additive(Brownian(), pathwise=True)
