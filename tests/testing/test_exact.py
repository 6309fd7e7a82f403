"""The closed-form oracle, against tables of fixed numbers, autodiff and identities."""

import pytest
import torch
from helpers.problems import (
    BASE,
    DRIFTING,
    INTERPOLANTS,
    NORMAL,
    TABLE_BASE,
    TABLE_TARGET,
    TARGET,
    Gaussians,
    base_of,
    times,
)

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import FIELDS
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.gamma.quadratic import QuadraticGamma
from interpolants.interpolant.gamma.sigmoid_difference import SigmoidDifferenceGamma
from interpolants.interpolant.gamma.sine_squared import SineSquaredGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.testing.exact import ExactFields

# Rows: t, x, velocity, score, mean velocity, denoiser, div velocity, lap log p, log p.
_TABLE = """
.25 -1 0.0245017171 1.1498576335 0.3119661255 -0.4979029607 0.5143229492 -0.9959077288 -1.5580289115
.25 .8 0.7332175935 -0.7047949733 0.5570188502 0.3051851757 0.0675932147 -1.1235447958 -1.1186953904
.5 -1 -1.3327229084 0.4448513944 -1.3327229084 -0.2224256972 0.8962596021 -0.7358269319 -1.6509772476
.5 .8 1.3674411297 -0.1550392469 1.3674411297 0.0775196234 -0.0567685078 -1.3711790052 -1.0188278763
.9 -1 -2.8664501120 -2.8723729105 -1.7175009478 0.8617118731 -0.3622783480 -2.4110009330 -2.6508061051
.9 .8 1.5544419597 1.0890868432 1.1188072225 -0.3267260530 -0.0988636341 -1.9799586739 -1.2335179990
"""  # noqa: E501
_PATH = LinearInterpolant(gamma=BrownianBridgeGamma(a=1.0))
_PATHS = INTERPOLANTS | {"drifting": DRIFTING}
_NAMES = ("velocity", "score", "mean_velocity", "denoiser")
_GAMMAS = [
    BrownianBridgeGamma(a=1.0),
    BrownianBridgeGamma(a=2.0),
    QuadraticGamma(),
    SineSquaredGamma(),
    SigmoidDifferenceGamma(),
]


@pytest.mark.parametrize("line", _TABLE.split("\n")[1:-1])
def test_exact_fields_have_the_tabulated_values(line):
    row = [float(number) for number in line.split()]
    net = ExactFields(base=TABLE_BASE, target=TABLE_TARGET, interpolant=_PATH, predicts=_NAMES)
    t, x = times(row[0]), times(row[1])[:, None].requires_grad_()
    fields = net(t, x)[0, :, 0]
    log_density = net.log_density(t, x)
    (score,) = torch.autograd.grad(log_density.sum(), x, create_graph=True)
    (laplacian,) = torch.autograd.grad(score.sum(), x)
    divergence = net.velocity_divergence(t, x)
    got = torch.cat([fields, divergence, laplacian[0], log_density]).detach()
    torch.testing.assert_close(got, times(*row[2:]), rtol=0, atol=1e-8)
    torch.testing.assert_close(score[0, 0], fields[1], rtol=0, atol=1e-12)


def test_exact_density_at_the_data_end_has_the_tabulated_values():
    net = ExactFields(base=TABLE_BASE, target=TABLE_TARGET, interpolant=_PATH)
    x = times(-2.5, -1.0, 0.5, 1.5, 3.0)[:, None]
    expected = times(-1.9432, -3.7841, -1.9290, -0.9290, -3.1790)
    for got in (net.log_density(times(1.0)[0], x), TABLE_TARGET.log_density(x)):
        torch.testing.assert_close(got, expected, rtol=0, atol=5e-5)


def _points(n=7):
    generator = torch.Generator().manual_seed(3)
    return torch.linspace(0.05, 0.93, n, dtype=torch.float64), 1.5 * torch.randn(
        n, 2, generator=generator, dtype=torch.float64
    )


