"""Log densities by SDEs, and the divergence between laws of paths."""

import math

import pytest
import torch
from helpers.problems import (
    INTERPOLANTS,
    TABLE_BASE,
    TABLE_TARGET,
    ExactFields,
    Fields,
    load,
    stems,
)
from torch import nn

from interpolants.fields.divergence.hutchinson import HutchinsonDivergence
from interpolants.likelihood.expectation import ExpectationLikelihood
from interpolants.likelihood.feynman_kac import FeynmanKacLikelihood
from interpolants.likelihood.path_kl import path_kl
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.noise.per_sample import PerSampleNoise
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.sampler.solver.torchsde import Torchsde

_X = torch.tensor([[-2.5], [-1.0], [0.5], [1.5], [3.0]], dtype=torch.float64)
_LINEAR = INTERPOLANTS["linear"]
_SOLVERS = {stem: load("sampler/solver", stem) for stem in stems("sampler/solver")}
_ADDITIVE = [
    stem
    for stem, solver in _SOLVERS.items()
    if "additive" in solver.accepts and stem != "torchsde" and solver.augments
]


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _fields():
    predicts = ("velocity", "denoiser")
    net = ExactFields(base=TABLE_BASE, target=TABLE_TARGET, interpolant=_LINEAR, predicts=predicts)
    return Fields(net=net, interpolant=_LINEAR, predicts=predicts)


def _exact(x):
    net = ExactFields(base=TABLE_BASE, target=TABLE_TARGET, interpolant=_LINEAR)
    return net.log_density(torch.ones((), dtype=torch.float64), x)


class _Linear(nn.Module):
    """Velocity a x with the score -c x, which is not that of its own law."""

    def __init__(self, a, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))
        self.c = c

    def forward(self, t, x):
        level = _LINEAR.coefficients(t).gamma
        return torch.stack([self.a * x, self.c * level * x], dim=1)

    def fields(self):
        return Fields(net=self, interpolant=_LINEAR, predicts=("velocity", "denoiser"))

    def log_prob(self, x, epsilon):
        """Of the forward SDE: dX = (a - epsilon c) X dt + sqrt(2 epsilon) dW."""
        k = float(self.a.detach()) - epsilon * self.c
        variance = math.exp(2 * k) + epsilon * math.expm1(2 * k) / k
        return torch.distributions.Normal(0.0, variance**0.5).log_prob(x).sum(1)


def _sampler(fields, epsilon=0.25, steps=100, **options):
    own = {"process": ForwardSDE, "solver": StochasticHeun(), "grid": UniformGrid()}
    return Sampler(fields=fields, epsilon=epsilon, num_steps=steps, **own | options)


pytestmark = pytest.mark.filterwarnings("ignore:Sampler.num_steps")


@pytest.mark.parametrize("process", [ForwardSDE, BackwardSDE])
def test_control_takes_away_most_of_the_deviation_and_no_mean(process):
    sampler, paths = _sampler(_fields(), steps=200, process=process), 100
    found = {}
    for control in (False, True):
        estimate = ExpectationLikelihood(sampler=sampler, paths=paths, control=control)
        found[control] = estimate.log_prob(_X, generator=_generator())
    assert (found[False].standard_error / found[True].standard_error).min() > 5
    for one in found.values():
        assert ((one.value - _exact(_X)).abs() < 4 * one.standard_error + 2e-3).all()


@pytest.mark.parametrize("stem", _ADDITIVE)
def test_control_works_with_every_scheme_for_additive_noise(stem):
    sampler = _sampler(_fields(), solver=load("sampler/solver", stem))
    found = ExpectationLikelihood(sampler=sampler, paths=32).log_prob(
        _X[1:4], generator=_generator()
    )
    assert found.standard_error.max() * 32**0.5 < 0.2  # 0.45 to 1 without
    torch.testing.assert_close(found.value, _exact(_X[1:4]), rtol=0, atol=0.12)


