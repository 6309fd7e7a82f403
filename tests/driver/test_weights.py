"""Optimal weights of OU processes: closed forms, covariances, and the speeds that they need."""

import math
import warnings

import pytest
import torch
from helpers.problems import times
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.fractional_covariance import REPRESENTATIONS, errors
from interpolants.driver import special_functions as special
from interpolants.driver.geometric_speeds import GeometricSpeeds
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.matched_speeds import MatchedSpeeds
from interpolants.driver.speeds import warn_of_speeds
from interpolants.driver.weights import optimal_weights, relative_error


def _geometric(count, **options):
    return GeometricSpeeds(count=count, **options)(1.0, 1.0)


_GAMMAS = _geometric(5)

# Type, H, T, speeds; the weights and the relative error, to the digits shown.
_OPTIMA = [
    (
        ("I", 0.3, 1.0, _GAMMAS),
        (0.8044076905, -0.1115189793, 0.4874145097, 0.0845057554, 1.1873324044),
        0.0165980846,
    ),
    (
        ("I", 0.7, 1.0, _GAMMAS),
        (2.2619662458, -1.4206360608, 0.0197880067, -0.3106978131, -0.1770094209),
        0.0978629257,
    ),
    (
        ("I", 0.3, 6.0, _GAMMAS),
        (0.7837083659, -0.0928833316, 0.4786910506, 0.0690771862, 1.2041002520),
        0.0176567197,
    ),
    (("II", 0.3, 1.0, (0.05, 1, 20)), (0.6727195195, 0.563484901, 1.2288630339), 0.0084469529),
    (("II", 0.7, 1.0, (0.05, 1, 20)), (1.4604547689, -0.7910532062, -0.3083522365), 1.4915911e-4),
    (("II", 0.9, 1.0, (0.05, 20)), (0.7694988529, -0.9204254698), 0.0479124883),
]


@pytest.mark.parametrize(("problem", "omega", "error"), _OPTIMA)
def test_weights_are_the_minimum_without_a_ridge(problem, omega, error):
    kind, hurst, horizon, gammas = problem
    representation, hurst, speeds = REPRESENTATIONS[kind], times(hurst)[0], times(*gammas)
    got = optimal_weights(representation, hurst, speeds, horizon, ridge=0.0)
    torch.testing.assert_close(got, times(*omega), rtol=0, atol=6e-11)
    found = float(relative_error(representation, hurst, speeds, horizon, got))
    assert abs(found - error) < 6e-11


@pytest.mark.parametrize(("problem", "omega", "error"), _OPTIMA)
def test_ridge_changes_the_weights_little(problem, omega, error):
    kind, hurst, horizon, gammas = problem
    driver = MarkovFractionalBrownian(
        hurst=hurst, representation=REPRESENTATIONS[kind], gammas=gammas, horizon=horizon
    )
    torch.testing.assert_close(driver.omega(), times(*omega), rtol=0, atol=1e-6)
    assert abs(float(driver.relative_error()) - error) < 6e-11


def test_overlap_has_its_closed_form_values():
    x, hurst = times(1.0, 20.0), times(0.1, 0.5, 0.9)
    first = times(0.7124974991, 0.3678794412, 0.1110120128)
    second = times(0.2738393591, 0.0475, -0.0129537129)
    got = REPRESENTATIONS["I"].overlap(x, hurst)
    torch.testing.assert_close(got, torch.stack([first, second], 1), rtol=0, atol=6e-11)
    first = times(0.5681290632, 0.3678794412, 0.2282608986)
    second = times(0.1607510198, 0.0475, 0.0140294600)
    got = REPRESENTATIONS["II"].overlap(x, hurst)
    torch.testing.assert_close(got, torch.stack([first, second], 1), rtol=0, atol=6e-11)


@pytest.mark.parametrize("kind", REPRESENTATIONS)
@pytest.mark.parametrize("edge", [0.05, 2.0, 40.0])
def test_overlap_and_gram_are_continuous_where_their_formulas_change(kind, edge):
    representation, hurst = REPRESENTATIONS[kind], times(0.1, 0.5, 0.9)
    x = edge * times(1 - 1e-9, 1 + 1e-9)
    below, above = representation.overlap(x, hurst).unbind(-1)
    torch.testing.assert_close(below, above, rtol=2e-8, atol=1e-12)
    (one, _), (_, other) = representation.gram(x / 2)
    assert abs(float(one - other)) < 2e-8 * float(one)


