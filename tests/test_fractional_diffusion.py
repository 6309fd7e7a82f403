"""Fractional diffusion: what a state with memory tells of data, and its two samplers."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from memory import linear_law, responses
from problems import INTERPOLANTS, Gaussians, Given, load
from scipy.integrate import solve_ivp

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.driver.brownian import Brownian
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.exact import ExactFields
from interpolants.fields import Fields
from interpolants.fractional import FractionalNoise
from interpolants.grid.fractional import FractionalGrid
from interpolants.integrate import integrate
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.noise.given import GivenNoise
from interpolants.process.forward_sde import ForwardSDE
from interpolants.process.fractional_flow import FractionalFlow
from interpolants.process.probability_flow import ProbabilityFlow
from interpolants.sampler import Sampler
from interpolants.schedule.constant import ConstantSchedule
from interpolants.schedule.geometric import GeometricSchedule
from interpolants.schedule.linear import LinearSchedule
from interpolants.schedule.variance_preserving import VariancePreservingSchedule
from interpolants.solver.ancestral import Ancestral
from interpolants.solver.dpm_solver import DPMSolver
from interpolants.solver.euler_maruyama import EulerMaruyama
from interpolants.solver.linear_gaussian import LinearGaussian
from interpolants.testing.common import normal

_RATIO = 5000.0
_START = 0.01 * math.sqrt(2 * math.log(_RATIO))
_SCHEDULES = {
    "exploding": GeometricSchedule(start=_START, end=_START * _RATIO),
    "preserving": VariancePreservingSchedule(),
}
_SPEEDS = {1: (1.0,), 2: (0.05, 20.0), 3: (0.05, 1.0, 20.0)}


def _bank(hurst, count, law=None):
    law = RiemannLiouville(normalize=False) if law is None else law
    return MarkovFractionalBrownian(hurst=hurst, law=law, gammas=_SPEEDS[count])


def _noise(hurst=0.7, count=2, kind="preserving", match=True):
    return FractionalNoise(driver=_bank(hurst, count), schedule=_SCHEDULES[kind], match=match)


def _times(*values):
    return torch.tensor(values, dtype=torch.float64)


class _Covariance:
    """Of Z = (X, Y) given the data, and what is left of Z, by an ODE."""

    def __init__(self, noise, driver):
        self.omega, self.rates = driver.omega().numpy(), np.array(driver.gammas)
        self.f, self.size = noise.schedule.value, len(self.rates) + 1

    def matrices(self, s):
        f, k = float(self.f(_times(s))), self.size
        drift = np.zeros((k, k))
        drift[0, 1:], drift[1:, 1:] = -f * self.omega * self.rates, -np.diag(self.rates)
        return drift, np.concatenate([[f * self.omega.sum()], np.ones(k - 1)])

    def run(self, first, last, start=None):
        """The covariance at `last` of what starts at `first` with one, and the transition."""
        k = self.size

        def rate(s, flat):
            (drift, noise), (c, m) = self.matrices(s), flat.reshape(2, k, k)
            return np.stack([drift @ c + c @ drift.T + np.outer(noise, noise), drift @ m]).ravel()

        y = np.stack([np.zeros((k, k)) if start is None else start, np.eye(k)]).ravel()
        solved = solve_ivp(rate, (first, last), y, rtol=1e-11, atol=1e-16, method="DOP853")
        return solved.y[:, -1].reshape(2, k, k)


def _statistic(covariance):
    """Of X less its regression on Y: the coefficients of Z, and the variance."""
    alpha = np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    row = np.concatenate([[1.0], -alpha])
    return row, float(row @ covariance @ row)


@pytest.mark.parametrize("kind", _SCHEDULES)
@pytest.mark.parametrize("hurst", [0.3, 0.9])
@pytest.mark.parametrize("count", [1, 2])
def test_level_is_that_of_the_covariance_of_the_state(kind, hurst, count):
    noise = _noise(hurst, count, kind, match=False)
    moments = _Covariance(noise, _bank(hurst, count))
    for s in (0.3, 1.0):
        covariance, _ = moments.run(0.0, s)
        assert abs(float(noise.variance(_times(s))) / covariance[0, 0] - 1) < 1e-8
        level = float(noise.level(_times(s)))
        # The covariance loses what the square of the level has less than the variance.
        lost = 1e-10 * covariance[0, 0] / level**2
        assert abs(level**2 / _statistic(covariance)[1] - 1) < 1e-8 + lost


@pytest.mark.parametrize("kind", _SCHEDULES)
@pytest.mark.parametrize("hurst", [0.3, 0.9])
def test_statistic_has_independent_increments_and_no_memory_backwards(kind, hurst):
    """Cov(S(s), Z(s')) for s < s': level(s)^2 with S(s'), and none with Y(s')."""
    moments = _Covariance(_noise(hurst, 2, kind, match=False), _bank(hurst, 2))
    before, _ = moments.run(0.0, 0.4)
    after, transition = moments.run(0.4, 0.7, before)
    row, variance = _statistic(before)
    across = row @ before @ transition.T
    deviations = np.sqrt(variance * np.diag(after))
    assert np.abs(across[1:] / deviations[1:]).max() < 1e-6
    last, _ = _statistic(after)
    assert abs(across @ last / variance - 1) < 1e-6


def test_level_grows_by_what_ends_in_the_noise_of_now():
    noise, s, h = _noise(), _times(0.2, 0.6, 0.9), 1e-4
    slope = (noise.level(s + h).log() - noise.level(s - h).log()) / (2 * h)
    assert (slope / (0.5 * noise.endings(s)[:, 0].square()) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("kind", _SCHEDULES)
def test_brownian_motion_has_the_level_of_the_ordinary_diffusion(kind):
    schedule, s = _SCHEDULES[kind], _times(0.1, 0.5, 1.0)
    noise = FractionalNoise(driver=Brownian(), schedule=schedule)
    exact = schedule.square_integral(s)
    assert (noise.level(s).square() / exact - 1).abs().max() < 1e-12
    assert (noise.variance(s) / exact - 1).abs().max() < 1e-12
    half = _noise(0.5, 3, kind, match=False).variance(s)
    assert (half / exact - 1).abs().max() < 1e-2  # weights of three speeds


def test_hurst_index_scales_the_level_of_an_exploding_diffusion_and_no_more():
    s = _times(0.2, 0.5, 1.0)
    low, high = (_noise(hurst, 3, "exploding").level(s) for hurst in (0.3, 0.9))
    assert (low / high - low[0] / high[0]).abs().max() < 1e-6 * float(low[0] / high[0])


@pytest.mark.parametrize("hurst", [0.3, 0.7])
def test_match_gives_the_variance_of_brownian_motion_at_the_end(hurst):
    one = _times(1.0)
    noise = _noise(hurst, 2)
    exact = noise.schedule.square_integral(one)
    assert abs(float(noise.variance(one) / exact) - 1) < 1e-12


@pytest.mark.parametrize("kind", _SCHEDULES)
def test_time_inverts_the_level(kind):
    noise = _noise(0.9, 3, kind)
    levels = _times(0.01, 0.1, 0.9 * noise.top)
    assert (noise.level(noise.time(levels)) / levels - 1).abs().max() < 1e-9
    assert float(noise.time(_times(2 * noise.top))) == 1


def test_rotation_is_orthogonal_and_of_order_four():
    noise, s = _noise(0.7, 3), torch.linspace(1, 0.2, 9, dtype=torch.float64)
    turned = noise.rotation(s)
    assert (turned @ turned.mT - torch.eye(4)).abs().max() < 1e-12
    chained = turned[1] @ turned[0]
    assert (noise.rotation(s[::2])[0] - chained).abs().max() < 1e-4
    fine = noise.rotation(torch.linspace(1, 0.8, 33, dtype=torch.float64))
    exact = torch.linalg.multi_dot(list(fine.flip(0)))
    assert (chained - exact).abs().max() < 1e-5


def test_schedule_of_preserved_variance_has_its_integrals():
    for beta in (LinearSchedule(start=0.1, end=20.0), LinearSchedule(start=0.0, end=3.0)):
        schedule, s = VariancePreservingSchedule(beta=beta), _times(0.0, 0.4, 1.0)
        u = torch.linspace(0, 1, 200_001, dtype=torch.float64)
        for end, one, two in zip(
            s, schedule.integral(s), schedule.square_integral(s), strict=True
        ):
            value = schedule.value(end * u)
            assert abs(float(end * torch.trapezoid(value, u) - one)) < 1e-6 * (1 + float(one))
            assert abs(float(end * torch.trapezoid(value**2, u) - two)) < 1e-6 * (1 + float(two))


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
@pytest.mark.parametrize("kind", _SCHEDULES)
def test_flow_has_order_two_on_gaussian_data(hurst, count, kind):
    path, noise = OneSidedLinearInterpolant(), _noise(hurst, count, kind)
    process = FractionalFlow(fields=_gaussian_fields(), noise=noise)
    errors = []
    for n in (100, 200):
        times = FractionalGrid(noise=noise).times(n, (0.0, 0.9), log_snr=path.log_snr)
        mean, variance = linear_law(process, times)
        errors.append(abs(variance - (0.1**2 + 0.9**2 * 0.09)))
        assert abs(mean - 0.9 * 0.5) < 1e-3
    assert errors[1] < 1e-3
    assert math.log2(errors[0] / errors[1]) > 1.7


@pytest.mark.parametrize("num_steps", [1, 3])
def test_flow_keeps_the_law_of_the_path_for_data_of_a_single_point(num_steps):
    """At times of which the last has noise left, for any number of steps."""
    path, noise = INTERPOLANTS["one_sided_linear"], _noise(0.7, 2)
    given = Given(torch.full((2 + num_steps * 3, 1, 1), 0.7, dtype=torch.float64))
    process = FractionalFlow(
        fields=Fields(net=given, interpolant=path, predicts=("target_mean",)), noise=noise
    )
    times = torch.linspace(0, 0.8, num_steps + 1, dtype=torch.float64)
    states = responses(process, times)[-1, :, 0]
    joint = states[1:] - states[0]
    law = torch.diag(_times(0.2**2, 1, 1))
    assert (joint.mT @ joint - law).abs().max() < 1e-10
    assert abs(float(states[0, 0]) - 0.8 * 0.7) < 1e-12


def test_flow_without_states_is_that_of_the_path():
    noise = FractionalNoise(driver=Brownian(), schedule=_SCHEDULES["preserving"])
    fields, x = _gaussian_fields(), normal((50, 1), 1)
    times = torch.linspace(0, 0.99, 12, dtype=torch.float64)
    flow = FractionalFlow(fields=fields, noise=noise)
    still = GivenNoise(torch.zeros(11, 1, 50, 1, 1, dtype=torch.float64))
    end = integrate(LinearGaussian().plan(flow, times), flow.enter(x), noise=still)
    plain = integrate(DPMSolver().plan(ProbabilityFlow(fields=fields), times), x)
    assert (flow.leave(end) - plain).abs().max() < 1e-12


def test_float32_is_enough():
    noise, fields, x = _noise(0.9, 3), _gaussian_fields(), normal((64, 1), 2)
    flow = _flow_sampler(fields, noise, 20)
    z = normal((20, 1, 64, 1, 4), 3)
    double = flow(x, noise=GivenNoise(z)).x
    single = flow(x.float(), noise=GivenNoise(z.float())).x
    assert (single - double).abs().max() < 1e-4


@pytest.mark.parametrize("hurst", [0.3, 0.9])
def test_samplers_find_two_points(hurst):
    """A mixture of +-1 with deviation .1: mean of |x| and its deviation."""
    target = GaussianMixture(means=[[-1.0], [1.0]], std=0.1)
    path, predicts = OneSidedLinearInterpolant(), ("target_mean",)
    base = GaussianMixture(means=[[0.0]], std=1.0)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    fields, noise = Fields(net=net, interpolant=path, predicts=predicts), _noise(hurst, 2)
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


def test_grid_takes_equal_steps_of_the_noise():
    noise, path = _noise(0.7, 2), OneSidedLinearInterpolant()
    nodes = FractionalGrid(noise=noise).times(12, (0.0, 0.999), log_snr=path.log_snr)
    clock = noise.time((1 - nodes[1:]) / nodes[1:])
    assert float(clock[0]) == 1 and (clock.diff().diff().abs() < 1e-7).all()
    low = _noise(0.3, 3)
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
            lambda: FractionalNoise(driver=_bank(0.7, 2), schedule=ConstantSchedule(c=1.0)),
            "FractionalNoise.schedule: expected a rate that varies",
        ),
        (
            lambda: FractionalNoise(
                driver=_bank(0.7, 2, MandelbrotVanNess(normalize=False)),
                schedule=_SCHEDULES["exploding"],
            ),
            "FractionalNoise.driver: expected a motion that starts with no past",
        ),
        (
            lambda: FractionalFlow(
                fields=Gaussians(INTERPOLANTS["linear"], ("velocity", "denoiser")).fields(),
                noise=_noise(),
            ),
            "FractionalFlow.fields: expected fields of a one-sided affine path",
        ),
        (
            lambda: EulerMaruyama().check(
                FractionalFlow(fields=_gaussian_fields(), noise=_noise())
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