@pytest.mark.parametrize("gamma", _GAMMAS)
@pytest.mark.parametrize("stem", ["linear", "trigonometric", "encoder_decoder", "mirror"])
def test_exact_velocity_is_mean_velocity_minus_gamma_gamma_dot_score(stem, gamma):
    path = type(INTERPOLANTS[stem])(gamma=gamma)
    t, x = _points()
    b, s, v, eta = ExactFields(base=BASE, target=TARGET, interpolant=path, predicts=_NAMES)(
        t, x
    ).unbind(1)
    c = path.coefficients(t)
    torch.testing.assert_close(b, v - c.gamma_gamma_dot[:, None] * s, rtol=0, atol=1e-12)
    torch.testing.assert_close(b, v + c.gamma_dot[:, None] * eta, rtol=0, atol=1e-12)
    torch.testing.assert_close(eta, -c.gamma[:, None] * s, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stem", _PATHS)
def test_exact_means_of_the_parts_add_up_to_the_state(stem):
    path = _PATHS[stem]
    t, x = _points()
    net = ExactFields(
        base=base_of(path), target=TARGET, interpolant=path, predicts=("denoiser", "target_mean")
    )
    eta, target_mean = net(t, x).unbind(1)
    base_mean = net._end_mean(net._posterior(t, x), 0)
    c = path.coefficients(t)
    total = c.shift[:, None] + c.alpha[:, None] * base_mean + c.beta[:, None] * target_mean
    if path.one_sided:
        torch.testing.assert_close(base_mean, eta, rtol=0, atol=1e-12)
    else:
        total = total + c.gamma[:, None] * eta
    torch.testing.assert_close(total, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stem", _PATHS)
def test_exact_score_is_the_gradient_of_the_log_density(stem):
    path = _PATHS[stem]
    net = ExactFields(
        base=base_of(path), target=TARGET, interpolant=path, predicts=["score", "velocity"]
    )
    t, x = _points()
    x.requires_grad_()
    score, velocity = net(t, x).unbind(1)
    (gradient,) = torch.autograd.grad(net.log_density(t, x).sum(), x)
    torch.testing.assert_close(score, gradient, rtol=0, atol=1e-11)
    rows = [torch.autograd.grad(velocity[:, i].sum(), x, retain_graph=True)[0] for i in (0, 1)]
    divergence = rows[0][:, 0] + rows[1][:, 1]
    torch.testing.assert_close(net.velocity_divergence(t, x), divergence, rtol=0, atol=1e-10)


@pytest.mark.parametrize("gamma", _GAMMAS)
@pytest.mark.parametrize("stem", _PATHS)
def test_exact_density_and_velocity_satisfy_the_continuity_equation(stem, gamma):
    path = _PATHS[stem]
    path = path if path.one_sided else type(path)(gamma=gamma)
    net = ExactFields(
        base=base_of(path), target=TARGET, interpolant=path, predicts=["velocity", "score"]
    )
    t, x = _points()
    h = 1e-5
    rate = (net.log_density(t + h, x) - net.log_density(t - h, x)) / (2 * h)
    velocity, score = net(t, x).unbind(1)
    residual = rate + net.velocity_divergence(t, x) + (velocity * score).sum(1)
    assert residual.abs().max() < 1e-6 * (1 + rate.abs().max())


def test_exact_fields_in_float32_agree_with_float64_in_512_dimensions():
    d = 512
    base = GaussianMixture(means=[[0.0] * d], std=1.0)
    target = GaussianMixture(modes=3, dim=d, radius=8.0, std=0.4)
    net = ExactFields(base=base, target=target, interpolant=_PATH, predicts=FIELDS)
    generator = torch.Generator().manual_seed(0)
    ends = [distribution.sample(3, generator).x1.double() for distribution in (base, target)]
    t = times(0.1, 0.5, 0.9)
    x = _PATH.sample(t, *ends, torch.zeros_like(ends[0])).xt
    torch.testing.assert_close(net(t.float(), x.float()).double(), net(t, x), rtol=1e-3, atol=2e-3)
    got = net.log_density(t.float(), x.float()).double()
    torch.testing.assert_close(got, net.log_density(t, x), rtol=1e-4, atol=1e-2)
    got = target.score(ends[1].float()).double()
    torch.testing.assert_close(got, target.score(ends[1]), rtol=1e-3, atol=1e-3)


def test_exact_fields_refuse_an_unknown_name():
    with pytest.raises(ValueError, match=r"ExactFields.predicts: expected names out of .*'drift'"):
        ExactFields(base=BASE, target=TARGET, interpolant=_PATH, predicts=["drift"])


def test_exact_fields_refuse_a_base_that_is_no_noise_on_a_one_sided_path():
    rule = "ExactFields.base: expected a standard normal distribution on the one-sided OneSided"
    for base in (BASE, GaussianMixture(means=[[0.0, 0.0]], std=0.9), TARGET):
        with pytest.raises(ValueError, match=rule):
            ExactFields(base=base, target=TARGET, interpolant=INTERPOLANTS["one_sided_linear"])
    equal = GaussianMixture(means=[[0.0, 0.0], [0.0, 0.0]], weights=[0.3, 0.7], std=1.0)
    net = ExactFields(base=equal, target=TARGET, interpolant=INTERPOLANTS["one_sided_linear"])
    reference = ExactFields(base=NORMAL, target=TARGET, interpolant=net.interpolant)
    torch.testing.assert_close(net(*_points()), reference(*_points()), rtol=0, atol=1e-12)


def _correlated():
    covariances = ([[1.0, 0.3], [0.3, 0.8]], [[0.5, -0.1], [-0.1, 1.2]])
    cross = [[0.3, 0.5], [-0.4, 0.2]]
    return Gaussians(
        _PATH, ("velocity",), means=([0.0, 1.0], [1.0, -0.5]), covariances=covariances, cross=cross
    )


def test_velocity_of_correlated_gaussians_is_the_regression_and_half_the_rate_of_c_is_not():
    """b = m' + S C^-1 (x - m) with S = Cov(x', x), which is not symmetric; C' / 2 is its
    symmetric part."""
    net, n, t = _correlated(), 200_000, times(0.4)[0]
    joint = torch.cat(
        [torch.cat([net.cov0, net.cross], 1), torch.cat([net.cross.mT, net.cov1], 1)]
    )
    generator = torch.Generator().manual_seed(8)
    ends = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    ends = ends @ torch.linalg.cholesky(joint).mT
    z = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    sample = _PATH.sample(t, net.mean0 + ends[:, :2], net.mean1 + ends[:, 2:], z)
    design = torch.cat([torch.ones(n, 1, dtype=torch.float64), sample.xt], 1)
    coefficients = torch.linalg.lstsq(design, sample.xt_dot).solution
    probe = torch.randn(50, 2, generator=generator, dtype=torch.float64)
    rows = torch.cat([torch.ones(50, 1, dtype=torch.float64), probe], 1)
    fitted, velocity = rows @ coefficients, net(t, probe)[:, 0]
    residual = (sample.xt_dot - design @ coefficients).square().sum(0) / (n - 3)
    leverage = (rows @ torch.linalg.inv(design.mT @ design) * rows).sum(1)
    standard_error = (leverage[:, None] * residual).sqrt()
    assert ((fitted - velocity).abs() < 4 * standard_error).all()

    def half_rate(s):
        return net.covariance(s) / 2

    rate = torch.func.jvp(half_rate, (t,), (torch.ones_like(t),))[1]
    slope = rate @ torch.linalg.inv(net.covariance(t))
    wrong = net(t, net.mean(t)[None])[:, 0] + (probe - net.mean(t)) @ slope.mT
    assert ((fitted - wrong).abs() / standard_error).max() > 40


def test_closed_forms_of_gaussians_and_of_mixtures_agree():
    base = GaussianMixture(means=[[0.3, -0.2]], covariances=[[[1.0, 0.3], [0.3, 0.8]]])
    target = GaussianMixture(means=[[1.0, -0.5]], covariances=[[[0.5, -0.1], [-0.1, 1.2]]])
    mixtures = ExactFields(base=base, target=target, interpolant=_PATH, predicts=FIELDS)
    gaussians = Gaussians(
        _PATH,
        FIELDS,
        means=(base.means[0], target.means[0]),
        covariances=(base.covariances[0], target.covariances[0]),
        cross=torch.zeros(2, 2),
    )
    t, x = _points()
    torch.testing.assert_close(mixtures(t, x), gaussians(t, x), rtol=0, atol=1e-12)
