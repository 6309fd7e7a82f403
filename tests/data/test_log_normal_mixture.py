"""Log-normal mixtures, against torch, autodiff and their own draws."""

import math

import pytest
import torch
from helpers.distributions import SIGMAS, SIGNIFICANCE, assert_has_moments, draw, labels_of
from scipy.stats import kstest, skew
from torch.distributions import Categorical, Independent, LogNormal, MixtureSameFamily

from interpolants.data.log_normal_mixture import LogNormalMixture
from interpolants.space.log import LogSpace
from interpolants.space.positive_map import PositiveMap

_LOG_MEANS = [[0.3, -1.0, 0.0], [-0.5, 0.7, 0.1]]
_LOG_STD = [[0.4, 0.7, 0.2], [0.3, 0.2, 0.5]]
_WEIGHTS = [1.0, 3.0]


def _mixture(**options):
    return LogNormalMixture(log_means=_LOG_MEANS, log_std=_LOG_STD, weights=_WEIGHTS, **options)


def _reference():
    means, std, weights = (
        torch.tensor(v, dtype=torch.float64) for v in (_LOG_MEANS, _LOG_STD, _WEIGHTS)
    )
    return MixtureSameFamily(Categorical(weights), Independent(LogNormal(means, std), 1))


def test_log_normal_mixture_log_density_equals_that_of_torch():
    x = draw(_mixture(), 200).x1.double()
    expected = _reference().log_prob(x)
    torch.testing.assert_close(_mixture().log_density(x), expected, rtol=1e-12, atol=1e-12)


def test_log_normal_mixture_has_no_density_outside_of_the_positive_numbers():
    x = torch.tensor([[1.0, 1.0, 0.0], [1.0, -2.0, 1.0], [1.0, 1.0, 1.0]])
    density = _mixture().log_density(x)
    assert torch.equal(density[:2], torch.full((2,), -math.inf)) and density[2].isfinite()


def test_log_normal_mixture_multiplicative_score_is_x_times_the_gradient():
    x = draw(_mixture(), 200).x1.double().requires_grad_()
    (gradient,) = torch.autograd.grad(_mixture().log_density(x).sum(), x)
    got = _mixture().multiplicative_score(x.detach())
    torch.testing.assert_close(got, x.detach() * gradient, rtol=1e-11, atol=1e-11)


def test_log_normal_mixture_scores_have_their_means():
    # E h = -1 and E (1 + h) log x = -1, by parts, for any smooth density on positive numbers.
    x = draw(_mixture(), 100_000).x1.double()
    h = _mixture().multiplicative_score(x)
    for values in (h, (1 + h) * x.log()):
        error = values.std(dim=0) / len(x) ** 0.5
        assert ((values.mean(dim=0) + 1).abs() < SIGMAS * error).all()


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_log_normal_mixture_moments_are_those_of_its_draws(power):
    mixture = _mixture()
    values = draw(mixture, 200_000).x1.double() ** power
    error = values.std(dim=0) / len(values) ** 0.5
    assert ((values.mean(dim=0) - mixture.moment(power)).abs() <= SIGMAS * error + 1e-12).all()


def test_log_normal_mixture_mean_and_variance_equal_those_of_torch():
    mixture = _mixture()
    torch.testing.assert_close(mixture.moment(1), _reference().mean)
    variance = mixture.moment(2) - mixture.moment(1).square()
    torch.testing.assert_close(variance, _reference().variance)


def test_log_normal_mixture_cdf_is_that_of_its_draws_and_integrates_its_density():
    mixture = _mixture()
    uniform = mixture.cdf(draw(mixture, 20_000).x1.double())
    assert all(kstest(u.numpy(), "uniform").pvalue > SIGNIFICANCE for u in uniform.T)
    assert torch.equal(mixture.cdf(torch.tensor([[0.0, -1.0, 0.0]])), torch.zeros(1, 3))
    one = LogNormalMixture(log_means=[[0.2], [-1.0]], log_std=[0.5, 0.3])
    x = torch.linspace(0.2, 3, 50, dtype=torch.float64)[:, None].requires_grad_()
    (slope,) = torch.autograd.grad(one.cdf(x).sum(), x)
    torch.testing.assert_close(slope[:, 0], one.log_density(x.detach()).exp())


def test_log_normal_mixture_labels_are_the_components():
    batch = draw(_mixture(), 100_000)
    label = labels_of(batch)
    for k in range(2):
        log_x = batch.x1[label == k].log()
        mean, std = (torch.tensor(v[k], dtype=torch.float64) for v in (_LOG_MEANS, _LOG_STD))
        assert_has_moments(log_x, mean, std)
    assert abs(label.double().mean() - 0.75) < SIGMAS * (0.75 * 0.25 / len(label)) ** 0.5


def test_log_normal_mixture_standardizes_by_its_exact_moments():
    assert torch.equal(_mixture().shift, torch.zeros(3))
    assert torch.equal(_mixture().scale, torch.ones(3))
    data = _mixture(standardize=True)
    torch.testing.assert_close(data.shift, _reference().mean.float())
    torch.testing.assert_close(data.scale, _reference().variance.sqrt().float())


def test_log_normal_mixture_standardizes_in_log_space_by_the_exact_moments_of_log_x():
    data = _mixture(standardize=True)
    shift, scale = data.chart_units(LogSpace())
    weights = torch.tensor(_WEIGHTS).double() / sum(_WEIGHTS)
    means, std = torch.tensor(_LOG_MEANS).double(), torch.tensor(_LOG_STD).double()
    mean = weights @ means
    torch.testing.assert_close(shift, mean.float())
    variance = weights @ (std.square() + (means - mean).square())
    torch.testing.assert_close(scale, variance.sqrt().float())
    space = LogSpace(map=PositiveMap(offset=1.0))
    mapped = (1 + data.fitting_batch().x1).log()
    torch.testing.assert_close(data.chart_units(space)[0], mapped.mean(dim=0))


def test_log_normal_mixture_default_has_skewed_modes():
    batch = draw(LogNormalMixture(), 30_000)
    label = labels_of(batch)
    assert (batch.x1 > 0).all() and label.unique().numel() == 3
    for k in range(3):
        assert (skew(batch.x1[label == k].double().numpy()) > 0.6).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log_means": None}, "LogNormalMixture.log_means: expected K points of D coordinates"),
        ({"log_means": [[0.0], [1.0, 2.0]]}, "LogNormalMixture, the mixture of log x: Gaussian"),
        ({"log_std": -1.0}, "LogNormalMixture, the mixture of log x: GaussianMixture.std: expec"),
        ({"weights": [1.0]}, "LogNormalMixture, the mixture of log x: GaussianMixture.weights: "),
    ],
)
def test_log_normal_mixture_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        LogNormalMixture(**options)


def test_log_normal_mixture_refuses_a_moment_of_no_order():
    with pytest.raises(ValueError, match=r"LogNormalMixture.moment.power: expected a finite numb"):
        LogNormalMixture().moment(math.inf)
