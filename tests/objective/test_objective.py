"""Objectives: floors in closed form, antithetic pairs, weights, and one network call."""

import math

import pytest
import torch
from helpers.problems import NORMAL, Gaussians, exact_fields, field_objectives, load, times

from interpolants.base.dataset import DatasetBase
from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.fields.fields import Fields
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.objective.denoiser import DenoiserObjective
from interpolants.objective.mean_velocity import MeanVelocityObjective
from interpolants.objective.score import ScoreObjective
from interpolants.objective.target_mean import TargetMeanObjective
from interpolants.objective.velocity import VelocityObjective
from interpolants.objective.velocity_and_denoiser import VelocityAndDenoiserObjective
from interpolants.objective.weight.constant import ConstantWeight
from interpolants.objective.weight.power import PowerWeight
from interpolants.objective.weighted_sum import WeightedSumObjective

_BRIDGE = LinearInterpolant(gamma=BrownianBridgeGamma(a=1.0))
# 0.3^2 int t^2 / (1 - t + 0.3 t^2) dt, by partial fractions.
_ARCTAN = 2 / math.sqrt(0.2) * (math.atan(1 / math.sqrt(0.2)) - math.atan(0.4 / math.sqrt(0.2)))
_TARGET_POWER = 0.3 * (1 + math.log(0.3) / 0.6 + (1 / 0.6 - 1) * _ARCTAN)
_FLOORS = [
    (VelocityObjective(), -0.6029828),
    (MeanVelocityObjective(), -0.6703248),
    (ScoreObjective(), -0.9403434),
    (DenoiserObjective(), -0.1519786),
    (TargetMeanObjective(), -0.5 * (1 + _TARGET_POWER)),
]
_SUMS = [
    (VelocityAndDenoiserObjective(denoiser_factor=2.0), -0.6029828 - 2 * 0.1519786),
    (
        WeightedSumObjective(
            objectives=[MeanVelocityObjective(), TargetMeanObjective(), DenoiserObjective()],
            factors=[0.5, 3.0, 0.1],
        ),
        -0.5 * 0.6703248 - 1.5 * (1 + _TARGET_POWER) - 0.1 * 0.1519786,
    ),
]


def _problem(predicts):
    """N(0, 1) to N(1, .3)."""
    return Gaussians(_BRIDGE, predicts, means=(0.0, 1.0), covariances=(1.0, 0.3))


def _draws(n, seed, target_mean=1.0, target_variance=0.3):
    generator = torch.Generator().manual_seed(seed)
    x0, x1, z = torch.randn(3, n, 1, generator=generator, dtype=torch.float64)
    t = torch.rand(n, generator=generator, dtype=torch.float64)
    return t, x0, target_mean + math.sqrt(target_variance) * x1, z


@pytest.mark.parametrize(("objective", "floor"), _FLOORS + _SUMS)
def test_objective_reaches_its_floor_at_the_exact_field(objective, floor):
    fields = _problem(objective.predicts).fields()
    loss = objective(fields, *_draws(200_000, seed=1)).total
    assert abs(loss.mean() - floor) < 4 * loss.std() / math.sqrt(len(loss))
    assert loss.std() < 10


@pytest.mark.parametrize(("objective", "floor"), _FLOORS)
def test_objective_floor_is_minus_half_the_mean_square_of_the_field(objective, floor):
    """By quadrature over time of the closed form: E|E u + G C^-1 (x - m)|^2 = (E u)^2 + G^2/C."""
    (name,) = objective.predicts
    net = _problem((name,))
    # Midpoints of t = sin^2(pi u / 2), which takes the square roots at the ends away.
    u = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 40_000
    t, density = torch.sin(math.pi * u / 2).square(), math.pi / 2 * torch.sin(math.pi * u)
    mean = net(t, net.mean(t))[:, 0, 0]
    power = mean**2 + (net.gain(name, t).square() / net.covariance(t))[:, 0, 0]
    assert abs(-0.5 * (power * density).mean() - floor) < 6e-8


