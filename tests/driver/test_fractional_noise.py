"""Noise levels of data under fractional noise."""

import numpy as np
import pytest
import torch
from helpers.memory import SCHEDULES, noise_of, ou_driver
from scipy.integrate import solve_ivp

from interpolants.driver.brownian import Brownian
from interpolants.driver.fractional_noise import FractionalNoise
from interpolants.interpolant.schedule.linear import LinearSchedule
from interpolants.interpolant.schedule.variance_preserving import VariancePreservingSchedule


def _times(*values):
    return torch.tensor(values, dtype=torch.float64)


class _Covariance:
    """Covariance of Z = (X, Y) given the data, and its transition matrix, by an ODE."""

    def __init__(self, noise, driver):
        omega, rates = driver.omega().numpy(), np.array(driver.gammas)
        self.f, self.size = noise.schedule.value, len(rates) + 1
        # Without the factor f(s) in the first row and the first entry.
        self.drift, self.noise = np.zeros((self.size, self.size)), np.ones(self.size)
        self.drift[0, 1:], self.drift[1:, 1:] = -omega * rates, -np.diag(rates)
        self.noise[0] = omega.sum()

    def matrices(self, s):
        f, drift, noise = float(self.f(_times(s))), self.drift.copy(), self.noise.copy()
        drift[0] *= f
        noise[0] *= f
        return drift, noise

    def run(self, first, last, start=None):
        """Covariance at `last` from one at `first`, and the transition matrix."""
        k = self.size

        def rate(s, flat):
            (drift, noise), (c, m) = self.matrices(s), flat.reshape(2, k, k)
            return np.stack([drift @ c + c @ drift.T + np.outer(noise, noise), drift @ m]).ravel()

        y = np.stack([np.zeros((k, k)) if start is None else start, np.eye(k)]).ravel()
        solved = solve_ivp(rate, (first, last), y, rtol=1e-11, atol=1e-16, method="DOP853")
        return solved.y[:, -1].reshape(2, k, k)


def _statistic(covariance):
    """Residual of the regression of X on Y: coefficients of Z, and variance."""
    alpha = np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    row = np.concatenate([[1.0], -alpha])
    return row, float(row @ covariance @ row)


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize(("hurst", "count"), [(0.9, 1), (0.3, 2), (0.9, 2)])
def test_level_is_that_of_the_covariance_of_the_state(kind, hurst, count):
    noise = noise_of(hurst, count, kind, match=False)
    moments = _Covariance(noise, ou_driver(hurst, count))
    covariance, begin = None, 0.0
    for s in (0.3, 1.0):
        covariance, _ = moments.run(begin, s, covariance)
        begin = s
        assert abs(float(noise.variance(_times(s))) / covariance[0, 0] - 1) < 1e-8
        level = float(noise.level(_times(s)))
        # The covariance loses what the square of the level has less than the variance.
        lost = 1e-10 * covariance[0, 0] / level**2
        assert abs(level**2 / _statistic(covariance)[1] - 1) < 1e-8 + lost


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize("hurst", [0.3, 0.9])
def test_statistic_has_independent_increments_and_no_memory_backwards(kind, hurst):
    """Cov(S(s), Z(s')) for s < s': level(s)^2 with S(s'), and none with Y(s')."""
    moments = _Covariance(noise_of(hurst, 2, kind, match=False), ou_driver(hurst, 2))
    before, _ = moments.run(0.0, 0.4)
    after, transition = moments.run(0.4, 0.7, before)
    row, variance = _statistic(before)
    across = row @ before @ transition.T
    stds = np.sqrt(variance * np.diag(after))
    assert np.abs(across[1:] / stds[1:]).max() < 1e-6
    last, _ = _statistic(after)
    assert abs(across @ last / variance - 1) < 1e-6


