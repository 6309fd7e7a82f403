"""Dale-Langevin: the reverse SDE in log x, and flows there, against closed forms."""

import itertools
import math
from functools import partial

import pytest
import torch
from helpers.compose import config_of
from helpers.multiplicative import (
    TARGET_A,
    TARGET_B,
    exact_fields,
    initial_states,
    log_normal_fields,
    mixture_fields,
    wasserstein,
)
from helpers.problems import times
from hydra.utils import instantiate

from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.geometric import GeometricGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.ambient_sde import AmbientSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.euler_maruyama_diagonal import EulerMaruyamaDiagonal
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.rk4 import RK4
from interpolants.testing import linear_moments
from interpolants.testing.common import normal
from interpolants.utils.seeds import keyed_generator

_SIGMA, _MEAN, _STD = 0.8, 0.3, 0.25
_SAMPLERS = ("dale_langevin", "ambient_euler", "ambient_milstein", "ancestral")


def _uniform(num_steps):
    return torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)


def _sde(fields, process=ForwardSDE):
    return process(fields=fields, epsilon=KLOptimalEpsilon())


def _chain_moments(num_steps):
    """m' = m - d sigma^2 (m - m_t) / v_t and V' = V (1 - d sigma^2 / v_t)^2 + sigma^2 d."""
    d = 1 / num_steps
    mean, variance = 0.0, 1.0
    for k in range(num_steps):
        pull = d * _SIGMA**2 / (_STD**2 + _SIGMA**2 * (1 - k * d))
        mean = mean - pull * (mean - _MEAN)
        variance = variance * (1 - pull) ** 2 + _SIGMA**2 * d
    return mean, variance


@pytest.mark.parametrize("num_steps", [1, 10, 80])
def test_dale_langevin_has_the_mean_and_variance_of_its_recursion(num_steps):
    process, nodes = _sde(log_normal_fields(_MEAN, _STD, _SIGMA)), _uniform(num_steps)
    still = torch.zeros(num_steps, 1, 1, 1, dtype=torch.float64)
    plan = EulerMaruyama().plan(process, nodes)
    mean = integrate(plan, torch.zeros(1, 1, dtype=torch.float64), noise=FixedNoise(still))
    # The moments of a law centred on the path: a response to the state, and to each normal.
    centred = _sde(log_normal_fields(0.0, _STD, _SIGMA))
    _, variance = linear_moments(EulerMaruyama(), centred, nodes, 1.0)
    expected = _chain_moments(num_steps)
    assert abs(float(mean) - expected[0]) < 1e-14
    assert abs(variance - expected[1]) < 1e-14


def test_dale_langevin_has_the_tabulated_variance_errors_and_order_one():
    """From the exact law at t=0, N = 10 to 1280; the mean is exact, were it not for rounding."""
    process = _sde(log_normal_fields(0.0, _STD, _SIGMA))
    table = [0.0411, 0.0185, 0.0086, 0.0041, 0.0020, 0.0010, 0.0005, 0.00025]
    errors = []
    for k in range(8):
        nodes = _uniform(10 * 2**k)
        first = _STD**2 + _SIGMA**2
        errors.append(linear_moments(EulerMaruyama(), process, nodes, first)[1] - _STD**2)
    assert errors == pytest.approx(table, rel=0.03)
    for coarse, fine in itertools.pairwise(errors[4:]):
        assert abs(math.log2(coarse / fine) - 1) < 0.03
    fields = log_normal_fields(_MEAN, _STD, _SIGMA)
    still = FixedNoise(torch.zeros(10, 1, 1, 1, dtype=torch.float64))
    start = torch.full((1, 1), _MEAN, dtype=torch.float64)
    end = integrate(EulerMaruyama().plan(_sde(fields), _uniform(10)), start, noise=still)
    assert abs(float(end) - _MEAN) < 1e-15


def _configured(stem, fields, *overrides):
    node = config_of(f"sampler={stem}", *overrides).sampler
    return instantiate(node, _convert_="all")(fields=fields)


def test_sampler_dale_langevin_is_euler_maruyama_in_log_x():
    """Bit by bit: the configured sampler, and the plan of the scheme with the mean at its end."""
    fields = exact_fields(TARGET_A, _SIGMA)
    sampler = _configured("dale_langevin", fields, "sampler.num_steps=12")
    x0, noise = normal((50, 1), 0), FixedNoise(normal((12, 1, 50, 1), 1))
    process = ForwardSDE(fields=fields, epsilon=KLOptimalEpsilon(), cut=1e-4)
    nodes = (1 - 1e-4) * (1 - (1 - _uniform(12)) ** 2)
    end = integrate(EulerMaruyama().plan(process, nodes), fields.base_state(x0), noise=noise)
    assert torch.equal(sampler(x0, noise=noise).x, fields.target_mean(nodes[-1], end))


@pytest.mark.parametrize("stem", _SAMPLERS)
def test_configured_sampler_has_the_moments_of_the_data(stem):
    """log x of target A: mean .215, deviation .256."""
    sampler, n = _configured(stem, mixture_fields(TARGET_A, _SIGMA)), 20_000
    generator = torch.Generator().manual_seed(0)
    x0 = initial_states(TARGET_A, _SIGMA, n, generator) / _SIGMA
    drawn = sampler(x0, generator=generator)
    mean = float(TARGET_A.weights @ TARGET_A.means[:, 0])
    square = TARGET_A.covariances[:, 0, 0] + TARGET_A.means[:, 0].square()
    std = math.sqrt(float(TARGET_A.weights @ square) - mean**2)
    assert drawn.outside == (0 if stem.startswith("ambient") else None)
    assert abs(float(drawn.x.mean()) - mean) < 5 * std / math.sqrt(n)
    assert abs(float(drawn.x.std()) - std) < 0.01


