"""Geometric Brownian motion as a path of logarithms: schedules, moments, time reversal."""

import math

import pytest
import torch
from helpers.compose import config_of
from helpers.problems import DRIFTING, INTERPOLANTS, NORMAL, TARGET, times
from omegaconf import OmegaConf

from interpolants.checkpoint import spec
from interpolants.fields.fields import Fields
from interpolants.interpolant.base import Interpolant
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.interpolant.schedule.constant import ConstantSchedule
from interpolants.interpolant.schedule.geometric import GeometricSchedule
from interpolants.interpolant.schedule.linear import LinearSchedule
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.testing.exact import ExactFields

_SCHEDULES = [
    (ConstantSchedule(c=-1.3), lambda s: -1.3 + 0 * s),
    (LinearSchedule(start=-0.4, end=1.1), lambda s: -0.4 + 1.5 * s),
    (LinearSchedule(start=0.7, end=0.7), lambda s: 0.7 + 0 * s),
    (GeometricSchedule(start=0.01, end=5.0), lambda s: 0.01 * 500**s),
    (GeometricSchedule(start=2.0, end=0.3), lambda s: 2 * 0.15**s),
    (GeometricSchedule(start=0.6, end=0.6), lambda s: 0.6 + 0 * s),
]
_SIGMA, _MU = LinearSchedule(start=0.5, end=1.5), GeometricSchedule(start=2.0, end=0.1)
_PATHS = [
    GeometricBrownianInterpolant(),
    GeometricBrownianInterpolant(mu=0.0),
    DRIFTING,
    GeometricBrownianInterpolant(sigma=_SIGMA, mu=_MU),
    GeometricBrownianInterpolant(sigma=GeometricSchedule(start=0.1, end=3.0)),
]
_T = torch.linspace(0.02, 0.97, 9, dtype=torch.float64)


def _quadrature(function, s, n=20_000):
    """Integral over [0, s] by the midpoint rule, whose error is 1/n^2 of the second derivative."""
    nodes = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return s * function(s[:, None] * nodes).mean(1)


@pytest.mark.parametrize(("schedule", "formula"), _SCHEDULES)
def test_schedule_has_its_formula_and_the_integrals_of_it(schedule, formula):
    s = times(0.0, 1e-6, 0.2, 0.5, 0.99, 1.0)
    torch.testing.assert_close(schedule.value(s), formula(s), rtol=1e-13, atol=1e-13)
    for got, integrand in (
        (schedule.integral, formula),
        (schedule.square_integral, lambda u: formula(u) ** 2),
    ):
        torch.testing.assert_close(got(s), _quadrature(integrand, s), rtol=1e-6, atol=1e-12)
        rate = torch.func.jvp(got, (s,), (torch.ones_like(s),))[1]
        torch.testing.assert_close(rate, integrand(s), rtol=1e-12, atol=1e-12)
        single = got(s.float())
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), got(s), rtol=1e-5, atol=1e-6)


def _rates(path, s):
    """sigma and mu of a path at s, by hand."""
    sigma = path.sigma if not isinstance(path.sigma, float) else ConstantSchedule(c=path.sigma)
    sigma = sigma.value(s)
    if path.mu is None:
        return sigma, 0.5 * sigma.square()
    mu = path.mu if not isinstance(path.mu, float) else ConstantSchedule(c=path.mu)
    return sigma, mu.value(s)


@pytest.mark.parametrize("path", _PATHS)
def test_geometric_brownian_integrates_its_noise_and_its_drift(path):
    c, s = path.coefficients(_T), 1 - _T
    variance = _quadrature(lambda u: _rates(path, u)[0].square(), s)
    drift = _quadrature(lambda u: _rates(path, u)[1] - 0.5 * _rates(path, u)[0].square(), s)
    torch.testing.assert_close(c.alpha.square(), variance, rtol=1e-7, atol=1e-12)
    torch.testing.assert_close(c.shift, drift, rtol=1e-7, atol=1e-9)
    assert c.beta.tolist() == [1.0] * len(_T)
    assert path.shifted == (path.mu is not None)


