"""Curl without harm: (I + A) s is no gradient, and moves no probability."""

import pytest
import torch

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.diagnostic.antisymmetry import antisymmetry
from interpolants.diagnostic.gradient_error import score_gradient_error, velocity_gradient_error
from interpolants.diagnostic.ridge_features import ridge_features
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.heun import Heun
from interpolants.testing.exact import ExactFields

TURN = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
TARGET = GaussianMixture(means=[[2.0, 0.0], [-1.0, 1.0], [0.0, -1.5]], std=0.4)
PATH = OneSidedLinearInterpolant()
NORMAL = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
T = torch.tensor(0.5, dtype=torch.float64)
_SAMPLES = 10_000


class Wrong(torch.nn.Module):
    """Exact velocity with an error: a multiple of the score, and a rotation of it."""

    def __init__(self, scale, curl):
        super().__init__()
        names = ("velocity", "score")
        self.exact = ExactFields(base=NORMAL, target=TARGET, interpolant=PATH, predicts=names)
        self.scale, self.curl = scale, curl

    def forward(self, t, x):
        velocity, score = self.exact(t, x).unbind(1)
        return (velocity + self.scale * score + self.curl * score @ TURN.T).unsqueeze(1)


def points(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x0 = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    x1 = TARGET.sample(n, generator).x1.double()
    return (1 - T) * x0 + T * x1, x1 - x0


def test_turned_score_satisfies_the_equation_of_continuity_at_every_point():
    """div(p A s) / p = tr(A grad s) + s . A s = 0, though A s is no gradient."""
    exact = ExactFields(base=NORMAL, target=TARGET, interpolant=PATH, predicts="score")

    def turned(x):
        return (exact(T, x[None])[:, 0] @ TURN.T)[0]

    x, _ = points(50)
    jacobian = torch.func.vmap(torch.func.jacfwd(turned))(x)
    score = exact(T, x)[:, 0]
    flux = jacobian.diagonal(dim1=1, dim2=2).sum(1) + (score * (score @ TURN.T)).sum(1)
    assert flux.abs().max() < 1e-8
    assert (jacobian - jacobian.mT).abs().amax((1, 2)).min() > 0.1


def test_turned_score_has_curl_and_no_gradient_part_and_a_scaled_one_the_reverse():
    x, dot = points(50_000)
    made = ridge_features(x, generator=torch.Generator().manual_seed(1))
    exact = ExactFields(base=NORMAL, target=TARGET, interpolant=PATH, predicts="score")
    score = exact(T, x)[:, 0]
    found = {
        name: score_gradient_error(made, x, wrong)
        for name, wrong in (("turned", score + score @ TURN.T), ("scaled", 1.2 * score))
    }
    assert abs(found["turned"].value) < 4 * found["turned"].standard_error
    assert found["scaled"].value > 10 * found["scaled"].standard_error

    def field(t, x):
        return exact(t, x)[:, 0] @ (torch.eye(2, dtype=torch.float64) + TURN).T

    seeded = torch.Generator().manual_seed(2)
    assert antisymmetry(field, T, x[:2_000], generator=seeded).share > 0.3
    # And so for the velocity, by its own pairs.
    velocity = Wrong(0.0, 1.0)(T, x)[:, 0]
    turned = velocity_gradient_error(made, x, velocity, dot)
    assert abs(turned.value) < 4 * turned.standard_error
    wrong = velocity_gradient_error(made, x, Wrong(0.5, 0.0)(T, x)[:, 0], dot)
    assert wrong.value > 10 * wrong.standard_error


def test_gradient_part_of_an_error_in_a_mixture_is_bounded_by_its_square():
    """The features hold nearly all of an error that is a multiple of the score, and never more."""
    x, dot = points(100_000)
    made = ridge_features(x, num_waves=64, generator=torch.Generator().manual_seed(1))
    exact = ExactFields(base=NORMAL, target=TARGET, interpolant=PATH, predicts="score")
    whole = float((0.5 * exact(T, x)[:, 0]).square().sum(1).mean())
    found = velocity_gradient_error(made, x, Wrong(0.5, 0.0)(T, x)[:, 0], dot)
    assert 0.9 * whole < found.value < whole + 4 * found.standard_error


def sampled_moments(net, solver, steps):
    """Moments of samples up to the third order."""
    fields = Fields(net=net, interpolant=PATH, predicts="velocity")
    sampler = Sampler(fields=fields, process=ProbabilityFlow, solver=solver, num_steps=steps)
    x0 = torch.randn(_SAMPLES, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return moments(sampler(x0).x)


def moments(x):
    a, b = x.double().unbind(1)
    terms = [a, b, a * a, a * b, b * b, a**3, a * a * b, a * b * b, b**3]
    return torch.stack([e.mean() for e in terms]), torch.stack([e.std() for e in terms])


@pytest.mark.parametrize("curl", [0.0, 1.0, 3.0])
def test_samples_of_a_turned_field_have_the_moments_of_the_data(curl):
    found, spread = sampled_moments(Wrong(0.0, curl), Heun(), 100)
    generator = torch.Generator().manual_seed(4)
    exact, _ = moments(TARGET.sample(500_000, generator).x1)
    assert ((found - exact).abs() < 4.5 * spread / _SAMPLES**0.5 + 2e-3).all()


def test_samples_of_a_conservative_error_and_of_coarse_steps_have_not():
    exact, spread = moments(TARGET.sample(200_000, torch.Generator().manual_seed(4)).x1)
    for net, solver, steps in ((Wrong(0.3, 0.0), Heun(), 100), (Wrong(0.0, 3.0), Euler(), 50)):
        found, _ = sampled_moments(net, solver, steps)
        assert ((found - exact).abs() / spread).max() > 10 / _SAMPLES**0.5