def test_objective_rises_by_half_the_mean_square_error():
    t, x0, x1, z = _draws(1000, seed=2)
    fields = _problem(("velocity",)).fields()
    objective = VelocityObjective()
    shifted = Fields(net=_Shift(fields.net, 0.7), interpolant=_BRIDGE, predicts=("velocity",))
    rise = objective(shifted, t, x0, x1, z).total - objective(fields, t, x0, x1, z).total
    slope = 0.7 * (fields.velocity(t, _BRIDGE.sample(t, x0, x1, z).xt) - (x1 - x0))
    other = 0.7 * (fields.velocity(t, _BRIDGE.sample(t, x0, x1, -z).xt) - (x1 - x0))
    torch.testing.assert_close(rise, 0.5 * 0.7**2 + 0.5 * (slope + other)[:, 0])


class _Shift(torch.nn.Module):
    def __init__(self, net, size):
        super().__init__()
        self.net, self.size = net, size

    def forward(self, t, x):
        return self.net(t, x) + self.size


def test_objective_is_the_expanded_form_on_both_members_of_the_pair():
    t, x0, x1, z = (value[:5] for value in _draws(5, seed=3))
    net = torch.nn.Linear(1, 1, dtype=torch.float64)

    class Net(torch.nn.Module):
        def forward(self, t, x):
            return net(x)[:, None]

    fields = Fields(net=Net(), interpolant=_BRIDGE, predicts=("velocity",))
    expected = torch.zeros(5, dtype=torch.float64)
    for sign in (1, -1):
        s = _BRIDGE.sample(t, x0, x1, sign * z)
        b = net(s.xt)
        expected = expected + 0.5 * (0.5 * b**2 - s.xt_dot * b)[:, 0]
    torch.testing.assert_close(VelocityObjective()(fields, t, x0, x1, z).total, expected)


@pytest.mark.parametrize("objective", [VelocityObjective(), ScoreObjective()])
def test_antithetic_pairs_keep_the_variance_bounded_at_the_ends(objective):
    """Between mixtures: a pair has the deviation of one at t=1/2, a lone sample a hundredfold."""
    n, (name,) = 4000, objective.predicts
    fields = exact_fields(_BRIDGE, (name,))
    generator = torch.Generator().manual_seed(4)
    laws = (fields.net.base, fields.net.target)
    x0, x1 = (distribution.sample(n, generator).x1.double() for distribution in laws)
    z = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    deviations = []
    for value in (0.5, 1e-4, 1e-6):
        t = torch.full((n,), value, dtype=torch.float64)
        deviations.append(objective(fields, t, x0, x1, z).total.std().item())
        lone = _BRIDGE.sample(t, x0, x1, z)
        prediction = fields.predict(t, lone.xt)[name]
        plain = (prediction * (prediction / 2 - objective.target(fields, lone))).sum(1).std()
    assert max(deviations) < 6 * deviations[0]
    assert plain > 100 * deviations[-1]


@pytest.mark.parametrize("weight", [PowerWeight(a=1.0, b=0.5, c=3.0), PowerWeight(a=-0.5, b=0.0)])
def test_weight_multiplies_the_loss_and_not_what_is_logged(weight):
    draws = _draws(50, seed=5)
    fields = _problem(("velocity", "denoiser")).fields()
    plain = VelocityAndDenoiserObjective(denoiser_factor=2.0)(fields, *draws)
    weighted = VelocityAndDenoiserObjective(denoiser_factor=2.0, weight=weight)(fields, *draws)
    t = draws[0]
    formula = weight.c * t**weight.a * (1 - t) ** weight.b
    torch.testing.assert_close(weighted.total, formula * plain.total)
    for name, term in plain.terms.items():
        torch.testing.assert_close(weighted.terms[name], term)
    both = plain.terms["velocity"] + 2.0 * plain.terms["denoiser"]
    torch.testing.assert_close(plain.total, both)


