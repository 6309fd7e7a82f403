"""Fractional diffusion: what a state with memory tells of data, and its two samplers."""

import math
from functools import partial

import pytest
import torch
from helpers.memory import SCHEDULES, linear_distribution, noise_of, ou_driver, responses
from helpers.problems import INTERPOLANTS, ConditionedNetwork, Gaussians, load

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.driver.brownian import Brownian
from interpolants.driver.fractional_noise import FractionalNoise
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.interpolant.schedule.constant import ConstantSchedule
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.fractional import FractionalGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.per_sample import PerSampleNoise
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.fractional_flow import FractionalFlow
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.ancestral import Ancestral
from interpolants.sampler.solver.dpm_solver import DPMSolver
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.linear_gaussian import LinearGaussian
from interpolants.testing.common import normal
from interpolants.testing.exact import ExactFields


def _times(*values):
    return torch.tensor(values, dtype=torch.float64)


def _gaussian_fields(path=None, variance=0.09, mean=0.5):
    path = OneSidedLinearInterpolant() if path is None else path
    return Gaussians(
        path, ("target_mean",), means=(0.0, mean), covariances=(1.0, variance)
    ).fields()


def _flow_sampler(fields, noise, num_steps):
    process, grid = partial(FractionalFlow, noise=noise), FractionalGrid(noise=noise)
    return Sampler(
        fields=fields, process=process, solver=LinearGaussian(), grid=grid, num_steps=num_steps
    )


@pytest.mark.parametrize(("hurst", "count"), [(0.9, 2), (0.3, 3)])
@pytest.mark.parametrize("kind", SCHEDULES)
def test_flow_has_order_two_on_gaussian_data(hurst, count, kind):
    path, noise = OneSidedLinearInterpolant(), noise_of(hurst, count, kind)
    process = FractionalFlow(fields=_gaussian_fields(), noise=noise)
    errors = []
    for n in (100, 200):
        times = FractionalGrid(noise=noise).times(n, (0.0, 0.9), log_snr=path.log_snr)
        mean, variance = linear_distribution(process, times)
        errors.append(abs(variance - (0.1**2 + 0.9**2 * 0.09)))
        assert abs(mean - 0.9 * 0.5) < 1e-3
    assert errors[1] < 1e-3
    assert math.log2(errors[0] / errors[1]) > 1.7


@pytest.mark.parametrize("num_steps", [1, 3])
def test_flow_keeps_the_law_of_the_path_for_data_of_a_single_point(num_steps):
    """At times of which the last has noise left, for any number of steps."""
    path, noise = INTERPOLANTS["one_sided_linear"], noise_of(0.7, 2)
    given = ConditionedNetwork(torch.full((2 + num_steps * 3, 1, 1), 0.7, dtype=torch.float64))
    process = FractionalFlow(
        fields=Fields(net=given, interpolant=path, predicts=("target_mean",)), noise=noise
    )
    times = torch.linspace(0, 0.8, num_steps + 1, dtype=torch.float64)
    states = responses(process, times)[-1, :, 0]
    joint = states[1:] - states[0]
    representation = torch.diag(_times(0.2**2, 1, 1))
    assert (joint.mT @ joint - representation).abs().max() < 1e-10
    assert abs(float(states[0, 0]) - 0.8 * 0.7) < 1e-12


def test_flow_without_states_is_that_of_the_path():
    noise = FractionalNoise(driver=Brownian(), schedule=SCHEDULES["preserving"])
    fields, x = _gaussian_fields(), normal((50, 1), 1)
    times = torch.linspace(0, 0.99, 12, dtype=torch.float64)
    flow = FractionalFlow(fields=fields, noise=noise)
    still = FixedNoise(torch.zeros(11, 1, 50, 1, 1, dtype=torch.float64))
    end = integrate(LinearGaussian().plan(flow, times), flow.encode(x), noise=still)
    plain = integrate(DPMSolver().plan(ProbabilityFlow(fields=fields), times), x)
    assert (flow.decode(end) - plain).abs().max() < 1e-12