@pytest.mark.parametrize("kind", REPRESENTATIONS)
@pytest.mark.parametrize("hurst", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("normalize", [False, True])
def test_weights_have_the_derivative_in_the_index_of_central_differences(kind, hurst, normalize):
    representation = type(REPRESENTATIONS[kind])(normalize=normalize)

    def omega(h):
        # The ridge keeps rounding errors of the difference quotient below the tolerance.
        return optimal_weights(representation, h, times(*_GAMMAS), 3.0, ridge=1e-6)

    at = times(hurst)[0]
    got = torch.autograd.functional.jacobian(omega, at)
    e = 1e-4
    near, far = ((omega(at + k * e) - omega(at - k * e)) / (2 * k * e) for k in (1, 2))
    torch.testing.assert_close(got, (4 * near - far) / 3, rtol=1e-7, atol=1e-7)


def test_weights_of_several_indices_are_those_of_each():
    for representation in REPRESENTATIONS.values():
        hurst, speeds = times(0.2, 0.5, 0.8), times(*_GAMMAS)
        each = torch.stack([optimal_weights(representation, h, speeds, 2.0) for h in hurst])
        torch.testing.assert_close(optimal_weights(representation, hurst, speeds, 2.0), each)


def test_weights_can_be_learned_after_a_first_use_in_inference_mode():
    special._laguerre.cache_clear()
    hurst, speeds = times(0.3)[0].requires_grad_(), times(*_GAMMAS)
    with torch.inference_mode():
        optimal_weights(REPRESENTATIONS["I"], times(0.3)[0], times(*_GAMMAS), 1.0)
    optimal_weights(REPRESENTATIONS["I"], hurst, speeds, 1.0).sum().backward()
    assert hurst.grad.isfinite()


class _Operations(TorchDispatchMode):
    """Counts what torch is asked to do."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_weights_and_their_derivative_take_few_operations():
    """As many for ten speeds as for two: nothing loops over speeds, terms or nodes."""
    counts = []
    for speeds in (times(*_GAMMAS[:2]), times(*_GAMMAS), torch.logspace(-2, 2, 10).double()):
        hurst = times(0.3)[0].requires_grad_()
        optimal_weights(REPRESENTATIONS["I"], hurst, speeds, 1.0)  # fills what is cached
        with _Operations() as operations:
            optimal_weights(REPRESENTATIONS["I"], hurst, speeds, 1.0).sum().backward()
        counts.append(operations.count)
    assert counts[0] == counts[1] == counts[2] < 500, counts


# At K = 3, 5, 7, 10 by type and index, speeds 1/20 to 20, without a ridge: relative errors of the
# covariance of the path and of its increments over 1/128, and of the path.
_TABLE = {
    ("I", 0.1): ".277 .873 .308, .275 .867 .307, .263 .849 .298, .253 .818 .284",
    ("I", 0.3): ".0166 .468 .0169, .0152 .479 .0166, .0130 .450 .0152, .0120 .404 .0133",
    ("I", 0.5): ".0141 .0066 .0156, .0120 .0069 .0128, .0103 .0063 .0104, .0078 .018 .0081",
    ("I", 0.7): ".128 .160 .122, .102 .230 .098, .090 .204 .085, .076 .123 .072",
    ("I", 0.9): ".574 .573 .563, .521 .523 .510, .496 .496 .485, .469 .469 .458",
    ("II", 0.1): ".087 .870 .240, .081 .839 .229, .069 .790 .214",
    ("II", 0.3): ".0081 .474 .0085, .0096 .435 .0078, .0066 .363 .0064",
    ("II", 0.5): "7.1e-4 3.4e-3 1.1e-6, 1.7e-6 1.7e-5 1.7e-11",
    ("II", 0.7): "2.6e-3 .184 1.5e-4, 1.3e-3 .186 1.3e-4, 8e-4 .127 9e-5",
    ("II", 0.9): "2.3e-3 .061 7.4e-5, 8.7e-4 .067 5.9e-5, 5.7e-4 .047 3.7e-5",
}


def _last_digit(text):
    """One unit of the last printed digit."""
    mantissa, _, exponent = text.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


@pytest.mark.parametrize(("kind", "hurst"), _TABLE)
def test_covariances_of_an_ou_driver_err_as_published(kind, hurst):
    cells = _TABLE[kind, hurst].split(", ")
    for count, cell in zip((3, 5, 7, 10), cells, strict=False):
        got = errors(REPRESENTATIONS[kind], hurst, _geometric(count), ridge=0.0)
        for value, text in zip(got, cell.split(), strict=True):
            assert abs(value - float(text)) < 0.56 * _last_digit(text), (count, value, text)


def test_ridge_keeps_the_weights_of_many_speeds_in_bounds():
    """The normal equations of type II are singular to rounding at K = 10."""
    representation, speeds = REPRESENTATIONS["II"], times(*_geometric(10))
    with pytest.raises(RuntimeError, match="not positive-definite"):
        optimal_weights(representation, times(0.1)[0], speeds, 1.0, ridge=0.0)
    barely = optimal_weights(representation, times(0.1)[0], speeds, 1.0, ridge=1e-15)
    omega = optimal_weights(representation, times(0.1)[0], speeds, 1.0)
    assert omega.abs().max() < 3e3 < 1e5 < barely.abs().max()
    error = relative_error(representation, times(0.1)[0], speeds, 1.0, omega)
    assert abs(float(error) - 0.2096) < 1e-4


@pytest.mark.parametrize("gammas", [_GAMMAS, _geometric(7)])
def test_riemann_liouville_ou_driver_is_the_wiener_process_at_one_half(gammas):
    driver = MarkovFractionalBrownian(
        hurst=0.5, representation=REPRESENTATIONS["II"], gammas=gammas
    )
    assert float(driver.relative_error()) < 1.75e-11
    assert abs(float(driver.omega_bar()) - 1) < 1e-4
    s, t = times(0.2, 0.5, 1.0), times(0.9, 0.5, 1.0)
    torch.testing.assert_close(driver.covariance(s, t), torch.minimum(s, t), rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("hurst", "value"), [(0.1, "6.2"), (0.3, "2.57"), (0.7, "0.36"), (0.9, "0.118")]
)
def test_amplitude_of_the_white_part_depends_on_the_fastest_speed(hurst, value):
    """Without bound for H < 1/2, and down to zero for H > 1/2."""
    at = []
    for count, fastest in ((5, 20.0), (7, 200.0), (9, 2000.0)):
        gammas = _geometric(count, fastest=fastest)
        driver = MarkovFractionalBrownian(
            hurst=hurst, representation=REPRESENTATIONS["II"], gammas=gammas
        )
        at.append(float(driver.omega_bar()))
    assert abs(at[0] - float(value)) < 0.56 * _last_digit(value)
    assert at == sorted(at, reverse=hurst > 0.5)


def test_matched_speeds_have_the_increments_that_the_papers_lose():
    representation, gammas = (
        REPRESENTATIONS["I"],
        MatchedSpeeds(count=5, slowest=0.02)(1 / 128, 1.0),
    )
    got = errors(representation, 0.3, gammas)
    assert abs(got.path - 0.0053) < 6e-5
    assert abs(got.increments - 0.0094) < 6e-5


def test_speeds_are_log_spaced_between_their_ends():
    assert _geometric(1) == (1.0,)
    got = times(*_geometric(5))
    torch.testing.assert_close(got, 20 ** (times(-1, -0.5, 0, 0.5, 1)), rtol=1e-14, atol=0)
    first, *_, last = MatchedSpeeds(count=6, slowest=0.02)(0.1, 4.0)
    assert abs(first - 0.005) < 1e-15
    assert abs(last - 20) < 1e-12


def test_speeds_too_few_for_a_learned_index_are_warned_of_by_number():
    with pytest.warns(UserWarning) as caught:
        warn_of_speeds(_geometric(5), step=1 / 128, horizon=2.0)
    fast, slow = (str(w.message) for w in caught)
    assert "fastest speed is 20, below 2 / step = 256" in fast
    assert "slowest speed is 0.05, above 0.01 / horizon = 0.005" in slow
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        speeds = MatchedSpeeds(count=7)(1 / 128, 2.0)
        warn_of_speeds(speeds, step=1 / 128, horizon=2.0)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda: _geometric(5, fastest=1.0),
            r"fastest: expected a number > 1, got 1.0$",
        ),
        (
            lambda: _geometric(0),
            r"count: expected a whole number > 0, got 0$",
        ),
        (
            lambda: MatchedSpeeds(count=1),
            r"count: expected at least 2, got 1$",
        ),
        (
            lambda: MatchedSpeeds(count=5)(2.0, 1.0),
            r"step: expected a number in \(0, 1.0\], got 2.0$",
        ),
    ],
)
def test_speeds_out_of_range_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_matched_speeds_follow_the_unit_of_time():
    one = MatchedSpeeds(count=5)(0.01, 1.0)
    two = MatchedSpeeds(count=5)(0.02, 2.0)
    assert all(math.isclose(a, 2 * b) for a, b in zip(one, two, strict=True))
