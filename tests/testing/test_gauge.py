"""Errors of the score that leave the marginals alone, and errors that do not."""

from functools import partial

import pytest
import torch
from torch import nn

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.testing import gauge_perturb
from interpolants.testing.common import STANDARD_ERRORS
from interpolants.testing.exact import ExactFields

_PATH = VarianceExplodingInterpolant(sigma_max=5.0, sigma_min=0.01)
_TURN = torch.tensor([[0.0, -3.0], [3.0, 0.0]], dtype=torch.float64)
_TARGET = GaussianMixture(
    means=[[1.5, 0.0], [-1.0, 1.0], [0.0, -1.5]], weights=[0.5, 0.3, 0.2], std=[0.2, 0.4, 0.3]
)


def _fields():
    net = ExactFields(
        base=GaussianMixture(means=[[0.0, 0.0]], std=1.0),
        target=_TARGET,
        interpolant=_PATH,
        predicts="score",
    )
    return Fields(net=net, interpolant=_PATH, predicts="score")


def _errors(fields, sampler, n):
    """Errors of moments and probabilities of n samples, in standard errors, (features,)."""
    generator = torch.Generator().manual_seed(0)
    mixed = _TARGET.sample(n, generator).x1.double()
    # States at t=0 of the path itself, of which x0 alone would lack the data.
    start = torch.randn(n, 2, generator=generator).double() + mixed / _PATH.sigma_max
    x = sampler(fields=fields)(start, generator=generator).x
    found = _features(x)
    expected = _features(_TARGET.sample(1_000_000, generator).x1.double()).mean(0)
    return (found.mean(0) - expected).abs() / (found.std(0) / n**0.5)


def _features(x):
    """First and second moments, and waves of two lengths in two directions, (n, 9)."""
    products = torch.stack([x[:, 0] ** 2, x[:, 0] * x[:, 1], x[:, 1] ** 2], dim=1)
    return torch.cat([x, products, x.sin(), (3 * x).cos()], dim=1)


_FLOW = partial(Sampler, solver=Heun(), num_steps=200)
_NOISY = partial(
    Sampler,
    process=ForwardSDE,
    epsilon=KLOptimalEpsilon(),
    solver=StochasticHeun(),
    num_steps=400,
)


class _Longer(nn.Module):
    """The score times 1.2, which is a gradient too."""

    def __init__(self, fields):
        super().__init__()
        self.fields = fields

    def forward(self, t, x):
        return 1.2 * self.fields.score(t, x).unsqueeze(1)


@pytest.mark.parametrize(("sampler", "n"), [(_FLOW, 16_000), (_NOISY, 4_000)], ids=["flow", "sde"])
def test_score_with_an_antisymmetric_error_has_the_same_samples(sampler, n):
    assert _errors(gauge_perturb(_fields(), _TURN), sampler, n).max() < STANDARD_ERRORS


def test_score_with_an_error_that_is_a_gradient_has_other_samples():
    fields = _fields()
    assert _errors(fields.by(_Longer(fields)), _FLOW, 16_000).max() > 2 * STANDARD_ERRORS


def _mass_moved(fields, x):
    """div(p e) / p = div e + e . grad log p of the error e of a score, (B,)."""
    exact, t = _fields(), torch.tensor(0.4).double()

    def error(x):
        return fields.score(t, x) - exact.score(t, x)

    jacobian = torch.func.vmap(torch.func.jacrev(lambda row: error(row[None])[0]))(x)
    spread = torch.diagonal(jacobian, dim1=1, dim2=2).sum(1)
    return spread + (error(x) * exact.score(t, x)).sum(1)


def test_antisymmetric_error_moves_no_mass_anywhere():
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    assert _mass_moved(gauge_perturb(_fields(), _TURN), x).abs().max() < 1e-12
    fields = _fields()
    assert _mass_moved(fields.by(_Longer(fields)), x).abs().max() > 0.1


def test_perturbed_score_is_no_gradient():
    fields, t = gauge_perturb(_fields(), _TURN), torch.tensor(0.4).double()
    x = torch.tensor([0.3, 0.2]).double()
    jacobian = torch.autograd.functional.jacobian(lambda x: fields.score(t, x[None])[0], x)
    exact = torch.autograd.functional.jacobian(lambda x: _fields().score(t, x[None])[0], x)
    torch.testing.assert_close(jacobian, (torch.eye(2).double() + _TURN) @ exact)
    assert (jacobian - jacobian.T).abs().max() > 0.1 * jacobian.abs().max()


def test_gauge_refuses_matrices_and_paths_that_change_the_marginals():
    rule = r"gauge_perturb.antisymmetric: expected a square matrix with A = -A\^T"
    for matrix in (torch.eye(2), torch.zeros(2, 3), torch.zeros(2)):
        with pytest.raises(ValueError, match=rule):
            gauge_perturb(_fields(), matrix)
    predicts = ["velocity", "denoiser"]
    fields = Fields(net=nn.Identity(), interpolant=LinearInterpolant(), predicts=predicts)
    with pytest.raises(ValueError, match="a one-sided path"):
        gauge_perturb(fields, _TURN)