def test_control_has_mean_zero_for_any_score():
    net, paths = _Linear(0.3, 0.4), 4000
    sampler = _sampler(net.fields(), steps=10, solver=EulerMaruyama())
    x = torch.tensor([[1.0, -0.5]], dtype=torch.float64)
    plain, controlled = (
        ExpectationLikelihood(sampler=sampler, paths=paths, control=control).log_prob(
            x, generator=_generator()
        )
        for control in (False, True)
    )
    # The same normals drive both, so the difference is the mean of the control alone.
    spread = plain.standard_error + controlled.standard_error
    assert 0 < (plain.value - controlled.value).abs() < 4 * spread


def test_expectation_by_probes_agrees():
    net = _Linear(0.3, 0.4)
    x = torch.randn(4, 3, generator=_generator(), dtype=torch.float64)
    exact, probed = (
        ExpectationLikelihood(
            sampler=_sampler(net.fields(), steps=10), paths=4, divergence=divergence
        ).log_prob(x, generator=_generator(1))
        for divergence in (None, HutchinsonDivergence(num_probes=2))
    )
    # The Jacobian is diagonal, so that signs make no error; they do shift the normals.
    spread = exact.standard_error + probed.standard_error
    assert ((exact.value - probed.value).abs() < 8 * spread).all()


def test_feynman_kac_is_exact_for_fields_that_do_not_belong_together():
    net, paths = _Linear(0.3, 0.4), 2000
    x = torch.tensor([[1.0, -0.5], [0.2, 2.0]], dtype=torch.float64)
    estimate = FeynmanKacLikelihood(sampler=_sampler(net.fields(), steps=20), paths=paths)
    found = estimate.log_prob(x, generator=_generator())
    exact = net.log_prob(x, 0.25)
    assert ((found.value - exact).abs() < 4 * found.standard_error).all()
    assert found.standard_error.max() < 0.05
    assert ((found.effective_paths > 0.1 * paths) & (found.effective_paths < paths)).all()
    other = ExpectationLikelihood(sampler=_sampler(net.fields(), steps=20), paths=paths)
    assert ((other.log_prob(x, generator=_generator()).value - exact).abs() > 0.05).any()


def test_feynman_kac_is_that_of_the_table():
    estimate = FeynmanKacLikelihood(sampler=_sampler(_fields()), paths=500)
    found = estimate.log_prob(_X, generator=_generator())
    assert ((found.value - _exact(_X)).abs() < 4 * found.standard_error).all()


def test_effective_paths_of_equal_weights_are_all():
    estimate = FeynmanKacLikelihood(sampler=_sampler(_fields()), paths=4)
    value, error, effective = estimate.reduce(torch.full((2, 4, 1), -1.5, dtype=torch.float64))
    torch.testing.assert_close(value, torch.full_like(value, -1.5))
    torch.testing.assert_close(effective, torch.full_like(value, 4.0))
    assert error.abs().max() < 1e-12


@pytest.mark.parametrize("kind", [ExpectationLikelihood, FeynmanKacLikelihood])
@pytest.mark.parametrize("divergence", [None, HutchinsonDivergence(num_probes=2)])
def test_sde_likelihood_is_the_same_in_any_chunks(kind, divergence):
    sampler = _sampler(_Linear(0.3, 0.4).fields(), steps=5, noise=PerSampleNoise)
    estimate = kind(sampler=sampler, divergence=divergence, paths=3)
    x = torch.randn(5, 2, generator=_generator(), dtype=torch.float64)
    whole, *split = (
        estimate.log_prob(x, generator=_generator(1), chunk_size=size).value for size in (99, 6, 1)
    )
    for value in split:
        torch.testing.assert_close(value, whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [ExpectationLikelihood, FeynmanKacLikelihood])