def test_probability_flow_of_a_log_normal_is_a_power_law():
    """x_t = exp(m_t + sqrt(v_t / v_0) (log x_0 - m_0))."""
    process = ProbabilityFlow(fields=log_normal_fields(_MEAN, _STD, _SIGMA))
    x = torch.tensor([0.02, 0.9, 1.4, 30.0], dtype=torch.float64)[:, None]
    first = _STD**2 + _SIGMA**2
    for last in (0.5, 0.9):
        power = math.sqrt((_STD**2 + _SIGMA**2 * (1 - last)) / first)
        exact = math.exp(_MEAN) * (x / math.exp(_MEAN)) ** power
        plan = RK4().plan(process, last * _uniform(60))
        torch.testing.assert_close(integrate(plan, x.log()).exp(), exact, rtol=1e-7, atol=0)


def test_euler_flow_of_a_log_normal_has_the_variance_of_its_recursion():
    process = ProbabilityFlow(fields=log_normal_fields(0.0, _STD, _SIGMA))
    end = integrate(Euler().plan(process, _uniform(20)), torch.ones(1, 1, dtype=torch.float64))
    rates = _SIGMA**2 / (2 * (_STD**2 + _SIGMA**2 * (1 - _uniform(20)[:-1])))
    assert abs(float(end) - float((1 - rates / 20).prod())) < 1e-14


@pytest.mark.parametrize("stem", _SAMPLERS)
def test_sampler_lands_on_data_of_a_single_point(stem):
    drawn = _configured(stem, log_normal_fields(-1.2, 0.0, _SIGMA))(
        normal((40, 1), 0), generator=keyed_generator(1)
    )
    torch.testing.assert_close(drawn.x, torch.full_like(drawn.x, -1.2), rtol=0, atol=1e-12)


def _survive(n):
    for step in (0.1, 0.5, 1.0, 3.0):
        for num_steps in (1, 4):
            sigma = step * math.sqrt(num_steps)
            fields, generator = mixture_fields(TARGET_B, sigma), torch.Generator().manual_seed(0)
            y = initial_states(TARGET_B, sigma, n, generator).float()
            plan = EulerMaruyama().plan(_sde(fields), _uniform(num_steps))
            x = integrate(plan, y, noise=GeneratorNoise(generator)).exp()
            assert x.dtype == torch.float32
            assert ((x > 0) & x.isfinite()).all(), (step, num_steps)


def test_dale_langevin_loses_no_chain_however_long_its_steps():
    """sigma sqrt(d) from .1 to 3, in float32."""
    _survive(100_000)


@pytest.mark.slow
def test_dale_langevin_loses_none_of_a_million_chains():
    _survive(1_000_000)


# W1 of 100,000 logarithms on a uniform grid from the exact law at t=0, and its noise floor.
_TABLE = [
    (TARGET_A, 0.8, 0.0006, EulerMaruyama(), {50: 0.0614, 100: 0.0351, 200: 0.0182}),
    (TARGET_A, 0.8, 0.0006, EulerMaruyamaDiagonal(), {50: 0.0622, 100: 0.0351, 200: 0.0181}),
    (TARGET_B, 1.5, 0.0045, EulerMaruyama(), {50: 0.0499, 100: 0.0247, 200: 0.0122}),
    (TARGET_B, 1.5, 0.0045, EulerMaruyamaDiagonal(), {100: 0.0319, 200: 0.0184}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "sigma", "floor", "solver", "table"), _TABLE)
def test_reverse_samplers_have_the_tabulated_distances(target, sigma, floor, solver, table):
    """Within three noise floors: the table is a simulation too."""
    process = _sde(
        mixture_fields(target, sigma),
        AmbientSDE if isinstance(solver, EulerMaruyamaDiagonal) else ForwardSDE,
    )
    for num_steps, expected in table.items():
        generator = torch.Generator().manual_seed(num_steps)
        y = initial_states(target, sigma, 100_000, generator)
        plan = solver.plan(process, _uniform(num_steps))
        end = integrate(plan, process.encode(y), noise=GeneratorNoise(generator))
        assert abs(wasserstein(process.decode(end), target) - expected) < 3 * floor


def test_grid_matters_more_than_the_sampler():
    """Twenty steps to target A: Heun's flow on a geometric grid, and Dale-Langevin's uniform."""
    fields, generator = mixture_fields(TARGET_A, _SIGMA), torch.Generator().manual_seed(0)
    y = initial_states(TARGET_A, _SIGMA, 50_000, generator)
    noise = GeneratorNoise(generator)
    chain = integrate(EulerMaruyama().plan(_sde(fields), _uniform(20)), y, noise=noise)
    flow = Sampler(
        fields=fields,
        process=partial(ProbabilityFlow, cut=1e-4),
        solver=Heun(),
        grid=GeometricGrid(ratio=1e-4),
        num_steps=20,
    )
    distances = [wasserstein(end, TARGET_A) for end in (flow(y / _SIGMA).x, chain)]
    assert distances[1] == pytest.approx(0.103, abs=0.003)
    assert 10 * distances[0] < distances[1]


def test_mixture_score_is_that_of_the_exact_fields():
    y = torch.linspace(-3, 3, 30, dtype=torch.float64)[:, None]
    for target, sigma in ((TARGET_A, 0.8), (TARGET_B, 1.5)):
        slow, fast = exact_fields(target, sigma), mixture_fields(target, sigma)
        for t in times(0.0, 0.4, 0.99):
            torch.testing.assert_close(fast.score(t, y), slow.score(t, y))