def test_float32_is_enough():
    noise, fields, x = noise_of(0.9, 3), _gaussian_fields(), normal((64, 1), 2)
    flow = _flow_sampler(fields, noise, 20)
    z = normal((20, 1, 64, 1, 4), 3)
    double = flow(x, noise=FixedNoise(z)).x
    single = flow(x.float(), noise=FixedNoise(z.float())).x
    assert (single - double).abs().max() < 1e-4


def test_flow_in_chunks_draws_the_same_samples():
    flow, x = _flow_sampler(_gaussian_fields(), noise_of(0.9, 2), 5), normal((8, 1), 6)
    noise = PerSampleNoise(torch.Generator().manual_seed(0))
    whole = flow(x, noise=noise).x
    parts = [flow(x[k : k + 4], noise=noise.rows(k, k + 4)).x for k in (0, 4)]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("hurst", [0.3, 0.9])
def test_samplers_find_two_points(hurst):
    """A mixture of +-1 with deviation .1: mean of |x| and its deviation."""
    target = GaussianMixture(means=[[-1.0], [1.0]], std=0.1)
    path, predicts = OneSidedLinearInterpolant(), ("target_mean",)
    base = GaussianMixture(means=[[0.0]], std=1.0)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    fields, noise = Fields(net=net, interpolant=path, predicts=predicts), noise_of(hurst, 2)
    x, generator = normal((20_000, 1), 4), torch.Generator().manual_seed(5)
    reversal = Sampler(
        fields=fields,
        process=ForwardSDE,
        epsilon=KLOptimalEpsilon(),
        solver=Ancestral(),
        grid=FractionalGrid(noise=noise),
        num_steps=50,
    )
    for sampler in (reversal, _flow_sampler(fields, noise, 50)):
        drawn = sampler(x, generator=generator).x
        assert abs(float(drawn.mean())) < 0.03
        assert abs(float(drawn.abs().mean()) - 1) < 0.01
        assert abs(float(drawn.abs().std()) - 0.1) < 0.015


def test_grid_takes_equal_steps_of_the_clock_of_the_noise():
    noise, path = noise_of(0.7, 2), OneSidedLinearInterpolant()
    nodes = FractionalGrid(noise=noise).times(12, (0.0, 0.999), log_snr=path.log_snr)
    clock = noise.time((1 - nodes[1:]) / nodes[1:])
    assert float(clock[0]) == 1 and (clock.diff().diff().abs() < 1e-7).all()
    low = noise_of(0.3, 3)
    many = FractionalGrid(noise=low).times(100, (0.0, 0.999), log_snr=path.log_snr)
    above = many[(1 - many) / many > 1.0001 * low.top]
    assert abs(len(above) - 100 / (1 + low.top)) < 1.5
    assert (above.diff().diff().abs() < 1e-12).all()
    inside = FractionalGrid(noise=noise).times(12, (0.3, 0.999), log_snr=path.log_snr)
    assert (noise.time((1 - inside) / inside).diff().diff().abs() < 1e-7).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: FractionalNoise(driver=Brownian(), schedule=ConstantSchedule(c=1.0), match=2),
            "FractionalNoise.match: expected true or false",
        ),
        (
            lambda: FractionalNoise(driver=ou_driver(0.7, 2), schedule=ConstantSchedule(c=1.0)),
            "FractionalNoise.schedule: expected a rate that varies",
        ),
        (
            lambda: FractionalNoise(
                driver=ou_driver(0.7, 2, MandelbrotVanNess(normalize=False)),
                schedule=SCHEDULES["exploding"],
            ),
            "FractionalNoise.driver: expected a driver with zero initial states",
        ),
        (
            lambda: FractionalFlow(
                fields=Gaussians(INTERPOLANTS["linear"], ("velocity", "denoiser")).fields(),
                noise=noise_of(),
            ),
            "FractionalFlow.fields: expected fields of a one-sided affine path",
        ),
        (
            lambda: EulerMaruyama().check(
                FractionalFlow(fields=_gaussian_fields(), noise=noise_of())
            ),
            "Sampler.solver: expected a solver for a process with memory",
        ),
        (
            lambda: load("sampler/grid", "fractional").nodes(4, (0.0, 1.0), None),
            "Sampler.grid: expected a grid that fits a two-sided path",
        ),
    ],
)
def test_fractional_diffusion_refuses_by_name(build, message):
    with pytest.raises(ValueError, match=message):
        build()
