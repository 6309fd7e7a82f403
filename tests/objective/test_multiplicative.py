"""Three losses of the multiplicative score that agree in the mean, and weights by the noise."""

import math

import pytest
import torch
from helpers.problems import DRIFTING, INTERPOLANTS, TARGET, base_of, exact_fields, times

from interpolants.fields.divergence.exact import ExactDivergence
from interpolants.fields.divergence.hutchinson import HutchinsonDivergence
from interpolants.fields.fields import Fields
from interpolants.interpolant.custom import CustomInterpolant
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.objective.denoiser import DenoiserObjective
from interpolants.objective.explicit_score import ExplicitScoreObjective
from interpolants.objective.implicit_score import ImplicitScoreObjective
from interpolants.objective.multiplicative_score import MultiplicativeScoreObjective
from interpolants.objective.score import ScoreObjective
from interpolants.objective.velocity import VelocityObjective
from interpolants.objective.weight.noise_level import NoiseLevelWeight
from interpolants.objective.weighted_sum import WeightedSumObjective

_H = "multiplicative_score"
_PATHS = {stem: INTERPOLANTS[stem] for stem in ("geometric_brownian", "linear")}
_PATHS |= {"drifting": DRIFTING}
_DENOISING = MultiplicativeScoreObjective()


class _Field(torch.nn.Module):
    """The exact h, moved by a function of (t, x)."""

    def __init__(self, path, move):
        super().__init__()
        self.exact, self.move = exact_fields(path, (_H,)).net, move

    def forward(self, t, x):
        return self.exact(t, x) + self.move(t[:, None], x)[:, None]


_MOVES = {
    "exact": lambda t, x: torch.zeros_like(x),
    "constant": lambda t, x: torch.full_like(x, 0.7),
    "linear": lambda t, x: 0.5 * x.flip(1) - t,
    "sine": lambda t, x: torch.sin(3 * x) + t * x[:, :1],
}


def _fields(path, move):
    return Fields(net=_Field(path, _MOVES[move]), interpolant=path, predicts=[_H])


def _draws(path, n, seed=1, t=None):
    generator = torch.Generator().manual_seed(seed)
    x0, x1 = (
        distribution.sample(n, generator).x1.double() for distribution in (base_of(path), TARGET)
    )
    z = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    u = torch.rand(n, generator=generator, dtype=torch.float64)
    return (0.2 + 0.6 * u if t is None else torch.full_like(u, t)), x0, x1, z


def _standard_errors(values):
    return abs(values.mean()) / (values.std() / math.sqrt(len(values)))


@pytest.mark.parametrize("stem", _PATHS)
@pytest.mark.parametrize("move", _MOVES)
def test_denoising_explicit_and_implicit_losses_agree_in_the_mean(stem, move):
    path = _PATHS[stem]
    fields, draws = _fields(path, move), _draws(path, 4_000)
    explicit = ExplicitScoreObjective(teacher=_fields(path, "exact"))(fields, *draws).parts
    for objective in (_DENOISING, ImplicitScoreObjective()):
        other = objective(fields, *draws).parts
        assert _standard_errors((other - explicit)[:, 0]) < 4.5
        # Of the same draws, so that the difference has little noise left and the test can fail.
        assert (other - explicit).std() < 10


@pytest.mark.parametrize("move", _MOVES)
def test_squared_denoising_and_explicit_losses_differ_by_their_constant(move):
    """1 / (sigma^2 s) - E(1 + h)^2 for each coordinate, whatever the field."""
    path, n, t = GeometricBrownianInterpolant(sigma=0.8, mu=0.1), 20_000, 0.4
    fields = _fields(path, move)
    sample = path.sample(*_draws(path, n, t=t))
    teacher = _fields(path, "exact")
    target = _DENOISING.target(fields, sample)
    h = ExplicitScoreObjective(teacher=teacher).target(fields, sample)
    got = fields.multiplicative_score(sample.t, sample.xt)
    difference = (got - target).square() - (got - h).square()
    constant = 1 / (0.64 * (1 - t)) - (1 + h).square()
    for each in (difference - constant).unbind(1):
        assert _standard_errors(each) < 4.5


def test_denoising_target_is_that_of_the_released_code():
    """-(log(x_t / x_0) - mu s + 3/2 sigma^2 s) / (sigma^2 s), with data for x_0."""
    sigma, mu = 0.8, 0.1
    path = GeometricBrownianInterpolant(sigma=sigma, mu=mu)
    sample = path.sample(*_draws(path, 50))
    variance, drift = sigma**2 * (1 - sample.t)[:, None], mu * (1 - sample.t)[:, None]
    ratio = (sample.xt.exp() / sample.x1.exp()).log()
    expected = -(ratio - drift + 1.5 * variance) / variance
    got = _DENOISING.target(_fields(path, "exact"), sample)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("objective", [_DENOISING, ImplicitScoreObjective()])
def test_loss_at_the_exact_field_is_minus_half_its_mean_square(objective):
    path = DRIFTING
    fields, draws = _fields(path, "exact"), _draws(path, 10_000)
    h = fields.multiplicative_score(draws[0], path.sample(*draws).xt)
    losses = objective(fields, *draws).total
    assert _standard_errors(losses + 0.5 * h.square().sum(1)) < 4.5


