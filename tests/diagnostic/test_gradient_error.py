"""The gradient part of an error from training pairs, against closed forms."""

import pytest
import torch
from helpers.linear_flow import ROTATION, C, M, gradient_part, mean_square, pairs

from interpolants.diagnostic.gradient_error import score_gradient_error, velocity_gradient_error
from interpolants.diagnostic.ridge_features import ridge_features

N = 200_000
PRECISION = torch.linalg.inv(C)
EYE = torch.eye(2, dtype=torch.float64)
HARMLESS = 0.5 * ROTATION @ PRECISION
GENERIC = torch.tensor([[0.15, 0.3], [-0.1, 0.12]], dtype=torch.float64)


def features(x, seed=0, **sizes):
    return ridge_features(x, generator=torch.Generator().manual_seed(seed), **sizes)


def velocity_error(error, n=N, seed=0, **sizes):
    """E_grad of the velocity with a linear error."""
    x, dot = pairs(n, seed)
    return velocity_gradient_error(features(x, **sizes), x, x @ (M + error).T, dot)


def score_error(error, n=N, seed=0, **sizes):
    x, _ = pairs(n, seed)
    return score_gradient_error(features(x, **sizes), x, x @ (error - PRECISION).T)


def test_exact_parts_of_the_errors():
    assert mean_square(HARMLESS) == pytest.approx(1.11, abs=5e-3)
    assert mean_square(gradient_part(HARMLESS)) < 1e-20
    assert mean_square(gradient_part(0.2 * EYE)) == pytest.approx(0.0515, abs=5e-5)
    assert mean_square(gradient_part(GENERIC)) < 0.7 * mean_square(GENERIC)


@pytest.mark.parametrize("estimate", [velocity_error, score_error])
@pytest.mark.parametrize("error", [0 * EYE, HARMLESS, 0.2 * EYE, GENERIC])
def test_estimates_are_within_their_errors_of_the_closed_form(estimate, error):
    """And tell an error of 0.0515 from none by ten standard errors."""
    found = estimate(error)
    assert abs(found.value - mean_square(gradient_part(error))) < 4 * found.standard_error
    assert 10 * found.standard_error < 0.0515


@pytest.mark.parametrize("n", [300, 2_000])
@pytest.mark.parametrize("estimate", [velocity_error, score_error])
@pytest.mark.parametrize("error", [0 * EYE, 0.2 * EYE])
def test_estimates_of_few_rows_are_unbiased_with_the_errors_that_they_state(estimate, error, n):
    """A Gram matrix of the same rows would make the score's estimate at 300 rows seven times."""
    exact, count = mean_square(gradient_part(error)), 60
    found = [estimate(error, n=n, seed=100 + k) for k in range(count)]
    scores = torch.tensor([(e.value - exact) / e.standard_error for e in found])
    assert abs(float(scores.mean())) < 4 / count**0.5
    assert 0.6 < float(scores.std()) < 1.4
    # The plain estimate is far off, which the correction undoes.
    assert sum(e.bias for e in found) / count > 2e-3


def test_score_needs_no_noise_and_the_velocity_no_truth():
    """A score of the wrong sign or scale is found, by its states alone."""
    x, _ = pairs(20_000, 1)
    score = -x @ PRECISION
    for factor in (0.0, 1.2, -1.0):
        exact = (factor - 1) ** 2 * float(PRECISION.trace())
        found = score_gradient_error(features(x), x, factor * score)
        assert abs(found.value - exact) < 4 * found.standard_error + 0.02 * exact


def test_events_of_any_shape_are_flattened():
    x, dot = pairs(5_000, 2)
    wide = torch.cat([x, 0.3 * dot], dim=1)
    flat = velocity_gradient_error(features(wide), wide, 0 * wide, wide)
    square = wide.view(-1, 1, 2, 2)
    shaped = velocity_gradient_error(features(square), square, 0 * square, square)
    assert flat == shaped
    # The error -x is a gradient, which the quadratic features hold.
    assert flat.value == pytest.approx(float(wide.square().sum(1).mean()), rel=0.02)


def test_directions_of_high_dimension_are_those_of_most_variance():
    generator = torch.Generator().manual_seed(0)
    std = torch.ones(100, dtype=torch.float64)
    std[:3] = torch.tensor([9.0, 7.0, 5.0])
    x = std * torch.randn(4_000, 100, generator=generator, dtype=torch.float64)
    made = ridge_features(x, max_directions=3, num_waves=2, generator=generator)
    assert made.directions.shape == (3 + 6 + 4, 100)
    held = made.directions[:3, :3].square().sum() / made.directions[:3].square().sum()
    assert held > 0.98


def test_derivatives_of_the_features_are_those_of_autograd():
    x, _ = pairs(50, 3)
    made = features(x, num_waves=3)

    def second(row):
        return torch.func.jacfwd(lambda y: made.slopes(y[None]).first[0])(row)

    changes = torch.func.vmap(second)(x)  # g'' w
    slopes = made.slopes(x)
    expected = slopes.second[..., None] * made.directions
    torch.testing.assert_close(changes, expected)
    # g' is the slope of 1, y, y^2, cos y and sin y at y = w . (x - m).
    y = (x - made.centre) @ made.directions.T
    parts = [torch.ones_like(y[:, :2]), 2 * y[:, 2:5], -y[:, 5:8].sin(), y[:, 8:].cos()]
    torch.testing.assert_close(slopes.first, torch.cat(parts, dim=1))


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match=r"gradient_error\.x: expected at least 148 states"):
        velocity_error(0 * EYE, n=100)


@pytest.mark.parametrize("argument", ["max_directions", "num_waves"])
def test_features_refuse_numbers_below_one(argument):
    x, _ = pairs(100, 0)
    with pytest.raises(ValueError, match=rf"ridge_features\.{argument}: expected a whole number"):
        ridge_features(x, **{argument: 0})
