"""Estimates of the Hurst index on exact paths."""

import pytest
import torch
from helpers.problems import times

from interpolants.driver.estimate import exact_likelihood, markov_likelihood, variogram_hurst
from interpolants.driver.exact_fractional_brownian import ExactFractionalBrownian
from interpolants.driver.geometric_speeds import GeometricSpeeds
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.matched_speeds import MatchedSpeeds
from interpolants.driver.riemann_liouville import RiemannLiouville

_PATHS, _STEPS = 40, 128

# Mean and standard deviation of the estimate over forty paths of 128 increments.
_EXACT = {
    0.1: (0.096, 0.037),
    0.3: (0.289, 0.052),
    0.5: (0.494, 0.060),
    0.7: (0.685, 0.055),
    0.9: (0.891, 0.046),
}
_MATCHED = {
    0.1: (0.059, 0.045),
    0.3: (0.293, 0.054),
    0.5: (0.495, 0.055),
    0.7: (0.672, 0.050),
    0.9: (0.852, 0.038),
}
_PAPERS = {0.3: (0.142, 0.106), 0.5: (0.472, 0.140), 0.7: (0.761, 0.082), 0.9: (0.966, 0.024)}


def _increments(hurst, scale=1.0, paths=_PATHS, steps=_STEPS):
    exact = ExactFractionalBrownian(hurst=hurst, normalize=True)
    generator = torch.Generator().manual_seed(round(100 * hurst))
    return scale * exact.increments((paths,), steps, generator, dtype=torch.float64)


def _agrees(estimates, mean, spread):
    """Compare the mean and spread of forty estimates with expected ones."""
    error = spread / _PATHS**0.5
    close = abs(float(estimates.mean()) - mean) < 3.5 * 2**0.5 * error
    return close and 0.5 < float(estimates.std()) / spread < 2


@pytest.mark.parametrize("hurst", _EXACT)
def test_likelihood_recovers_the_index_and_the_scale(hurst):
    got = exact_likelihood(_increments(hurst, scale=7.0))
    assert _agrees(got.hurst, *_EXACT[hurst])
    assert abs(float(got.scale.log().mean()) - torch.tensor(7.0).log()) < 0.2


@pytest.mark.parametrize("hurst", [0.4, 0.8])
def test_estimate_is_where_the_likelihood_is_largest(hurst):
    """On a fine grid of indices around it."""
    x = _increments(hurst, paths=3, steps=64)
    got, representation = exact_likelihood(x).hurst, MandelbrotVanNess(normalize=True)
    lag = torch.arange(64)
    for row, estimate in zip(x, got, strict=True):
        values = estimate + torch.linspace(-0.02, 0.02, 401, dtype=torch.float64)
        rises = representation.noise_autocovariance(64, values)
        covariance = rises[:, (lag - lag[:, None]).abs()]
        square = torch.linalg.solve(covariance, row.expand(401, 64)[..., None])[..., 0] @ row
        log = -32 * square.log() - 0.5 * torch.logdet(covariance)
        assert abs(float(values[log.argmax()] - estimate)) < 3e-4


@pytest.mark.parametrize("hurst", _MATCHED)
def test_ou_driver_with_matched_speeds_recovers_the_index(hurst):
    gammas = MatchedSpeeds(count=7, slowest=0.01)(3.0 / _STEPS, 3.0)
    representation = MandelbrotVanNess(normalize=False)
    got = markov_likelihood(
        _increments(hurst), representation=representation, gammas=gammas, horizon=3.0
    )
    assert _agrees(got.hurst, *_MATCHED[hurst])


@pytest.mark.parametrize("hurst", _PAPERS)
def test_ou_driver_of_few_slow_speeds_misses_the_index(hurst):
    representation = MandelbrotVanNess(normalize=False)
    got = markov_likelihood(
        _increments(hurst),
        representation=representation,
        gammas=GeometricSpeeds(count=5)(1.0, 1.0),
    )
    assert _agrees(got.hurst, *_PAPERS[hurst])


def test_ou_driver_of_few_slow_speeds_calls_rough_paths_as_rough_as_can_be():
    representation = MandelbrotVanNess(normalize=False)
    got = markov_likelihood(
        _increments(0.1), representation=representation, gammas=GeometricSpeeds(count=5)(1.0, 1.0)
    )
    assert abs(float(got.hurst.median()) - 0.01) < 1e-6
    assert got.hurst.max() < 0.05


@pytest.mark.parametrize("kind", [MandelbrotVanNess, RiemannLiouville])
def test_ou_driver_finds_the_index_of_its_own_paths(kind):
    """Many paths of the approximation itself, of known scale."""
    representation, gammas = kind(normalize=True), MatchedSpeeds(count=5)(1 / 64, 1.0)
    driver = MarkovFractionalBrownian(hurst=0.35, representation=representation, gammas=gammas)
    nodes = torch.linspace(0, 1, 65, dtype=torch.float64)
    s, t = torch.meshgrid(nodes, nodes, indexing="ij")
    root = torch.linalg.cholesky(driver.covariance(s, t).diff(dim=-1).diff(dim=-2))
    z = torch.randn(64, 400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    got = markov_likelihood(2.0 * (root @ z).mT, representation=representation, gammas=gammas)
    error = float(got.hurst.std()) / 20
    assert abs(float(got.hurst.mean()) - 0.35) < 4.5 * error + 0.01
    assert abs(float(got.scale.log().mean()) - torch.tensor(2.0).log()) < 0.1


@pytest.mark.parametrize("hurst", [0.1, 0.3, 0.5, 0.7])
def test_variogram_is_quick_and_close(hurst):
    got = variogram_hurst(_increments(hurst, paths=200, steps=1024))
    assert abs(float(got.mean()) - hurst) < 0.01
    assert float(got.std()) < 0.04


def test_variogram_of_a_straight_line_is_one():
    lines = torch.ones(1, 50)
    torch.testing.assert_close(variogram_hurst(lines), times(1.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("lags", [(1,), (1, 1), (0, 1), (1, 20)])
def test_variogram_refuses_lags_that_fix_no_slope(lags):
    with pytest.raises(
        ValueError, match=r"lags: expected two or more different numbers in \[1, 20\)"
    ):
        variogram_hurst(torch.zeros(1, 20), lags=lags)


@pytest.mark.parametrize(
    "estimate",
    [
        exact_likelihood,
        lambda x: variogram_hurst(x, lags=(1, 2)) if x.shape[-1] > 2 else exact_likelihood(x),
    ],
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.index_fill(1, torch.tensor([3]), torch.nan), "expected no NaN and no inf"),
        (lambda x: torch.zeros_like(x), "expected paths that move, got 'constant paths"),
        (lambda x: x[:, :1], r"expected shape \(P, n\) with n > 1"),
        (lambda x: x[:, :0], r"expected shape \(P, n\) with n > 1"),
        (lambda x: x[0], r"expected shape \(P, n\) with n > 1"),
    ],
)
def test_estimates_refuse_paths_without_an_index(estimate, change, message):
    with pytest.raises(ValueError, match=message):
        estimate(change(torch.randn(3, 20)))


def test_exact_likelihood_scales_with_the_unit():
    x = torch.randn(2, 30, dtype=torch.float64)
    plain = exact_likelihood(x)
    for unit in (1e-200, 1e200):
        got = exact_likelihood(unit * x)
        torch.testing.assert_close(got.hurst, plain.hurst)
        torch.testing.assert_close(got.scale / unit, plain.scale)
