"""Conditional moments of a linear equation by its driver, against matrix exponentials."""

import pytest
import torch
from helpers.driven import exponential, linear_system, observed, ou_driver
from helpers.problems import times

from interpolants.driver.brownian import Brownian
from interpolants.driver.forecast import convolved_decays, rise
from interpolants.driver.hurst import Hurst

_DRIVERS = {
    "K=0": Brownian(),
    "II": ou_driver(0.3, "II"),
    "slope": ou_driver(0.8, random_slope=True),
}
_AT = times(0.0, 1e-3, 0.4, 1.1, 3.0)


def _forecast(driver, tau, decay):
    readout = driver.readout()
    return driver.forecast(driver.rates(), readout, tau, decay)


def _by_matrices(driver, tau, theta):
    f, g = linear_system(driver, theta)
    moves = exponential(f * tau[:, None, None])[:, 0]
    return moves[:, 1:], moves @ g, observed(f, g, torch.zeros_like(f), tau)


# Zero and some of the driver's speeds, and values close to them.
@pytest.mark.parametrize("theta", [0.0, 1e-12, 1e-4, 0.05, 1.0, 1.0 + 1e-9, 0.97, 2.0, 20.0, 300])
@pytest.mark.parametrize("name", _DRIVERS)
def test_forecast_is_that_of_the_matrix_exponential_at_any_decay(name, theta):
    driver, decay = _DRIVERS[name], times(theta)[0]
    got, expected = _forecast(driver, _AT, decay), _by_matrices(driver, _AT, decay)
    size = float(driver.readout().abs().max()) if driver.states else 1.0
    for part, exact in zip(got, expected, strict=True):
        torch.testing.assert_close(part, exact, rtol=0, atol=1e-13 * max(1.0, size) ** 2)


@pytest.mark.parametrize("theta", [0.0, 0.05, 1.0, 1.5, 20.0])
@pytest.mark.parametrize("name", _DRIVERS)
def test_forecast_has_the_derivative_in_the_decay_also_where_rates_meet(name, theta):
    driver, found = _DRIVERS[name], []
    for make in (_forecast, _by_matrices):
        decay = times(theta)[0].requires_grad_()
        parts = make(driver, _AT[2:], decay)
        weighed = [(p * torch.arange(p.numel()).view(p.shape).cos()).sum() for p in parts]
        found.append(torch.autograd.grad(sum(weighed), decay)[0])
    size = float(driver.readout().abs().max()) if driver.states else 1.0
    # To the accuracy of torch's matrix exponential.
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12 * max(1.0, size) ** 2)
    assert found[0].abs() > 1e-4


def test_forecast_has_the_derivative_in_the_index():
    hurst, found = Hurst(value=0.7, learnable=True).double(), []
    for make in (_forecast, _by_matrices):
        parts = make(ou_driver(hurst, random_slope=True), _AT[2:], times(1.0)[0])
        found.append(torch.autograd.grad(sum(p.cos().sum() for p in parts), hurst.logit)[0])
    torch.testing.assert_close(*found, rtol=1e-9, atol=0)


def test_forecast_without_decay_is_of_the_process_itself():
    """From states at zero the covariance is the closed form of type II."""
    for driver in (Brownian(), ou_driver(0.3, "II")):
        got = _forecast(driver, _AT, times(0)[0]).covariance
        exact = driver.covariance(*torch.meshgrid(_AT, _AT, indexing="ij"))
        torch.testing.assert_close(got, exact, rtol=1e-10, atol=1e-16)


def test_forecast_keeps_its_digits_where_little_time_is_left():
    """To first order in the time the variance is omega_bar^2 tau, and to second it falls."""
    driver, tau = ou_driver(0.3, "II"), times(1e-9)
    got = _forecast(driver, tau, times(2.0)[0])
    torch.testing.assert_close(got.covariance[0], driver.omega_bar() ** 2 * tau, rtol=1e-7, atol=0)


@pytest.mark.parametrize("theta", [times(0.7)[0], times(1.0, 0.0, 4.0)])
@pytest.mark.parametrize("hurst", [0.3, (0.2, 0.5, 0.8)])
@pytest.mark.parametrize("slope", [False, True])
def test_forecast_serves_coordinates_with_a_decay_or_an_index_each(theta, hurst, slope):
    driver = ou_driver(hurst, random_slope=slope)
    several = _forecast(driver, _AT, theta)
    each = theta.dim() > 0 or isinstance(hurst, tuple)
    for d in range(3):
        index = hurst if isinstance(hurst, float) else hurst[d]
        decay = theta[d] if theta.dim() else theta
        alone = _forecast(ou_driver(index, random_slope=slope), _AT, decay)
        for part, exact in zip(several, alone, strict=True):
            torch.testing.assert_close(part[d] if each else part, exact, rtol=0, atol=1e-12)
    assert several.response.shape == ((3, 5) if each else (5,))


@pytest.mark.parametrize("theta", [times(0.7)[0], times(1.0, 0.0, 4.0)])
@pytest.mark.parametrize("name", _DRIVERS)
def test_forecast_from_several_times_is_that_from_each(name, theta):
    """Times in the past have no covariance with anything."""
    driver, tau = _DRIVERS[name], _AT - times(0.0, 0.4, 0.7)[:, None]
    several = _forecast(driver, tau, theta)
    for n, row in enumerate(tau):
        for part, exact in zip(several, _forecast(driver, row.clamp(min=0), theta), strict=True):
            torch.testing.assert_close(part[n], exact, rtol=1e-12, atol=1e-12)
    behind = tau <= 0
    rows = several.covariance.movedim(-2, 1)
    assert (rows[behind] == 0).all()


def test_integrals_of_exponentials_have_no_gap_at_equal_rates():
    a = times(0.0, 1e-8, 0.3, 0.3 + 1e-10, 5.0, 800.0)
    first, second = torch.meshgrid(a, a, indexing="ij")
    torch.testing.assert_close(
        convolved_decays(first, first, times(0.7)), 0.7 * torch.exp(-first * 0.7)
    )
    # By the midpoint rule, without any quotient.
    t = (torch.arange(200_000, dtype=torch.float64) + 0.5) * (0.7 / 200_000)
    exponents = -first[..., None] * (0.7 - t) - second[..., None] * t
    expected = exponents.exp().mean(dim=-1) * 0.7
    torch.testing.assert_close(
        convolved_decays(first, second, times(0.7)), expected, rtol=1e-6, atol=0
    )
    torch.testing.assert_close(
        rise(a, times(0.7)),
        convolved_decays(a, torch.zeros_like(a), times(0.7)),
        rtol=1e-14,
        atol=0,
    )
