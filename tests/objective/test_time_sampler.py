"""Laws of training times."""

import math

import pytest
import torch
from helpers.problems import load, stems
from scipy import stats

from interpolants.objective.time_sampler.beta import BetaTime
from interpolants.objective.time_sampler.importance import ImportanceTime
from interpolants.objective.time_sampler.logit_normal import LogitNormalTime
from interpolants.objective.time_sampler.stratified import StratifiedTime
from interpolants.objective.time_sampler.uniform import UniformTime

_SIGNIFICANCE = 1e-5
_MARGIN = 1e-3


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _unit(sampler, n=20_000):
    """Times with the margin undone, in float64."""
    t, weight = sampler.sample(n, _generator())
    return (t.double() - sampler.margin) / (1 - 2 * sampler.margin), weight


@pytest.mark.parametrize(
    ("sampler", "distribution"),
    [
        (UniformTime(margin=_MARGIN), stats.uniform()),
        (BetaTime(a=2.0, b=0.7, margin=_MARGIN), stats.beta(2.0, 0.7)),
        (BetaTime(margin=_MARGIN), stats.uniform()),
        (ImportanceTime(margin=_MARGIN), stats.beta(0.5, 0.5)),
    ],
)
def test_time_has_its_law(sampler, distribution):
    t, _ = _unit(sampler)
    assert stats.kstest(t.clamp(0, 1).numpy(), distribution.cdf).pvalue > _SIGNIFICANCE


def test_time_of_a_logit_normal_has_a_normal_logit():
    t, weight = _unit(LogitNormalTime(mean=-0.5, std=0.8, margin=_MARGIN))
    assert stats.kstest(torch.logit(t).numpy(), stats.norm(-0.5, 0.8).cdf).pvalue > _SIGNIFICANCE
    assert weight is None


def test_stratified_times_are_one_in_each_stratum_and_uniform_within():
    n = 20_000
    t, _ = _unit(StratifiedTime(margin=_MARGIN), n)
    within = t * n - torch.arange(n)
    assert within.min() > -0.01
    assert within.max() < 1.01
    rounded = within[:1000].clamp(0, 1).numpy()
    assert stats.kstest(rounded, "uniform").pvalue > _SIGNIFICANCE


def test_stratified_times_estimate_an_integral_with_less_variance():
    estimates = []
    for sampler in (UniformTime(margin=1e-6), StratifiedTime(margin=1e-6)):
        draws = [sampler.sample(64, _generator(seed))[0] for seed in range(200)]
        estimates.append(torch.stack([torch.cos(3 * t).mean() for t in draws]))
    exact = math.sin(3) / 3
    for values in estimates:
        assert abs(values.mean() - exact) < 5 * values.std() / 200**0.5
    assert estimates[1].std() < 0.1 * estimates[0].std()


def test_importance_weights_restore_the_uniform_integral():
    sampler = ImportanceTime(margin=1e-6)
    t, weight = sampler.sample(200_000, _generator())
    for function, exact in (
        (torch.ones_like, 1.0),
        (torch.cos, math.sin(1)),
        (torch.exp, math.e - 1),
    ):
        values = (weight * function(t)).double()
        assert abs(values.mean() - exact) < 5 * values.std() / 200_000**0.5


def test_importance_weights_bound_what_grows_at_the_ends():
    """1 / (t (1 - t)), the second moment of gamma_dot z, has a bounded weighted square root."""
    t, weight = ImportanceTime(margin=1e-6).sample(200_000, _generator())
    assert (weight.square() / (t * (1 - t))).max() < 1.02 * math.pi**2


@pytest.mark.parametrize("stem", stems("time_sampler"))
def test_times_keep_their_margin(stem):
    t, _ = load("time_sampler", stem, margin=0.1).sample(20_000, _generator())
    assert t.min() >= 0.1 - 1e-7
    assert t.max() <= 0.9 + 1e-7
    assert t.min() < 0.11 or stem == "logit_normal"
    assert t.max() > 0.89 or stem == "logit_normal"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: UniformTime(margin=0.0), r"UniformTime.margin: expected a number in \(0, 0.5\)"),
        (lambda: StratifiedTime(margin=0.5), "StratifiedTime.margin: "),
        (lambda: ImportanceTime(margin=-1.0), "ImportanceTime.margin: "),
        (lambda: BetaTime(a=0.0), "BetaTime.a: expected a number > 0"),
        (lambda: BetaTime(b=math.inf), "BetaTime.b: expected a number > 0"),
        (lambda: LogitNormalTime(std=0.0), "LogitNormalTime.std: expected a number > 0"),
        (lambda: LogitNormalTime(mean=math.nan), "LogitNormalTime.mean: expected a finite"),
    ],
)
def test_time_sampler_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()
