"""Representations of fractional Brownian motion, and exact paths of type I."""

import math

import pytest
import torch
from helpers.problems import times
from scipy import special

from interpolants.driver.exact_fractional_brownian import ExactFractionalBrownian
from interpolants.driver.hurst import Hurst
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.riemann_liouville import RiemannLiouville

_INDICES = times(0.1, 0.3, 0.5, 0.7, 0.9)
_I, _II = MandelbrotVanNess(normalize=False), RiemannLiouville(normalize=False)


def test_variances_at_one_have_their_closed_forms():
    one = times(1.0)[0]
    first = times(3.5245, 1.3834, 1, 0.99509, 1.93026)
    torch.testing.assert_close(_I.covariance(one, one, _INDICES), first, rtol=0, atol=6e-5)
    gamma = torch.exp(torch.lgamma(1 - 2 * _INDICES[:2]))
    other = gamma * torch.cos(math.pi * _INDICES[:2]) / (math.pi * _INDICES[:2])
    torch.testing.assert_close(_I.integral_variance(_INDICES[:2]), other, rtol=1e-13, atol=0)
    second = times(2.25459, 1.22962, 1, 0.84728, 0.70570)
    torch.testing.assert_close(_II.covariance(one, one, _INDICES), second, rtol=0, atol=6e-6)
    torch.testing.assert_close(_II.integral_variance(_INDICES), second, rtol=0, atol=6e-6)


@pytest.mark.parametrize("kind", [MandelbrotVanNess, RiemannLiouville])
def test_normalized_process_has_unit_variance_at_one(kind):
    representation, one = kind(normalize=True), times(1.0)[0]
    torch.testing.assert_close(
        representation.covariance(one, one, _INDICES), torch.ones(5).double()
    )
    t = times(3.0)[0]
    got = representation.covariance(t, t, _INDICES)
    torch.testing.assert_close(got, 3 ** (2 * _INDICES), rtol=1e-13, atol=0)


def test_riemann_liouville_covariance_has_its_values():
    got = _II.covariance(*times(0.3, 1), _INDICES)
    expected = times(0.3978723054, 0.3655601988, 0.3, 0.2261804524, 0.1592547792)
    torch.testing.assert_close(got, expected, rtol=0, atol=6e-11)


