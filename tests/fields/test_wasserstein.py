"""The velocity as that of a Wasserstein gradient flow."""

import math

import pytest
import torch

from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.fields.wasserstein import gradient_flow, velocity_parts
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.interpolant.one_sided_trigonometric import OneSidedTrigonometricInterpolant
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.interpolant.variance_preserving import VariancePreservingInterpolant
from interpolants.testing.exact import ExactFields

_PATHS = [
    OneSidedLinearInterpolant(),
    OneSidedTrigonometricInterpolant(),
    VariancePreservingInterpolant(),
    VarianceExplodingInterpolant(),
    GeometricBrownianInterpolant(),
]
_MEANS = [[-1.2], [0.4], [1.5]]
_T = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)


def _fields(path, predicts="velocity"):
    net = ExactFields(
        base=GaussianMixture(means=[[0.0]], std=1.0),
        target=GaussianMixture(means=_MEANS, std=[0.3, 0.5, 0.2]),
        interpolant=path,
        predicts=predicts,
    )
    return Fields(net=net, interpolant=path, predicts=predicts), net


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize("predicts", ["velocity", "denoiser", "target_mean", "score"])
def test_parts_of_the_velocity_are_a_gradient_of_known_terms_and_the_score(path, predicts):
    (fields, net), x = _fields(path, predicts), torch.tensor([[0.3], [-0.8], [1.1]]).double()
    c, parts = path.coefficients(_T), velocity_parts(fields, _T, x)
    torch.testing.assert_close(parts.potential + parts.entropy, fields.velocity(_T, x))
    exact = ExactFields(
        base=net.base, target=net.target, interpolant=path, predicts=["velocity", "score"]
    )
    velocity, score = exact(_T, x).unbind(1)
    weight = (c.alpha * (c.alpha * c.beta_dot - c.alpha_dot * c.beta) / c.beta)[:, None]
    torch.testing.assert_close(parts.entropy, weight * score)
    torch.testing.assert_close(gradient_flow(fields, _T).weight, weight[:, 0])
    torch.testing.assert_close(parts.potential, velocity - weight * score)


@pytest.mark.parametrize("path", _PATHS)
def test_weight_of_the_entropy_is_not_negative(path):
    weight = gradient_flow(_fields(path)[0], torch.linspace(0.01, 0.99, 50).double()).weight
    assert (weight > 0).all()


def test_potential_part_of_an_ornstein_uhlenbeck_process_is_its_drift_backwards():
    # x = t x1 + sqrt(1 - t^2) x0 is dX = -X ds + sqrt(2) dW at s = -log t, so ds = -dt / t.
    fields, x = _fields(VariancePreservingInterpolant())[0], torch.randn(3, 1).double()
    torch.testing.assert_close(velocity_parts(fields, _T, x).potential, x / _T[:, None])
    torch.testing.assert_close(gradient_flow(fields, _T).weight, 1 / _T)


_GRID = torch.linspace(-9, 9, 4001, dtype=torch.float64)[:, None]


def _normal_log_density(x):
    return -0.5 * x.square() - 0.5 * math.log(2 * math.pi)


def _divergence(net, t):
    """KL(rho_t | N(0, 1)), by the trapezoidal rule, exact to rounding here."""
    log_rho = net.log_density(t, _GRID)
    excess = log_rho - _normal_log_density(_GRID[:, 0])
    return torch.trapezoid(log_rho.exp() * excess, _GRID[:, 0])


@pytest.mark.parametrize("time", [0.2, 0.5, 0.9])
def test_divergence_from_equilibrium_dissipates_at_the_rate_of_the_fisher_information(time):
    fields, net = _fields(VariancePreservingInterpolant())
    t = torch.tensor(time, dtype=torch.float64)
    (rate,) = torch.autograd.functional.jacobian(lambda t: _divergence(net, t)[None], t)
    flow, parts = gradient_flow(fields, t), velocity_parts(fields, t, _GRID)
    rho = net.log_density(t, _GRID).exp()
    # grad log(rho_t / pi) with pi the equilibrium, at which both parts cancel.
    relative = (parts.potential + parts.entropy) / flow.weight
    torch.testing.assert_close(relative, fields.score(t, _GRID) + _GRID, rtol=1e-8, atol=1e-8)
    fisher = torch.trapezoid(rho * relative[:, 0].square(), _GRID[:, 0])
    # d KL / ds = -g^2 / 2 Fisher from data to noise, and t runs the other way.
    torch.testing.assert_close(rate, flow.weight * fisher, rtol=1e-8, atol=1e-10)


def test_dissipation_of_a_gaussian_is_that_of_its_closed_form():
    path, t = VariancePreservingInterpolant(), torch.tensor(0.6, dtype=torch.float64)
    mean, std = 0.7, 0.4
    net = ExactFields(
        base=GaussianMixture(means=[[0.0]], std=1.0),
        target=GaussianMixture(means=[[mean]], std=std),
        interpolant=path,
        predicts="velocity",
    )
    fields = Fields(net=net, interpolant=path, predicts="velocity")
    flow, parts = gradient_flow(fields, t), velocity_parts(fields, t, _GRID[2000:2002])
    m, variance = t * mean, 1 + t**2 * (std**2 - 1)
    rate = m * mean + t * (std**2 - 1) * (1 - 1 / variance)
    # E |grad log(rho_t / pi)|^2 of an affine function, from its values at 0 and at h.
    values, h = ((parts.potential + parts.entropy) / flow.weight)[:, 0], _GRID[2001, 0]
    slope = (values[1] - values[0]) / h
    fisher = (values[0] + slope * m).square() + variance * slope.square()
    torch.testing.assert_close(flow.weight * fisher, rate)
    relative = _divergence(net, t) - 0.5 * (variance + m**2 - 1 - variance.log())
    assert abs(relative) < 1e-10


def test_gradient_flow_is_refused_where_the_velocity_is_no_gradient():
    x = torch.zeros(1, 1)
    two_sided = Fields(
        net=torch.nn.Identity(), interpolant=LinearInterpolant(), predicts=["velocity", "denoiser"]
    )
    with pytest.raises(ValueError, match=r"Fields\.interpolant: expected a one-sided path"):
        velocity_parts(two_sided, _T[:1], x)
    coupled = Fields(
        net=torch.nn.Identity(),
        interpolant=OneSidedLinearInterpolant(),
        predicts="velocity",
        coupling=MinibatchOTCoupling(),
    )
    with pytest.raises(ValueError, match="an independent coupling"):
        velocity_parts(coupled, _T[:1], x)
