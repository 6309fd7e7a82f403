"""The multiplicative score h = x * grad_x log p(x), the score of y = log x minus one."""

import math

import pytest
import torch
from helpers.problems import (
    DRIFTING,
    INTERPOLANTS,
    TARGET,
    ConditionedNetwork,
    base_of,
    exact_fields,
    times,
)

from interpolants.fields.conversions import add, apply_combination
from interpolants.fields.fields import Fields
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.interpolant.schedule.geometric import GeometricSchedule
from interpolants.interpolant.schedule.linear import LinearSchedule
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.combinations import Combinations
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.testing.exact import ExactFields

_H = ("multiplicative_score",)
_PATHS = INTERPOLANTS | {
    "drifting": DRIFTING,
    "both": GeometricBrownianInterpolant(
        sigma=GeometricSchedule(start=0.2, end=2.0), mu=LinearSchedule(start=1.0, end=-2.0)
    ),
}
_T = torch.linspace(0.06, 0.93, 9, dtype=torch.float64)


def _normals(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _log_density(path, t, x):
    """log p_t(x) of x = exp(y), a mixture of log-normals, written in x."""
    c, base, components = path.coefficients(t), base_of(path), []
    for m0, c0, p in zip(base.means, base.covariances, base.weights, strict=True):
        for m1, c1, q in zip(TARGET.means, TARGET.covariances, TARGET.weights, strict=True):
            mean = c.shift[:, None] + c.alpha[:, None] * m0 + c.beta[:, None] * m1
            a, b, g = (value.square()[:, None, None] for value in c[:3])
            distribution = torch.distributions.MultivariateNormal(
                mean, a * c0 + b * c1 + g * torch.eye(2, dtype=torch.float64)
            )
            components.append((p * q).log() + distribution.log_prob(x.log()) - x.log().sum(1))
    return torch.logsumexp(torch.stack(components), dim=0)


@pytest.mark.parametrize("stem", _PATHS)
def test_multiplicative_score_is_x_times_the_gradient_of_the_log_density_of_x(stem):
    path = _PATHS[stem]
    x = (0.8 * _normals(9, 2)).exp().requires_grad_()
    (gradient,) = torch.autograd.grad(_log_density(path, _T, x).sum(), x)
    expected = (x * gradient).detach()
    net = ExactFields(base=base_of(path), target=TARGET, interpolant=path, predicts=_H)
    got = net(_T, x.log()).detach()[:, 0]
    scale = 1 + expected.abs().max().item()
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12 * scale)
    fields = exact_fields(path, ("denoiser",))
    got = fields.multiplicative_score(_T, x.log()).detach()
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12 * scale)


