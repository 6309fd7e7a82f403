"""Divergences of path distributions against quadrature, for every diffusivity."""

import pytest
import torch
from helpers.problems import load, stems

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.likelihood.path_kl import path_kl
from interpolants.likelihood.process.path_kl import PathKL
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.testing.exact import ExactFields
from interpolants.testing.orders import gauss_hermite

pytestmark = pytest.mark.filterwarnings("ignore:Sampler.num_steps")


def _fields(mean, std):
    path, predicts = OneSidedLinearInterpolant(), ("velocity", "denoiser")
    base = GaussianMixture(means=[[0.0]], std=1.0)
    target = GaussianMixture(means=[[mean]], std=std)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    return Fields(net=net, interpolant=path, predicts=predicts)


def _quadrature(process):
    """The integral of E|f - f'|^2 / (4 epsilon) over the span, X_t normal by the path."""
    (start, end), (z, mass) = process.span, gauss_hermite(20)
    u = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    # Substituted, so that the ends, where the integrand may be large, have many nodes.
    t = start + (end - start) * (3 * u**2 - 2 * u**3)
    x = t[:, None] * 0.5 + ((1 - t) ** 2 + (0.6 * t) ** 2).sqrt()[:, None] * z
    times, states = t.repeat_interleave(len(z)), x.reshape(-1, 1)
    difference = process.process.drift(times, states) - process.other.drift(times, states)
    rate = (difference.square().view(len(t), len(z)) @ mass) / (2 * process.diffusion(t).square())
    return float((rate * (end - start) * 6 * u * (1 - u)).mean())


@pytest.mark.parametrize("build", [ForwardSDE, BackwardSDE])
@pytest.mark.parametrize("stem", stems("sampler/epsilon"))
def test_path_kl_is_that_of_quadrature_and_with_itself_zero(stem, build):
    own, other = _fields(0.5, 0.6), _fields(0.45, 0.65)
    epsilon, n = load("sampler/epsilon", stem), 500
    options = {"process": build, "solver": StochasticHeun(), "grid": SineSquaredGrid()}
    steps = 140 if stem == "sine_squared" else 60
    sampler = Sampler(fields=own, epsilon=epsilon, num_steps=steps, **options)
    start = torch.randn(n, 1, dtype=torch.float64)
    start = start if build is ForwardSDE else 0.5 + 0.6 * start
    itself = path_kl(sampler, build(fields=own, epsilon=epsilon), start[:5])
    assert torch.equal(itself, torch.zeros(5, dtype=torch.float64))
    second = build(fields=other, epsilon=epsilon)
    found = path_kl(sampler, second, start)
    expected = _quadrature(PathKL(sampler.process, second, event_shape=(1,)))
    error = 4 * float(found.std()) / n**0.5
    # Steps are long where epsilon vanishes as the square of the distance to an end.
    share = 0.1 if stem == "sine_squared" else 0.03
    # Backward, the reversal of the noising does not depend on the data: both are one process.
    assert abs(float(found.mean()) - expected) < error + share * expected + 1e-20
