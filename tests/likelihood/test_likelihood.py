"""Log densities by the probability flow."""

from functools import partial

import pytest
import torch
from helpers.problems import (
    INTERPOLANTS,
    NORMAL,
    TABLE_BASE,
    TABLE_TARGET,
    TARGET,
    ExactFields,
    Fields,
    times,
)

from interpolants.base.callable import CallableBase
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.divergence.hutchinson import HutchinsonDivergence
from interpolants.likelihood.flow import FlowLikelihood
from interpolants.net.mlp import MLP
from interpolants.sampler.mode.checkpointed import Checkpointed
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.dormand_prince import DormandPrince
from interpolants.sampler.solver.dpm_solver import DPMSolver
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.torchdiffeq import Torchdiffeq

_X = torch.tensor([[-2.5], [-1.0], [0.5], [1.5], [3.0]], dtype=torch.float64)
_TABLE = times(-1.9432, -3.7841, -1.9290, -0.9290, -3.1790)
_TWO = ("velocity", "denoiser")


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _fields(stem="linear", predicts=_TWO, base=TABLE_BASE, target=TABLE_TARGET):
    path = INTERPOLANTS[stem]
    net = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    return Fields(net=net, interpolant=path, predicts=predicts)


def _exact(x, target=TABLE_TARGET):
    net = ExactFields(base=TABLE_BASE, target=target, interpolant=INTERPOLANTS["linear"])
    return net.log_density(torch.ones((), dtype=torch.float64), x)


def _likelihood(fields, steps=32, divergence=None, **options):
    sampler = Sampler(**{"solver": RK4()} | options, fields=fields, num_steps=steps)
    return FlowLikelihood(sampler=sampler, divergence=divergence)