@pytest.mark.parametrize("hurst", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
def test_riemann_liouville_covariance_is_the_hypergeometric_function(hurst):
    s, t, a = (
        times(1e-6, 0.0999, 0.1001, 0.3, 0.9, 2.0, 2.0),
        times(1, 1, 1, 1, 1, 2, 3),
        hurst + 0.5,
    )
    series = torch.from_numpy(special.hyp2f1(1, 0.5 - hurst, a + 1, (s / t).numpy()))
    expected = s**a * t ** (a - 1) / (a * math.gamma(a) ** 2) * series
    got = _II.covariance(s, t, times(hurst)[0])
    torch.testing.assert_close(got, expected, rtol=2e-12, atol=0)
    torch.testing.assert_close(_II.covariance(t, s, times(hurst)[0]), got, rtol=0, atol=0)


@pytest.mark.parametrize("representation", [_I, _II])
def test_covariance_is_zero_from_the_start_with_a_finite_derivative(representation):
    hurst = times(0.3, 0.5, 0.7).requires_grad_()
    zero, one = times(0, 1)
    for s in (zero, one):
        got = representation.covariance(zero, s, hurst)
        assert got.abs().max() == 0
    (slope,) = torch.autograd.grad(representation.covariance(zero, one, hurst).sum(), hurst)
    assert slope.abs().max() == 0


@pytest.mark.parametrize("representation", [_I, _II])
@pytest.mark.parametrize("pair", [(0.05, 1.0), (0.6, 1.3), (0.8, 0.8)])
def test_covariance_has_the_derivative_of_central_differences(representation, pair):
    s, t = times(*pair)
    for hurst in times(0.2, 0.5, 0.8):
        got = torch.autograd.functional.jacobian(
            lambda h: representation.covariance(s, t, h), hurst
        )
        e = 1e-5
        slope = (
            representation.covariance(s, t, hurst + e) - representation.covariance(s, t, hurst - e)
        ) / (2 * e)
        torch.testing.assert_close(got, slope, rtol=1e-7, atol=1e-8)


def test_noise_autocovariance_is_the_second_difference_of_the_covariance():
    lag = torch.arange(40, dtype=torch.float64)
    for representation in (_I, MandelbrotVanNess(normalize=True)):
        got = representation.noise_autocovariance(40, _INDICES)
        for hurst, row in zip(_INDICES, got, strict=True):
            below, above = (representation.covariance(times(k)[0], lag + 1, hurst) for k in (0, 1))
            before = representation.covariance(times(1)[0], lag, hurst)
            torch.testing.assert_close(row, above - before - below, rtol=0, atol=1e-11)


def test_noise_autocovariance_stays_accurate_at_large_lags():
    """The autocovariance falls as H (2H - 1) k^(2H - 2), below the rounding of k^2H."""
    representation, k = MandelbrotVanNess(normalize=True), 1_000_000
    for hurst in (0.1, 0.7, 0.99):
        got = float(representation.noise_autocovariance(k + 1, times(hurst)[0])[k])
        assert abs(got / (hurst * (2 * hurst - 1) * k ** (2 * hurst - 2)) - 1) < 1e-10


@pytest.mark.parametrize("hurst", [0.05 * k for k in range(1, 20)] + [0.99])
def test_ring_has_positive_eigenvalues(hurst):
    """The fold has r(n); with zero there, eigenvalues are negative from H = 0.9 on."""
    exact = ExactFractionalBrownian(hurst=hurst, normalize=True)
    for n in (4, 5, 16, 64, 256, 1024, 65_536):
        assert exact.spectrum(n).min() > 0
    if hurst > 0.89:
        ring = exact.representation.noise_autocovariance(5, times(hurst)[0])
        ring[4] = 0
        assert torch.fft.hfft(ring, n=8).min() < -0.3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("normalize", [False, True])
def test_exact_paths_have_the_covariance(dtype, normalize):
    """Of two coordinates with an index each, over three units of time; the two halves of the
    batch, real and imaginary parts of one draw, are independent."""
    indices, n = times(0.15, 0.85), 20_000
    exact = ExactFractionalBrownian(hurst=indices.tolist(), normalize=normalize, horizon=3.0)
    generator = torch.Generator().manual_seed(1)
    paths = exact.paths((n, 2), 5, generator, dtype=dtype)
    assert paths.dtype == dtype and paths[..., 0].abs().max() == 0
    x = paths[..., 1:].double().permute(1, 2, 0)
    s, t = torch.meshgrid(*[torch.linspace(0, 3, 6, dtype=torch.float64)[1:]] * 2, indexing="ij")
    right = exact.representation.covariance(s, t, indices.view(2, 1, 1))
    variance = right.diagonal(dim1=1, dim2=2)
    product = variance[:, None] * variance[:, :, None]
    error = ((product + right.square()) / n).sqrt()
    assert ((x @ x.mT / n - right) / error).abs().max() < 4.5
    cross = x[..., : n // 2] @ x[..., n // 2 :].mT / (n // 2)
    assert (cross / (product / (n // 2)).sqrt()).abs().max() < 4.5


def test_exact_paths_are_a_function_of_the_seed():
    exact = ExactFractionalBrownian(hurst=0.3, normalize=True)

    def draw(seed, count):
        return exact.paths((count, 2), 7, torch.Generator().manual_seed(seed))

    assert draw(0, 5).shape == (5, 2, 8)
    assert torch.equal(draw(0, 5), draw(0, 5))
    assert torch.equal(draw(0, 5)[:3], draw(0, 6)[:3])
    assert not torch.equal(draw(0, 5), draw(1, 5))


def test_one_increment_is_a_normal():
    exact = ExactFractionalBrownian(hurst=0.8, normalize=True, horizon=2.0)
    x = exact.increments((40_000,), 1, torch.Generator().manual_seed(0))
    assert x.shape == (40_000, 1)
    assert abs(float(x.var()) / 2**1.6 - 1) < 4.5 * (2 / 40_000) ** 0.5


@pytest.mark.parametrize("hurst", [0.2, 0.5, 0.8])
def test_functional_of_exact_paths_has_its_derivative_in_the_index(hurst):
    """For fixed normals, against central differences."""

    def functional(index):
        exact = ExactFractionalBrownian(hurst=index, normalize=False, horizon=2.0)
        generator = torch.Generator().manual_seed(0)
        paths = exact.paths((4,), 50, generator, dtype=torch.float64)
        return (paths.cos().mean(dim=-1) + paths[..., -1].square()).sum()

    index = Hurst(value=hurst, learnable=True).double()
    (got,) = torch.autograd.grad(functional(index), index.logit)
    at, e = float(index().detach()), 1e-5
    slope = (functional(at + e) - functional(at - e)) / (2 * e)
    torch.testing.assert_close(got, slope * at * (1 - at), rtol=1e-6, atol=1e-7)


def test_exact_process_refuses_what_has_no_meaning():
    several = ExactFractionalBrownian(hurst=(0.3, 0.4), normalize=True)
    with pytest.raises(ValueError, match=r"increments: expected \(B, ..., 2\), one coordinate"):
        several.increments((2,), 8, torch.Generator())
    with pytest.raises(
        ValueError, match=r"ExactFractionalBrownian.horizon: expected a number > 0"
    ):
        ExactFractionalBrownian(hurst=0.3, normalize=True, horizon=0.0)
    with pytest.raises(ValueError, match=r"num_steps: expected a whole number > 0, got 0$"):
        ExactFractionalBrownian(hurst=0.3, normalize=True).spectrum(0)