def test_geometric_brownian_by_default_is_the_released_setting():
    c = INTERPOLANTS["geometric_brownian"].coefficients(_T)
    torch.testing.assert_close(c.alpha, 0.8 * (1 - _T).sqrt())
    assert c.shift.tolist() == [0.0] * len(_T)
    named = GeometricBrownianInterpolant(sigma=0.8, mu=0.32).coefficients(_T)
    torch.testing.assert_close(named.shift, c.shift, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("path", _PATHS)
def test_geometric_brownian_is_infinite_and_never_undefined_at_the_data(path, dtype):
    c = path.coefficients(torch.tensor([0.0, 1.0], dtype=dtype))
    assert c.alpha[1] == 0
    assert c.alpha_dot[1] == -math.inf
    assert c.shift[1] == 0
    assert all(not value.isnan().any() for value in c if value is not c.gamma_gamma_dot)
    assert not path.exact_ends


@pytest.mark.parametrize("path", _PATHS)
def test_geometric_brownian_has_the_distribution_of_the_multiplicative_sde(path):
    """Ambient moments, from d E[X^a] = (a mu + a (a - 1) sigma^2 / 2) E[X^a] ds."""
    n, t = 400_000, times(0.3)[0]
    generator = torch.Generator().manual_seed(5)
    x0 = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    log_x1 = torch.full_like(x0, 0.7)
    xt = path.sample(t, x0, log_x1, torch.zeros_like(x0)).xt
    for power in (-1.0, 0.5, 1.0):

        def rate(u, power=power):
            sigma, mu = _rates(path, u)
            return power * mu + 0.5 * power * (power - 1) * sigma.square()

        ratio = (power * (xt - 0.7)).exp() / _quadrature(rate, (1 - t)[None]).exp()
        assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / math.sqrt(n)
    c = path.coefficients(t)
    assert abs(xt.mean() - 0.7 - c.shift) < 4.5 * c.alpha / math.sqrt(n)
    assert abs(xt.var() / c.alpha**2 - 1) < 4.5 * math.sqrt(2 / n)


@pytest.mark.parametrize("predicts", ["velocity", "denoiser", "multiplicative_score"])
@pytest.mark.parametrize("path", _PATHS)
def test_geometric_brownian_reverses_as_the_sde_and_the_flow_of_the_logarithm(path, predicts):
    """dY = (sigma^2 / 2 - mu + sigma^2 u) dt + sigma dW, and the flow with half of the score."""
    net = ExactFields(base=NORMAL, target=TARGET, interpolant=path, predicts=[predicts])
    fields = Fields(net=net, interpolant=path, predicts=[predicts])
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    sigma, mu = (value[:, None] for value in _rates(path, 1 - _T))
    score = ExactFields(base=NORMAL, target=TARGET, interpolant=path, predicts=["score"])(_T, x)
    still, pull = 0.5 * sigma.square() - mu, sigma.square() * score[:, 0]
    sde = ForwardSDE(fields=fields, epsilon=KLOptimalEpsilon(c=1.0))
    torch.testing.assert_close(sde.drift(_T, x), still + pull, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(sde.diffusion(_T), sigma[:, 0], rtol=1e-12, atol=1e-12)
    flow = ProbabilityFlow(fields=fields)
    torch.testing.assert_close(flow.drift(_T, x), still + pull / 2, rtol=1e-11, atol=1e-11)


def test_paths_of_logarithms_are_geometric_in_the_data():
    """Geometric Ornstein-Uhlenbeck and geometric interpolation need no path class."""
    generator = torch.Generator().manual_seed(7)
    z0, z = torch.randn(2, 9, 3, generator=generator, dtype=torch.float64)
    big0, big1 = torch.rand(2, 9, 3, generator=generator, dtype=torch.float64) + 0.1
    t = _T[:, None]
    path = INTERPOLANTS["one_sided_trigonometric"]
    angle = 0.5 * math.pi * t
    ambient = big1.pow(angle.sin()) * (angle.cos() * z0).exp()
    xt = path.sample(_T, z0, big1.log(), z).xt
    torch.testing.assert_close(xt.exp(), ambient, rtol=1e-13, atol=0)
    path = INTERPOLANTS["linear"]
    noise = (path.gamma.value(t) * z).exp()
    xt = path.sample(_T, big0.log(), big1.log(), z).xt
    torch.testing.assert_close(xt.exp(), big0.pow(1 - t) * big1.pow(t) * noise, rtol=1e-13, atol=0)


def test_configuration_takes_a_schedule_in_place_of_a_number():
    node = "{_target_:interpolants.interpolant.schedule.linear.LinearSchedule,start:0.4,end:1.2}"
    cfg = config_of(
        "interpolant=geometric_brownian", f"interpolant.sigma={node}", "interpolant.mu=0.1"
    )
    path = spec.build(OmegaConf.to_container(cfg.interpolant), Interpolant)
    sigma = LinearSchedule(start=0.4, end=1.2)
    assert path == GeometricBrownianInterpolant(sigma=sigma, mu=0.1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ConstantSchedule(c=math.inf), "ConstantSchedule.c: expected a finite number"),
        (lambda: LinearSchedule(start=0.0, end=math.nan), "LinearSchedule.end: expected a finite"),
        (lambda: GeometricSchedule(start=0.0, end=1.0), "GeometricSchedule.start: expected a num"),
        (
            lambda: GeometricBrownianInterpolant(sigma="fast"),
            "GeometricBrownianInterpolant.sigma: expected a Schedule or a finite number",
        ),
        (
            lambda: GeometricBrownianInterpolant(mu=math.nan),
            "GeometricBrownianInterpolant.mu: expected a Schedule or a finite number",
        ),
        (
            lambda: GeometricBrownianInterpolant(sigma=0.0),
            r"GeometricBrownianInterpolant.sigma: expected values > 0 on \[0, 1\], got 0.0",
        ),
        (
            lambda: GeometricBrownianInterpolant(sigma=LinearSchedule(start=1.0, end=-1.0)),
            r"GeometricBrownianInterpolant.sigma: expected values > 0 on \[0, 1\]",
        ),
    ],
)
def test_geometric_brownian_and_schedules_refuse(build, message):
    with pytest.raises(ValueError, match=message):
        build()