def _learned(dim=4, gain=2.0, hidden=16):
    """A random network, far from linear, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = MLP(event_shape=(dim,), heads=1, hidden=hidden, depth=2, time_features=4).double()
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(gain)
    path = INTERPOLANTS["one_sided_linear"]
    return Fields(net=net, interpolant=path, predicts=("velocity",))


def test_flow_likelihood_is_that_of_the_table():
    found = _likelihood(_fields(), steps=64).log_prob(_X)
    torch.testing.assert_close(found.value, _TABLE, rtol=0, atol=5e-5)
    torch.testing.assert_close(found.value, _exact(_X), rtol=0, atol=1e-6)
    assert found.nfe == 4 * 64
    assert found.standard_error is None and found.effective_paths is None


@pytest.mark.parametrize(
    "solver",
    [Torchdiffeq(method="dopri8", rtol=1e-8, atol=1e-8), DormandPrince(rtol=1e-8, atol=1e-8)],
)
def test_flow_likelihood_by_an_adaptive_solver(solver):
    found = _likelihood(_fields(), solver=solver).log_prob(_X)
    torch.testing.assert_close(found.value, _exact(_X), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("stem", "predicts"),
    [
        ("linear", ("mean_velocity", "denoiser")),
        ("one_sided_linear", ("denoiser",)),
        ("one_sided_linear", ("target_mean",)),
        ("one_sided_trigonometric", ("target_mean",)),
    ],
)
def test_flow_likelihood_errs_by_the_square_of_a_cut(stem, predicts):
    def error(cut):
        process = partial(ProbabilityFlow, cut=cut)
        found = _likelihood(_fields(stem, predicts), steps=64, process=process).log_prob(_X)
        return (found.value - _exact(_X)).abs().max()

    assert error(1e-3) < 1e-4
    assert 30 < error(2e-2) / error(2.5e-3) < 130


def test_flow_likelihood_knows_the_level_of_the_base():
    narrow = GaussianMixture(means=[[0.0]], std=0.05)
    fields = _fields("variance_exploding", ("velocity",), target=narrow)
    x = torch.tensor([[-0.05], [0.0], [0.1]], dtype=torch.float64)
    found = _likelihood(fields, steps=64).log_prob(x).value
    # The path leaves a trace of noise at t=1.
    std = (0.05**2 + fields.interpolant.sigma_min**2) ** 0.5
    exact = torch.distributions.Normal(0.0, std).log_prob(x.squeeze(1))
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-3)


def test_flow_likelihood_of_a_learned_field_integrates_to_one():
    x = torch.linspace(-12, 12, 1201, dtype=torch.float64)
    estimate = _likelihood(_learned(dim=1, gain=2.5), steps=128)
    density = estimate.log_prob(x[:, None]).value.exp()
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(x).exp()
    assert (density - normal).abs().max() > 0.05
    assert abs(float(density.sum() * (x[1] - x[0])) - 1) < 2e-5


def test_hutchinson_error_covers_the_exact_value_at_its_rate():
    x = torch.randn(1, 4, generator=_generator(5), dtype=torch.float64)
    fields, repeats = _learned(), 500
    exact = _likelihood(fields, steps=8).log_prob(x).value
    estimate = _likelihood(fields, steps=8, divergence=HutchinsonDivergence(num_probes=16))
    found = estimate.log_prob(x.expand(repeats, -1), generator=_generator(6))
    assert found.standard_error.min() > 1e-3
    # Student's quantile at 90% for 16 estimates.
    covered = ((found.value - exact).abs() < 1.753 * found.standard_error).double().mean()
    assert abs(covered - 0.9) < 4 * (0.9 * 0.1 / repeats) ** 0.5
    assert (found.value - exact).mean().abs() < 4 * found.value.std() / repeats**0.5


@pytest.mark.parametrize("divergence", [None, HutchinsonDivergence(num_probes=3)])
@pytest.mark.parametrize("solver", [RK4(), DormandPrince(rtol=0.01, atol=0.01)])
def test_flow_likelihood_is_the_same_in_any_chunks(solver, divergence):
    x = torch.randn(7, 4, generator=_generator(), dtype=torch.float64)
    estimate = _likelihood(_learned(), steps=4, divergence=divergence, solver=solver)
    whole, *split = (
        estimate.log_prob(x, generator=_generator(1), chunk_size=size).value for size in (7, 3, 1)
    )
    for value in split:
        torch.testing.assert_close(value, whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("divergence", [None, HutchinsonDivergence(num_probes=3)])
@pytest.mark.parametrize("mode", [None, Checkpointed(block=3)])
def test_flow_likelihood_gradients_are_finite_differences(divergence, mode):
    fields = _learned(dim=2, hidden=6)
    x = torch.randn(3, 2, generator=_generator(), dtype=torch.float64, requires_grad=True)
    estimate = _likelihood(fields, steps=5, divergence=divergence, mode=mode)
    weight = fields.net.layers[2].weight

    def total(gradients=False):
        found = estimate.log_prob(x, generator=_generator(2), gradients=gradients)
        return found.value.sum()

    by_weight, by_x = torch.autograd.grad(total(gradients=True), [weight, x])
    for tensor, gradient, place in ((weight, by_weight, (1, 2)), (x, by_x, (2, 0))):
        values = []
        with torch.no_grad():
            for step in (1e-5, -2e-5):
                tensor[place] += step
                values.append(total())
            tensor[place] += 1e-5
        slope = (values[0] - values[1]) / 2e-5
        torch.testing.assert_close(gradient[place], slope, rtol=1e-6, atol=1e-8)
    assert not total().requires_grad


@pytest.mark.parametrize(
    ("stem", "predicts"),
    [("one_sided_linear", ("velocity",)), ("one_sided_linear", ("denoiser",))],
)
@pytest.mark.parametrize("solver", [RK4(), Torchdiffeq(rtol=1e-7, atol=1e-7)])
def test_samples_come_with_their_log_densities(stem, predicts, solver):
    fields = _fields(stem, predicts, base=NORMAL, target=TARGET)
    estimate = _likelihood(fields, steps=64, solver=solver)
    x0 = torch.randn(20, 2, generator=_generator(), dtype=torch.float64)
    samples = estimate.sample(x0, times=(0.0, 0.5, 1.0))
    back = estimate.log_prob(samples.x).value
    tolerance = 1e-5 if fields.predicts == ("velocity",) else 1e-3
    torch.testing.assert_close(samples.log_prob, back, rtol=0, atol=tolerance)
    assert samples.log_prob_error is None
    assert samples.path.shape == (3, 20, 2) and samples.times.tolist()[1] == 0.5
    if fields.predicts == ("velocity",):
        assert torch.equal(samples.path[0], x0)
        assert torch.equal(samples.path[-1], samples.x)
        plain = estimate.sampler(x0).x
        torch.testing.assert_close(samples.x, plain, rtol=0, atol=1e-5)


@pytest.mark.parametrize("divergence", [None, HutchinsonDivergence(num_probes=3)])
def test_density_process_keeps_samples_apart(divergence):
    estimate = _likelihood(_learned(dim=3), divergence=divergence)
    x = torch.randn(5, 3, generator=_generator(), dtype=torch.float64)
    probes = estimate.divergence.draw(5, 3, _generator(1), x)
    process = estimate.process((3,), probes)
    y = process.initial_state(x, x.new_zeros(5))
    t = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    together, order = process.drift(t, y), torch.tensor([3, 0, 4])
    torch.testing.assert_close(process.drift(t[order], y[order]), together[order])
    alone = torch.cat([process.drift(t[k], y[k : k + 1]) for k in range(5)])
    torch.testing.assert_close(alone, together)


def test_probes_stay_with_their_samples_where_a_solver_reorders_them():
    x = torch.randn(9, 4, generator=_generator(), dtype=torch.float64)
    values = [
        _likelihood(
            _learned(gain=1.5), steps=256, divergence=HutchinsonDivergence(), solver=solver
        )
        .log_prob(x, generator=_generator(1))
        .value
        for solver in (RK4(), DormandPrince(rtol=1e-7, atol=1e-7))
    ]
    torch.testing.assert_close(*values, rtol=0, atol=1e-4)


def test_bits_per_dimension_of_a_fair_coin_for_each_dimension():
    found = _likelihood(_fields()).log_prob(_X[:1])
    coins = found._replace(value=-3 * torch.log(times(2.0)))
    torch.testing.assert_close(coins.bits_per_dimension(3), times(1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"process": ForwardSDE, "epsilon": 0.5, "solver": EulerMaruyama()},
            "FlowLikelihood.sampler: expected a sampler of a probability flow, got 'ForwardSDE'",
        ),
        ({"solver": DPMSolver()}, "Sampler.solver: expected .*; use for example"),
    ],
)
def test_flow_likelihood_refuses_a_sampler(options, message):
    with pytest.raises(ValueError, match=message):
        _likelihood(_fields("one_sided_linear"), **options)


def test_flow_likelihood_refuses_what_it_knows_no_density_of():
    base = CallableBase(draw=lambda n, g: torch.zeros(n, 1))
    fields = _fields()
    other = Fields(net=fields.net, interpolant=fields.interpolant, predicts=_TWO, base=base)
    rule = "CallableBase.log_prob: expected a base with a known density, got 'CallableBase'"
    with pytest.raises(ValueError, match=rule):
        _likelihood(other)
    with pytest.raises(ValueError, match=r"FlowLikelihood.sampler: expected a base, got"):
        _likelihood(_fields("mirror"))
    backward = partial(ProbabilityFlow, backward=True)
    with pytest.raises(ValueError, match=r"FlowLikelihood.sample: .* forward flow"):
        _likelihood(fields, process=backward).sample(_X)