def test_multiplicative_score_under_geometric_brownian_motion_has_its_closed_form():
    """-1 - sum_k r_k (log x - m_k) / v_k, with m_k and v_k of the released setting."""
    x = (0.8 * _normals(9, 2)).exp()
    means, s = TARGET.means, (1 - _T)[:, None]
    variances = TARGET.covariances.clone()
    variances[:, 0, 1] = variances[:, 1, 0] = 0
    target = type(TARGET)(
        means=means.tolist(), weights=TARGET.weights.tolist(), covariances=variances.tolist()
    )
    path = GeometricBrownianInterpolant(sigma=0.8, mu=0.1)
    v = variances.diagonal(dim1=1, dim2=2) + 0.64 * s[:, :, None]
    away = x.log()[:, None] - means - (0.1 - 0.32) * s[:, :, None]
    logits = target.weights.log() - 0.5 * (away.square() / v + v.log()).sum(2)
    h = -1 - (torch.softmax(logits, dim=1)[:, :, None] * away / v).sum(1)
    net = ExactFields(base=base_of(path), target=target, interpolant=path, predicts=_H)
    torch.testing.assert_close(net(_T, x.log())[:, 0], h, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stem", ["geometric_brownian", "drifting", "both", "linear"])
def test_multiplicative_score_has_mean_minus_one_and_so_has_its_product_with_the_logarithm(stem):
    """E[h_i] = -1 and E[(1 + h_i) log x_i] = -1, by parts, for every smooth density."""
    path, n, t = _PATHS[stem], 40_000, times(0.4)[0]
    generator = torch.Generator().manual_seed(2)
    ends = [
        distribution.sample(n, generator).x1.double() for distribution in (base_of(path), TARGET)
    ]
    y = path.sample(t, *ends, _normals(n, 2, seed=3)).xt
    h = exact_fields(path, _H).multiplicative_score(t, y)
    for value in (h, (1 + h) * y):
        assert ((value.mean(0) + 1).abs() < 4.5 * value.std(0) / math.sqrt(n)).all()


def test_combinations_with_a_constant_term_add_it_once():
    x, prediction = _normals(3, 2), {"score": _normals(3, 2, seed=4)}
    slope, each = times(0.3, 0.4, 0.5), times(1.0, -2.0, 3.0)
    table = {"x": 2.0, "score": slope}
    rest = apply_combination(table, x, prediction)
    for constant in (0.5, times(0.5)[0], each):
        expected = rest + (constant[:, None] if constant is each else 0.5)
        for combination in (table | {"one": constant}, {"one": constant} | table):
            got = apply_combination(combination, x, prediction)
            torch.testing.assert_close(got, expected)
        alone = apply_combination({"one": constant}, x, {})
        torch.testing.assert_close(alone, expected - rest)
    total = add(table, {"one": 1.0}, {"one": each})
    torch.testing.assert_close(apply_combination(total, x, prediction), rest + 1.0 + each[:, None])


@pytest.mark.parametrize("stem", ["drifting", "linear"])
def test_combinations_are_tabulated_with_their_constants(stem):
    path, x, t = _PATHS[stem], _normals(5, 2), times(0.35)[0]
    fields = exact_fields(path, ("mean_velocity", *_H))
    names = ("velocity", "score", "denoiser", *_H, "target_mean")
    build = [lambda s, name=name: fields.combination(name, s) for name in names]
    combinations = Combinations(fields, build)
    row = combinations.coefficients(t)
    assert row.shape == (combinations.width,)
    expected = fields.evaluate(t, x, names)
    for got, name in zip(combinations(row.unbind(), x), names, strict=True):
        torch.testing.assert_close(got, expected[name])


@pytest.mark.parametrize("stem", ["drifting", "one_sided_linear", "linear"])
@pytest.mark.parametrize("process", [ForwardSDE, BackwardSDE])
def test_processes_from_the_multiplicative_score_are_those_from_the_score(stem, process):
    path, x = _PATHS[stem], _normals(9, 2)
    first, second = (
        process(fields=exact_fields(path, ("mean_velocity", name)), epsilon=0.3)
        for name in ("score", *_H)
    )
    torch.testing.assert_close(second.drift(_T, x), first.drift(_T, x), rtol=1e-10, atol=1e-10)
    row = second.coefficients(_T[4])
    got = second.drift_at(row.unbind(), x)
    torch.testing.assert_close(got, second.drift(_T[4], x), rtol=1e-12, atol=1e-12)


def test_score_and_multiplicative_score_differ_by_one_where_the_path_has_no_noise_left():
    """At t=1 the level is zero, and a detour by the denoiser would divide by it."""
    one, x = times(1.0)[0], _normals(4, 2)
    heads = _normals(4, 1, 2, seed=5)
    for path in (OneSidedLinearInterpolant(), DRIFTING, LinearInterpolant()):
        for given, asked, change in (("score", *_H, -1.0), (*_H, "score", 1.0)):
            fields = Fields(net=ConditionedNetwork(heads), interpolant=path, predicts=[given])
            got = fields.evaluate(one, x, [asked])[asked]
            torch.testing.assert_close(got, heads[:, 0] + change)
