"""Moments of fractional Ornstein-Uhlenbeck paths."""

from __future__ import annotations

import pytest
import torch
from helpers.distributions import SIGMAS
from helpers.problems import load
from torch import Tensor

from interpolants.data.fractional_ou import FractionalOU
from interpolants.driver.estimate import exact_likelihood

_N = 4000


def rows(data: FractionalOU) -> Tensor:
    return torch.cat([data.train_rows, data.held_out(_N, 0).x1])[..., 0].double()


def covariance(times: tuple[float, ...], hurst: float, rate: float) -> Tensor:
    """Of X = B - rate int_0^t e^(-rate (t - s)) B(s) ds, by the trapezoidal rule."""
    n = 1200
    s = torch.linspace(0, times[-1], n + 1, dtype=torch.float64)
    powers = s ** (2 * hurst)
    driver = (powers + powers[:, None] - (s - s[:, None]).abs() ** (2 * hurst)) / 2
    at = torch.tensor(times, dtype=torch.float64) * n / times[-1]
    index = at.round().long()
    weights = torch.zeros(len(times), n + 1, dtype=torch.float64)
    for i, k in enumerate(index.tolist()):
        rule = torch.full((k + 1,), float(s[1]), dtype=torch.float64)
        rule[[0, -1]] /= 2
        weights[i, : k + 1] = -rate * rule * torch.exp(-rate * (s[k] - s[: k + 1]))
        weights[i, k] += 1
    return weights @ driver @ weights.mT


@pytest.mark.parametrize("hurst", [0.2, 0.5, 0.8])
def test_fractional_ou_paths_have_the_moments_of_the_equation(hurst: float) -> None:
    rate, level, sigma, start, std = 1.7, 0.5, 0.8, -1.0, 0.1
    data = FractionalOU(
        hurst=hurst,
        rate=rate,
        level=level,
        sigma=sigma,
        start=start,
        horizon=1.5,
        length=7,
        std=std,
        paths=_N,
    )
    x, times = rows(data), torch.tensor(data.times, dtype=torch.float64)
    expected = sigma**2 * covariance(data.times, hurst, rate)
    if hurst == 0.5:
        closed = sigma**2 / (2 * rate) * (1 - torch.exp(-2 * rate * times))
        torch.testing.assert_close(expected.diagonal(), closed, rtol=0, atol=1e-5)
    expected = expected + std**2 * torch.eye(7)
    mean = level + (start - level) * torch.exp(-rate * times)
    spread = expected.diagonal()
    assert ((x.mean(0) - mean).abs() < SIGMAS * (spread / _N).sqrt()).all()
    products = (x - mean).unsqueeze(1) * (x - mean).unsqueeze(2)
    error = ((expected.square() + spread * spread[:, None]) / _N).sqrt()
    assert ((products.mean(0) - expected).abs() < SIGMAS * error).all()


def test_fractional_ou_without_a_drift_has_its_hurst_index() -> None:
    data = FractionalOU(hurst=0.3, rate=0.0, sigma=2.0, start=4.0, length=65, paths=400)
    x = torch.cat([data.train_rows, data.held_out(400, 0).x1])[..., 0]
    assert (x[:, 0] == 4).all()
    found = exact_likelihood(x.diff(dim=1))
    error = found.hurst.std() / len(x) ** 0.5
    # The estimate of so short a path is off by a few thousandths.
    assert (found.hurst.mean() - 0.3).abs() < SIGMAS * error + 0.01
    assert (found.scale.square().mean().sqrt() / 2 - 1).abs() < 0.1


def test_fractional_ou_paths_are_fixed_by_their_seed() -> None:
    first, again, other = (FractionalOU(paths=8, seed=seed).train_rows for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_fractional_ou_is_observed_at_equal_times_from_zero() -> None:
    data = load("data", "fractional_ou", horizon=3.0, length=4, paths=20)
    assert data.times == pytest.approx((0, 1, 2, 3)) and data.event_shape == (4, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hurst": 1.0}, r"hurst: expected a number in \(0, 1\)"),
        ({"rate": -1.0}, "rate: expected a number >= 0"),
        ({"std": -1.0}, "std: expected a number >= 0"),
        ({"horizon": 0.0}, "horizon: expected a number > 0"),
        ({"length": 1}, "length: expected a whole number >= 2"),
        ({"paths": 1}, "paths: expected a whole number >= 2"),
        ({"substeps": 0}, "substeps: expected a whole number > 0"),
    ],
)
def test_fractional_ou_refuses(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"FractionalOU\\.{message}"):
        FractionalOU(**changes)  # type: ignore[arg-type]
