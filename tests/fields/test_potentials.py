"""Differences of log densities from the potentials of conservative networks."""

from functools import partial

import pytest
import torch
from torch import nn

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.classifier_free import ClassifierFreeGuidance
from interpolants.fields.potentials import log_density_difference
from interpolants.fields.preconditioning import Preconditioning
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.interpolant.variance_preserving import VariancePreservingInterpolant
from interpolants.net.condition import Condition
from interpolants.net.conservative import Conservative
from interpolants.net.mlp import MLP
from interpolants.testing.exact import ExactFields

_MEAN, _STD = (0.4, -0.7), 0.6
_T = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)


def _states():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 2, generator=generator, dtype=torch.float64)


class _GaussianPotential(nn.Module):
    """Exact potential of a field of a Gaussian, whose fields are K(t) x + c(t)."""

    def __init__(self, exact, preconditioning=None, **_):
        super().__init__()
        self.exact, self.preconditioning = exact, preconditioning

    def forward(self, t, x):
        t = t.expand(len(x))
        s = None
        if self.preconditioning is not None:
            s = self.preconditioning.scales(self.exact.interpolant, self.exact.predicts, t)

        def head(x):
            field = self.exact(t, x if s is None else x / s.input[:, None])
            if s is None:
                return field
            state = x / s.input[:, None]
            return (field - s.skip[..., None] * state[:, None]) / s.out[..., None]

        constant = head(torch.zeros_like(x))
        slope = head(x) - constant
        return (0.5 * slope + constant) * x[:, None]


def _gaussian(path, predicts, preconditioning=None):
    normal = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
    target = GaussianMixture(means=[list(_MEAN)], std=_STD)
    exact = ExactFields(base=normal, target=target, interpolant=path, predicts=predicts)
    net = Conservative(
        event_shape=(2,),
        heads=len(predicts),
        potential=partial(_GaussianPotential, exact, preconditioning),
    )
    made = Fields(net=net, interpolant=path, predicts=predicts, preconditioning=preconditioning)
    return made, exact


_PATHS = [
    (OneSidedLinearInterpolant(), ["velocity"]),
    (OneSidedLinearInterpolant(), ["denoiser"]),
    (OneSidedLinearInterpolant(), ["target_mean"]),
    (OneSidedLinearInterpolant(), ["score"]),
    (VariancePreservingInterpolant(), ["velocity"]),
    (LinearInterpolant(), ["velocity", "denoiser"]),
    (GeometricBrownianInterpolant(), ["multiplicative_score"]),
]


@pytest.mark.parametrize(("path", "predicts"), _PATHS)
def test_log_density_differences_of_exact_potentials_are_exact(path, predicts):
    fields, exact = _gaussian(path, predicts)
    x, y = _states()
    expected = exact.log_density(_T, x) - exact.log_density(_T, y)
    found = log_density_difference(fields, _T, x, y)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    shared = log_density_difference(fields, _T[1], x, y)
    torch.testing.assert_close(shared[1], expected[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("predicts", [["velocity"], ["denoiser", "target_mean"]])
def test_log_density_differences_include_the_scaling_of_the_network(predicts):
    path, scaling = VariancePreservingInterpolant(), Preconditioning(std=0.8)
    fields, exact = _gaussian(path, predicts, scaling)
    x, y = _states()
    expected = exact.log_density(_T, x) - exact.log_density(_T, y)
    found = log_density_difference(fields, _T, x, y)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def _learned(predicts, preconditioning=None, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        potential = partial(MLP, hidden=16, depth=2)
        size = {"event_shape": (2,), "heads": len(predicts)}
        net = Conservative(potential=potential, **size, **options).double()
    path = OneSidedLinearInterpolant()
    return Fields(net=net, interpolant=path, predicts=predicts, preconditioning=preconditioning)


@pytest.mark.parametrize("preconditioning", [None, Preconditioning(std=0.8)])
@pytest.mark.parametrize("form", ["scalar", "inner_product", "squared_error"])
def test_log_density_differences_have_the_score_as_slope(form, preconditioning):
    fields = _learned(["velocity"], preconditioning, form=form)
    (x, v), h = _states(), 1e-4
    change = log_density_difference(fields, _T, x + h * v, x - h * v) / (2 * h)
    slope = (fields.score(_T, x) * v).sum(1)
    torch.testing.assert_close(change, slope, rtol=1e-6, atol=1e-6)


def test_log_density_differences_are_those_of_the_condition():
    fields = _learned(["velocity"], classes=3)
    bound = fields.condition_on(Condition(torch.tensor([0, 1, 2])))
    (x, v), h = _states(), 1e-4
    change = log_density_difference(bound, _T, x + h * v, x - h * v) / (2 * h)
    slope = (bound.score(_T, x) * v).sum(1)
    torch.testing.assert_close(change, slope, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(slope, (fields.score(_T, x) * v).sum(1))


def test_log_density_differences_in_the_precision_of_the_network():
    fields = _learned(["velocity"])
    x, y = _states()
    expected = log_density_difference(fields, _T, x, y)
    fields.float()
    found = log_density_difference(fields, _T, x, y)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_log_density_differences_are_refused_without_a_potential_or_with_guidance():
    x, y = _states()
    plain = _learned(["velocity"]).by(MLP(event_shape=(2,), heads=1, hidden=4))
    with pytest.raises(ValueError, match=r"a conservative network.*'MLP'; train with net=conserv"):
        log_density_difference(plain, _T, x, y)
    label, guidance = Condition(torch.tensor([0, 1, 2])), ClassifierFreeGuidance(scale=2.0)
    guided = _learned(["velocity"], classes=3).condition_on(label, guidance)
    with pytest.raises(ValueError, match="without guidance, got 'ClassifierFreeGuidance'"):
        log_density_difference(guided, _T, x, y)
    path = LinearInterpolant()
    fields = Fields(net=_learned(["velocity"]).net, interpolant=path, predicts=["velocity"])
    with pytest.raises(ValueError, match="score"):
        log_density_difference(fields, _T, x, y)