def test_level_grows_by_what_ends_in_the_noise_of_now():
    noise, s, h = noise_of(), _times(0.2, 0.6, 0.9), 1e-4
    slope = (noise.level(s + h).log() - noise.level(s - h).log()) / (2 * h)
    assert (slope / (0.5 * noise.endings(s)[:, 0].square()) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("kind", SCHEDULES)
def test_brownian_motion_has_the_level_of_the_ordinary_diffusion(kind):
    schedule, s = SCHEDULES[kind], _times(0.1, 0.5, 1.0)
    noise = FractionalNoise(driver=Brownian(), schedule=schedule)
    exact = schedule.square_integral(s)
    assert (noise.level(s).square() / exact - 1).abs().max() < 1e-12
    assert (noise.variance(s) / exact - 1).abs().max() < 1e-12
    half = noise_of(0.5, 3, kind, match=False).variance(s)
    assert (half / exact - 1).abs().max() < 1e-2  # weights of three speeds


def test_hurst_index_scales_the_level_of_an_exploding_diffusion_and_no_more():
    s = _times(0.2, 0.5, 1.0)
    low, high = (noise_of(hurst, 3, "exploding").level(s) for hurst in (0.3, 0.9))
    assert (low / high - low[0] / high[0]).abs().max() < 1e-6 * float(low[0] / high[0])


@pytest.mark.parametrize("hurst", [0.3, 0.7])
def test_match_gives_the_variance_of_brownian_motion_at_the_end(hurst):
    one = _times(1.0)
    noise = noise_of(hurst, 2)
    exact = noise.schedule.square_integral(one)
    assert abs(float(noise.variance(one) / exact) - 1) < 1e-12


def test_hurst_index_has_no_effect_on_one_state_of_matched_size():
    s = _times(0.2, 0.5, 1.0)
    low, high = (noise_of(hurst, 1).level(s) for hurst in (0.3, 0.9))
    assert (low / high - 1).abs().max() < 1e-12


@pytest.mark.parametrize("kind", SCHEDULES)
def test_time_inverts_the_level(kind):
    noise = noise_of(0.9, 3, kind)
    levels = _times(0.01, 0.1, 0.9 * noise.top)
    assert (noise.level(noise.time(levels)) / levels - 1).abs().max() < 1e-9
    assert float(noise.time(_times(2 * noise.top))) == 1


def test_rotation_is_orthogonal_and_of_order_four():
    noise, s = noise_of(0.7, 3), torch.linspace(1, 0.2, 9, dtype=torch.float64)
    turned = noise.rotation(s)
    assert (turned @ turned.mT - torch.eye(4)).abs().max() < 1e-12
    chained = turned[1] @ turned[0]
    assert (noise.rotation(s[::2])[0] - chained).abs().max() < 1e-4
    fine = noise.rotation(torch.linspace(1, 0.8, 33, dtype=torch.float64))
    exact = torch.linalg.multi_dot(list(fine.flip(0)))
    assert (chained - exact).abs().max() < 1e-5


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize(("hurst", "count"), [(0.9, 1), (0.3, 2)])
def test_rotation_is_the_flow_of_the_augmented_equation(kind, hurst, count):
    """dZ = (F + G G^T C^-1 / 2) Z ds of Z around its mean, between orthonormal bases of Z."""
    noise, first, last, k = noise_of(hurst, count, kind, match=False), 0.5, 1.0, count + 1
    moments = _Covariance(noise, ou_driver(hurst, count))
    begin, _ = moments.run(0.0, first)

    def rate(s, flat):
        (drift, ending), (c, z) = moments.matrices(s), flat.reshape(2, k, k)
        own = np.outer(ending, ending)
        turn = drift + 0.5 * own @ np.linalg.inv(c)
        return np.stack([drift @ c + c @ drift.T + own, turn @ z]).ravel()

    start = np.stack([begin, np.eye(k)]).ravel()
    options = {"rtol": 1e-8, "atol": 1e-12, "method": "DOP853"}
    solved = solve_ivp(rate, (first, last), start, **options)
    end, flow = solved.y[:, -1].reshape(2, k, k)
    order = np.ix_([*range(1, k), 0], [*range(1, k), 0])  # e is X's, and comes after the states
    roots = [np.linalg.cholesky(c[order]) for c in (begin, end)]
    turned = np.roll(np.linalg.solve(roots[1], flow[order] @ roots[0]), (1, 1), axis=(0, 1))
    found = noise.rotation(torch.linspace(last, first, 9, dtype=torch.float64))
    back = torch.linalg.multi_dot(list(found.flip(0))).numpy()
    assert np.abs(back - turned.T).max() < 1e-4


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