def test_weighted_sum_equals_the_sum_of_its_parts():
    draws = _draws(50, seed=6)
    parts = [MeanVelocityObjective(), TargetMeanObjective(weight=PowerWeight())]
    objective = WeightedSumObjective(objectives=parts, factors=[0.5, 3.0])
    assert objective.predicts == ("mean_velocity", "target_mean")
    losses = objective(_problem(objective.predicts).fields(), *draws)
    lone = [part(_problem(part.predicts).fields(), *draws).total for part in parts]
    torch.testing.assert_close(losses.total, 0.5 * lone[0] + 3.0 * lone[1])


def test_weighted_sum_of_the_pair_equals_velocity_and_denoiser():
    draws = _draws(50, seed=7)
    fields = _problem(("velocity", "denoiser")).fields()
    parts = [VelocityObjective(), DenoiserObjective()]
    both = WeightedSumObjective(objectives=parts, factors=[1.0, 0.3])(fields, *draws)
    named = VelocityAndDenoiserObjective(denoiser_factor=0.3)(fields, *draws)
    torch.testing.assert_close(both.total, named.total)


@pytest.mark.parametrize("stem", field_objectives())
def test_objective_calls_the_network_once(stem):
    objective = load("objective", stem)
    fields = _problem(objective.predicts).fields()
    calls = []
    fields.net.register_forward_pre_hook(lambda _, arguments: calls.append(len(arguments[1])))
    losses = objective(fields, *_draws(8, seed=8))
    assert calls == [16]
    assert losses.total.shape == (8,)
    assert set(losses.terms) == set(objective.predicts)


@pytest.mark.parametrize("kind", ["ot", "data"])
def test_one_sided_objective_pairs_only_what_is_equally_likely(kind):
    """Where x0 given x1 is not symmetric, -x0 in its place would move the minimiser."""
    n = 4000
    generator = torch.Generator().manual_seed(9)
    x0 = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    x1 = x0 + 0.1 * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    options = {
        "ot": {"coupling": MinibatchOTCoupling()},
        "data": {"base": DatasetBase(data=NORMAL)},
    }
    path = OneSidedLinearInterpolant()
    # Cov(x0, x1) = 1, Var x1 = 1.01: the velocity is Cov(x1 - x0, x_t) / Var(x_t) x.
    net = Gaussians(path, ("velocity",), covariances=(1.0, 1.01), cross=1.0)
    fields = Fields(net=net, interpolant=path, predicts=("velocity",), **options[kind])
    t = 0.6 + 0.35 * torch.rand(n, generator=generator, dtype=torch.float64)
    slopes = []
    for size in (0.5, -0.5):

        class Tilted(torch.nn.Module):
            def forward(self, t, x, size=size):
                return net(t, x) + size * x[:, None]

        fields.net = Tilted()
        slopes.append(VelocityObjective()(fields, t, x0, x1, torch.zeros_like(x0)).total)
    slope = slopes[0] - slopes[1]
    assert slope.mean().abs() < 4 * slope.std() / math.sqrt(n)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PowerWeight(a=math.nan), "PowerWeight.a: expected a finite number"),
        (lambda: PowerWeight(c=0.0), "PowerWeight.c: expected a number > 0"),
        (
            lambda: VelocityAndDenoiserObjective(denoiser_factor=0.0),
            "VelocityAndDenoiserObjective.denoiser_factor: expected a number > 0",
        ),
        (lambda: WeightedSumObjective(objectives=[], factors=[]), "at least one objective"),
        (
            lambda: WeightedSumObjective(objectives=[VelocityObjective()], factors=[1.0, 2.0]),
            "WeightedSumObjective.factors: expected 1 numbers",
        ),
        (
            lambda: WeightedSumObjective(objectives=[VelocityObjective()] * 2, factors=[1, 2]),
            "each field at most once",
        ),
    ],
)
def test_objective_and_weight_refuse(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_constant_weight_is_one():
    assert ConstantWeight().value(times(0.1, 0.9)).tolist() == [1.0, 1.0]
