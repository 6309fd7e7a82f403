"""Levels of latent noise in closed form."""

import math

import pytest
import torch
from helpers.problems import load, stems, times

from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.gamma.quadratic import QuadraticGamma
from interpolants.interpolant.gamma.sigmoid_difference import SigmoidDifferenceGamma
from interpolants.interpolant.gamma.sine_squared import SineSquaredGamma

_T = times(0.1, 0.37, 0.5, 0.8)


def _sigmoid(u):
    return 1 / (1 + math.exp(-u))


def _difference(t, f=10.0):
    u = f * (t - 0.5)
    ends = _sigmoid(1 - f / 2) - _sigmoid(-1 - f / 2)
    return _sigmoid(u + 1) - _sigmoid(u - 1) - ends


@pytest.mark.parametrize(
    ("gamma", "formula"),
    [
        (BrownianBridgeGamma(a=3.0), lambda t: math.sqrt(3 * t * (1 - t))),
        (QuadraticGamma(a=3.0), lambda t: 3 * t * (1 - t)),
        (SineSquaredGamma(a=3.0), lambda t: 3 * math.sin(math.pi * t) ** 2),
        (SigmoidDifferenceGamma(a=3.0), lambda t: 3 * _difference(t)),
    ],
)
def test_gamma_follows_its_formula(gamma, formula):
    expected = times(*(formula(float(t)) for t in _T))
    torch.testing.assert_close(gamma.value(_T), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("stem", stems("interpolant/gamma"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gamma_is_exactly_zero_at_both_ends(stem, dtype):
    gamma = load("interpolant/gamma", stem)
    assert gamma.value(torch.tensor([0.0, 1.0], dtype=dtype)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("stem", stems("interpolant/gamma"))
def test_gamma_is_even_and_its_derivative_odd_about_the_middle(stem):
    gamma = load("interpolant/gamma", stem)
    torch.testing.assert_close(gamma.value(_T), gamma.value(1 - _T))
    torch.testing.assert_close(gamma.dot(_T), -gamma.dot(1 - _T))


def test_gamma_product_of_the_bridge_is_finite_where_its_derivative_is_not():
    gamma, ends = BrownianBridgeGamma(a=2.0), times(0.0, 1.0)
    assert gamma.dot(ends).isinf().all()
    assert gamma.value_dot(ends).tolist() == [1.0, -1.0]


@pytest.mark.parametrize("stem", ["quadratic", "sigmoid_difference", "sine_squared", "zero"])
def test_gamma_product_of_a_smooth_level_vanishes_at_the_ends(stem):
    product = load("interpolant/gamma", stem).value_dot(times(0.0, 1.0))
    assert product.abs().max() < 1e-12


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BrownianBridgeGamma(a=0), r"BrownianBridgeGamma.a: expected a number > 0, got 0"),
        (lambda: QuadraticGamma(a=-1), r"QuadraticGamma.a: "),
        (lambda: SineSquaredGamma(a=math.inf), r"SineSquaredGamma.a: "),
        (lambda: SigmoidDifferenceGamma(f=math.nan), r"SigmoidDifferenceGamma.f: "),
    ],
)
def test_gamma_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()