class _Linear(torch.nn.Module):
    """h = W x + v, of which everything is known."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        weight, bias = torch.randn(2, 4, 4, generator=generator, dtype=torch.float64).unbind()
        self.weight, self.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias[0])

    def forward(self, t, x):
        h = x.flatten(1) @ self.weight.mT + self.bias
        return h.view_as(x)[:, None]


@pytest.mark.parametrize("divergence", [ExactDivergence(), HutchinsonDivergence(num_probes=2)])
def test_implicit_loss_and_its_gradient_have_their_closed_form_for_a_linear_field(divergence):
    """1/2 |h|^2 + 1 . h + tr W, on both members of each pair; v^T W v with probes."""
    path, net, n = DRIFTING, _Linear(), 6
    fields = Fields(net=net, interpolant=path, predicts=[_H])
    generator = torch.Generator().manual_seed(4)
    x0, x1 = torch.randn(2, n, 2, 2, generator=generator, dtype=torch.float64)
    t = torch.linspace(0.1, 0.9, n, dtype=torch.float64)
    objective = ImplicitScoreObjective(divergence=divergence)
    losses = objective(fields, t, x0, x1, x0, torch.Generator().manual_seed(5))
    again = objective(fields, t, x0, x1, x0, torch.Generator().manual_seed(5))
    torch.testing.assert_close(losses.weighted, again.weighted, rtol=0, atol=0)
    gradients = torch.autograd.grad(losses.total.sum(), (net.weight, net.bias))
    probes = divergence.draw(2 * n, 4, torch.Generator().manual_seed(5), x0).double()
    if not divergence.random:
        probes = torch.eye(4, dtype=torch.float64).expand(2 * n, 4, 4) * 2
    xt = torch.cat([path.sample(t, sign * x0, x1, x0).xt for sign in (1, -1)]).flatten(1)
    h = xt @ net.weight.mT + net.bias
    traces = torch.einsum("nki,ij,nkj->nk", probes, net.weight, probes).mean(1)
    each = (0.5 * h.square() + h).sum(1) + traces
    expected = each.view(2, n).mean(0)
    torch.testing.assert_close(losses.total, expected)
    wanted = torch.autograd.grad(expected.sum(), (net.weight, net.bias))
    for got, one in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(got, one)
    with torch.no_grad():
        still = objective(fields, t, x0, x1, x0, torch.Generator().manual_seed(5))
    torch.testing.assert_close(still.parts, losses.parts)


def test_explicit_loss_sends_no_gradient_to_its_teacher():
    path, net, teacher = DRIFTING, _Linear(), _Linear()
    fields, known = (
        Fields(net=one, interpolant=path, predicts=[name])
        for one, name in ((net, _H), (teacher, "denoiser"))
    )
    x0 = torch.randn(5, 2, 2, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    t = times(0.1, 0.3, 0.5, 0.7, 0.9)
    ExplicitScoreObjective(teacher=known)(fields, t, x0, 0.5 * x0, x0).total.sum().backward()
    assert net.weight.grad is not None
    assert teacher.weight.grad is None


@pytest.mark.parametrize("stem", _PATHS)
def test_noise_level_weights_turn_one_loss_into_another(stem):
    """With power p on the score, p - 2 on the denoiser: (f - s)^2 level^2 is (level f + z)^2."""
    path = _PATHS[stem]
    draws = _draws(path, 30)
    losses = [
        objective(exact_fields(path, objective.predicts), *draws).total
        for objective in (
            ScoreObjective(weight=NoiseLevelWeight(interpolant=path, power=4.0)),
            DenoiserObjective(weight=NoiseLevelWeight(interpolant=path)),
        )
    ]
    torch.testing.assert_close(*losses, rtol=1e-9, atol=1e-9)
    t = draws[0]
    released = NoiseLevelWeight(interpolant=GeometricBrownianInterpolant(), power=4.0).value(t)
    torch.testing.assert_close(released, (0.64 * (1 - t)).square())


def test_noise_level_weight_is_that_of_a_path_given_as_a_function_too():
    path = CustomInterpolant(function=lambda t, x0, x1: (1 - t) * x0 + t * x1)
    t = times(0.2, 0.7)
    got = NoiseLevelWeight(interpolant=path).value(t)
    torch.testing.assert_close(got, NoiseLevelWeight(interpolant=LinearInterpolant()).value(t))


_STILL = LinearInterpolant(gamma=ZeroGamma())
_NOISELESS = Fields(net=torch.nn.Identity(), interpolant=_STILL, predicts=[_H])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: NoiseLevelWeight(interpolant=_STILL),
            "NoiseLevelWeight.interpolant: expected a path with noise: .*, got 'ZeroGamma'",
        ),
        (
            lambda: NoiseLevelWeight(interpolant=LinearInterpolant(), power=math.nan),
            "NoiseLevelWeight.power: expected a finite number",
        ),
        (
            lambda: ImplicitScoreObjective().check(_NOISELESS),
            "ImplicitScoreObjective.interpolant: expected latent noise gamma > 0",
        ),
        (
            lambda: _DENOISING.check(_NOISELESS),
            "MultiplicativeScoreObjective.interpolant: expected latent noise gamma > 0",
        ),
        (
            lambda: WeightedSumObjective(
                objectives=[VelocityObjective(), ImplicitScoreObjective()], factors=[1.0, 1.0]
            ),
            "WeightedSumObjective.objectives: expected objectives with a target",
        ),
    ],
)
def test_objectives_of_the_multiplicative_score_refuse(build, message):
    with pytest.raises(ValueError, match=message):
        build()