def test_sde_likelihood_gradients_are_finite_differences(kind):
    net = _Linear(0.3, 0.4)
    estimate = kind(sampler=_sampler(net.fields(), steps=5), paths=3)
    x = torch.randn(2, 2, generator=_generator(), dtype=torch.float64)

    def total(gradients=False):
        return estimate.log_prob(x, generator=_generator(1), gradients=gradients).value.sum()

    (gradient,) = torch.autograd.grad(total(gradients=True), [net.a])
    with torch.no_grad():
        net.a += 1e-5
        above = total()
        net.a -= 2e-5
        slope = (above - total()) / 2e-5
    torch.testing.assert_close(gradient, slope, rtol=1e-6, atol=1e-8)


class _Controlled(Process):
    """A process with a constant added to its drift."""

    noise_type = "additive"

    def __init__(self, process, control):
        self.process, self.control, self.backward = process, control, process.backward

    @property
    def span(self):
        return self.process.span

    def drift(self, t, x):
        return self.process.drift(t, x) + self.control

    def diffusion(self, t):
        return self.process.diffusion(t)


@pytest.mark.parametrize("process", [ForwardSDE, BackwardSDE])
@pytest.mark.parametrize("solver", [EulerMaruyama(), StochasticHeun()])
def test_path_kl_of_a_constant_control(process, solver):
    epsilon, control = 0.3, torch.tensor([0.6, -0.8, 0.5], dtype=torch.float64)
    sampler = _sampler(
        _Linear(0.2, 0.1).fields(), epsilon, steps=20, process=process, solver=solver
    )
    start = torch.randn(4, 3, generator=_generator(), dtype=torch.float64)
    found = path_kl(sampler, _Controlled(sampler.process, control), start, generator=_generator())
    length = sampler.process.span[1] - sampler.process.span[0]
    exact = float(control.square().sum()) * length / (4 * epsilon)
    torch.testing.assert_close(found, torch.full_like(found, exact), rtol=1e-12, atol=0)


def test_path_kl_of_two_linear_drifts_is_that_of_their_moments():
    epsilon, one, two, n = 0.5, _Linear(0.4, 0.2), _Linear(0.1, 0.2), 4000
    sampler = _sampler(one.fields(), epsilon, steps=50)
    other = ForwardSDE(fields=two.fields(), epsilon=epsilon)
    start = torch.randn(n, 1, generator=_generator(), dtype=torch.float64)
    found = path_kl(sampler, other, start, generator=_generator(1))
    # KL = (a - a')^2 / (4 epsilon) int V dt, with V' = 2 k V + 2 epsilon and V(0) = 1.
    k = 0.4 - epsilon * 0.2
    low, high = sampler.process.span
    span, rest = high - low, epsilon / k
    area = (1 + rest) * math.expm1(2 * k * span) / (2 * k) - rest * span
    exact = 0.3**2 / (4 * epsilon) * area
    assert abs(found.mean() - exact) < 4 * found.std() / n**0.5
    assert found.std() / n**0.5 < 0.05 * exact


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: ExpectationLikelihood(sampler=Sampler(fields=_fields(), solver=RK4())),
            "ExpectationLikelihood.sampler: expected a sampler of a ForwardSDE or BackwardSDE, "
            "got 'ProbabilityFlow'; use sampler=sde",
        ),
        (
            lambda: FeynmanKacLikelihood(sampler=_sampler(_fields(), solver=Torchsde())),
            "FeynmanKacLikelihood.sampler: expected one of this package's solvers, got 'Torchsde'",
        ),
        (
            lambda: ExpectationLikelihood(sampler=_sampler(_fields()), paths=0),
            "ExpectationLikelihood.paths: expected a whole number > 0, got 0",
        ),
        (
            lambda: path_kl(
                _sampler(_fields()), ForwardSDE(fields=_fields(), epsilon=0.5), torch.ones(1, 1)
            ),
            "path_kl.other: expected a process with the same noise, got 'ForwardSDE'",
        ),
        (
            lambda: path_kl(
                _sampler(_fields()), BackwardSDE(fields=_fields(), epsilon=0.25), torch.ones(1, 1)
            ),
            "path_kl.other: expected a process in the same direction, got 'BackwardSDE'",
        ),
    ],
)
def test_sde_likelihood_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()
