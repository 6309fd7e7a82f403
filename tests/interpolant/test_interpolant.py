"""Paths in closed form; their derivatives are tested by contract."""

import math

import pytest
import torch
from helpers.problems import INTERPOLANTS, ONE_SIDED, TWO_SIDED, times

from interpolants.interpolant.custom import CustomInterpolant
from interpolants.interpolant.encoder_decoder import EncoderDecoderInterpolant
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.mirror import MirrorInterpolant
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant

_T = times(0.1, 0.37, 0.6, 0.8)
_HALF = math.pi / 2


@pytest.mark.parametrize(
    ("stem", "alpha", "beta"),
    [
        ("linear", lambda t: 1 - t, lambda t: t),
        ("one_sided_linear", lambda t: 1 - t, lambda t: t),
        ("trigonometric", lambda t: math.cos(_HALF * t), lambda t: math.sin(_HALF * t)),
        ("one_sided_trigonometric", lambda t: math.cos(_HALF * t), lambda t: math.sin(_HALF * t)),
        ("variance_preserving", lambda t: math.sqrt(1 - t * t), lambda t: t),
        ("variance_exploding", lambda t: 20 ** (1 - t) * 0.005**t, lambda t: 1.0),
        ("mirror", lambda t: 0.0, lambda t: 1.0),
        (
            "encoder_decoder",
            lambda t: math.cos(math.pi * t) ** 2 if t < 0.5 else 0.0,
            lambda t: math.cos(math.pi * t) ** 2 if t > 0.5 else 0.0,
        ),
    ],
)
def test_interpolant_follows_its_formula(stem, alpha, beta):
    c = INTERPOLANTS[stem].coefficients(_T)
    torch.testing.assert_close(c.alpha, times(*(alpha(float(t)) for t in _T)))
    torch.testing.assert_close(c.beta, times(*(beta(float(t)) for t in _T)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("stem", [s for s, path in INTERPOLANTS.items() if path.exact_ends])
def test_interpolant_has_exact_coefficients_at_both_ends(stem, dtype):
    path = INTERPOLANTS[stem]
    c = path.coefficients(torch.tensor([0.0, 1.0], dtype=dtype))
    mirror = path.is_mirror
    assert c.alpha.tolist() == [0.0 if mirror else 1.0, 0.0]
    assert c.beta.tolist() == [1.0 if mirror else 0.0, 1.0]
    assert c.gamma.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "stem", ["linear", "one_sided_trigonometric", "trigonometric", "variance_preserving"]
)
def test_interpolant_keeps_unit_variance_between_whitened_ends(stem):
    c = INTERPOLANTS[stem].coefficients(_T)
    # The linear path needs the noise of twice a Brownian bridge for that, gamma^2 = 2t(1 - t).
    gamma = BrownianBridgeGamma(a=2.0).value(_T) if stem == "linear" else torch.zeros_like(_T)
    torch.testing.assert_close(c.alpha**2 + c.beta**2 + gamma**2, torch.ones_like(_T))


def test_encoder_decoder_is_pure_noise_in_the_middle():
    c = INTERPOLANTS["encoder_decoder"].coefficients(times(0.5))
    assert c.alpha.item() == 0
    assert c.beta.item() < 1e-30
    assert c.gamma.item() == 1


def test_variance_exploding_runs_between_its_two_levels():
    path = VarianceExplodingInterpolant(sigma_max=7.0, sigma_min=0.1)
    torch.testing.assert_close(path.coefficients(times(0.0, 1.0)).alpha, times(7.0, 0.1))
    assert not path.exact_ends


@pytest.mark.parametrize("stem", ONE_SIDED)
def test_one_sided_path_has_its_base_for_noise(stem):
    path = INTERPOLANTS[stem]
    x0, x1, z = torch.randn(3, 4, 2, dtype=torch.float64)
    sample = path.sample(_T, x0, x1, z)
    assert torch.equal(sample.z, x0)
    c = path.coefficients(_T)
    torch.testing.assert_close(sample.xt, c.alpha[:, None] * x0 + c.beta[:, None] * x1)
    torch.testing.assert_close(sample.xt_dot, sample.mean_dot)


@pytest.mark.parametrize("stem", TWO_SIDED)
def test_two_sided_path_adds_latent_noise(stem):
    path = INTERPOLANTS[stem]
    x0, x1, z = torch.randn(3, 4, 2, dtype=torch.float64)
    plus, minus = path.sample(_T, x0, x1, z), path.sample(_T, x0, x1, -z)
    c = path.coefficients(_T)
    torch.testing.assert_close((plus.xt - minus.xt) / 2, c.gamma[:, None] * z)
    torch.testing.assert_close((plus.xt_dot - minus.xt_dot) / 2, c.gamma_dot[:, None] * z)
    torch.testing.assert_close(plus.mean_dot, minus.mean_dot)


def test_one_time_for_all_equals_that_time_for_each():
    x0, x1, z = torch.randn(3, 4, 2, dtype=torch.float64)
    for path in INTERPOLANTS.values():
        shared = path.sample(times(0.3)[0], x0, x1, z)
        each = path.sample(times(0.3, 0.3, 0.3, 0.3), x0, x1, z)
        torch.testing.assert_close(shared.xt, each.xt)
        torch.testing.assert_close(shared.xt_dot, each.xt_dot)


def test_custom_path_equals_the_built_in_one_with_its_function():
    custom = CustomInterpolant(function=lambda t, x0, x1: (1 - t) * x0 + t * x1)
    x0, x1, z = torch.randn(3, 4, 3, 2, dtype=torch.float64)
    got, expected = (path.sample(_T, x0, x1, z) for path in (custom, LinearInterpolant()))
    torch.testing.assert_close(got.xt, expected.xt)
    torch.testing.assert_close(got.xt_dot, expected.xt_dot)
    torch.testing.assert_close(got.mean_dot, expected.mean_dot)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MirrorInterpolant(gamma=ZeroGamma()), "MirrorInterpolant.gamma: expected"),
        (
            lambda: EncoderDecoderInterpolant(gamma=ZeroGamma()),
            "EncoderDecoderInterpolant.gamma: expected",
        ),
        (
            lambda: VarianceExplodingInterpolant(sigma_min=0.0),
            "VarianceExplodingInterpolant.sigma_min: expected",
        ),
        (
            lambda: VarianceExplodingInterpolant(sigma_max=0.001),
            "sigma_max: expected a number above sigma_min = 0.005, got 0.001",
        ),
    ],
)
def test_interpolant_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()
