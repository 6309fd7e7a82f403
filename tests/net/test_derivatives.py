"""Networks with attention where samplers and likelihoods differentiate them."""

from functools import partial

import pytest
import torch

from interpolants.fields.divergence.hutchinson import HutchinsonDivergence
from interpolants.fields.fields import Fields
from interpolants.fields.preconditioning import Preconditioning
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.likelihood.flow import FlowLikelihood
from interpolants.model.model import Model
from interpolants.net.unet import UNet
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler import Euler

_SHAPE = (1, 4, 4)


def _model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = UNet(event_shape=_SHAPE, heads=1, channels=8, multipliers=(1,), attention=(4,))
        for parameter in net.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    fields = Fields(
        net=net.double(),
        interpolant=OneSidedLinearInterpolant(),
        predicts=["velocity"],
        preconditioning=Preconditioning(std=0.5),
    )
    return Model(fields=fields, event_shape=_SHAPE, sampler=partial(Sampler, solver=Euler()))


@pytest.mark.parametrize("probes", [None, 2])
def test_log_densities_have_gradients_through_attention(probes):
    model, x = _model(), torch.randn(2, *_SHAPE, dtype=torch.float64, requires_grad=True)
    likelihood = FlowLikelihood
    if probes is not None:
        divergence = HutchinsonDivergence(num_probes=probes)
        likelihood = partial(FlowLikelihood, divergence=divergence)
    ask = partial(model.log_prob, likelihood=likelihood, num_steps=2, seed=1)
    value = ask(x, gradients=True).value
    assert torch.allclose(value, ask(x.detach()).value)
    (slope,) = torch.autograd.grad(value.sum(), x)
    v, h = torch.randn_like(x), 1e-5
    with torch.no_grad():
        change = (ask(x + h * v).value.sum() - ask(x - h * v).value.sum()) / (2 * h)
    assert torch.allclose((slope * v).sum(), change, rtol=1e-5)
