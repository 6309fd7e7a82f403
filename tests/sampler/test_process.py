"""Processes: marginals on Gaussians, tables against direct evaluation, and where they end."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from helpers.problems import (
    INTERPOLANTS,
    TARGET,
    Gaussians,
    Tabulated,
    base_of,
    exact_fields,
    load,
    stems,
    times,
)

from interpolants.interpolant.gamma.quadratic import QuadraticGamma
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.mirror import MirrorInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.interpolant.one_sided_trigonometric import OneSidedTrigonometricInterpolant
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.interpolant.variance_preserving import VariancePreservingInterpolant
from interpolants.sampler.epsilon.constant import ConstantEpsilon
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.epsilon.noise_level import NoiseLevelEpsilon
from interpolants.sampler.epsilon.sine_squared import SineSquaredEpsilon
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.testing import linear_moments

_EPSILONS = {stem: load("sampler/epsilon", stem) for stem in stems("sampler/epsilon")}
_PATHS = {
    "linear": ("velocity", "denoiser"),
    "trigonometric": ("mean_velocity", "score"),
    "encoder_decoder": ("velocity", "denoiser"),
    "mirror": ("denoiser",),
    "one_sided_linear": ("velocity",),
    "one_sided_trigonometric": ("target_mean",),
    "variance_preserving": ("denoiser",),
    "variance_exploding": ("score",),
}


def _fits(path, stem):
    return stem != "kl_optimal" or path.one_sided


def _cases():
    for name, predicts in _PATHS.items():
        for stem in _EPSILONS:
            if _fits(INTERPOLANTS[name], stem):
                yield name, predicts, stem


def _gaussians(name, predicts):
    """N(0, 1) to N(0, .3), or N(0, .3) to itself on a mirror."""
    path = INTERPOLANTS[name]
    return Gaussians(path, predicts, covariances=(0.3 if path.is_mirror else 1.0, 0.3))


def _nodes(process, num_steps):
    """Steps in proportion to the distance from both ends, as singular drifts need."""
    u = torch.linspace(-6.9, 6.9, num_steps + 1, dtype=torch.float64)
    t = torch.sigmoid(u)
    if isinstance(process.fields.interpolant, VarianceExplodingInterpolant):
        t = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    t[0], t[-1] = process.span
    return t.flip(0) if process.backward else t


def _check_variance(net, process, solver):
    """The limit of small steps, by extrapolation of a second-order scheme."""
    results = []
    for num_steps in (100, 200):
        nodes = _nodes(process, num_steps)
        start, end = (float(net.covariance(t)) for t in (nodes[0], nodes[-1]))
        results.append(linear_moments(solver, Tabulated(process), nodes, start)[1])
    limit = (4 * results[1] - results[0]) / 3
    assert abs(limit / end - 1) < 3e-3


@pytest.mark.parametrize(("name", "predicts", "stem"), list(_cases()))
@pytest.mark.parametrize("build", [ForwardSDE, BackwardSDE])
def test_sde_has_the_variance_of_the_path_for_every_epsilon(build, name, predicts, stem):
    net = _gaussians(name, predicts)
    process = build(fields=net.fields(), epsilon=_EPSILONS[stem])
    _check_variance(net, process, StochasticHeun())


@pytest.mark.parametrize("name", _PATHS)
def test_probability_flow_has_the_variance_of_the_path(name):
    net = _gaussians(name, _PATHS[name])
    _check_variance(net, ProbabilityFlow(fields=net.fields()), Heun())


@pytest.mark.parametrize(
    ("name", "backward"),
    [("linear", False), ("trigonometric", True), ("one_sided_linear", False)],
)
def test_probability_flow_returns_to_its_start(name, backward):
    """There and back with exact fields leaves the error of the solver, and 16 times less at half
    the step."""
    fields = exact_fields(INTERPOLANTS[name], ("velocity", "denoiser"))
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = []
    for num_steps in (40, 80):
        there, back = (
            Sampler(
                fields=fields,
                process=partial(ProbabilityFlow, backward=direction),
                solver=RK4(),
                num_steps=num_steps,
            )
            for direction in (backward, not backward)
        )
        there_x = there(x).x
        assert (there_x - x).abs().mean() > 0.3
        errors.append((back(there_x).x - x).abs().max())
    assert errors[1] < 1e-4 and errors[1] < errors[0] / 8


@pytest.mark.parametrize("name", ["linear", "one_sided_linear"])
def test_probability_flow_backward_encodes_data_as_the_base(name):
    path, n = INTERPOLANTS[name], 4000
    fields = exact_fields(path, ("velocity", "denoiser"))
    sampler = Sampler(fields=fields, process=partial(ProbabilityFlow, backward=True))
    x1 = TARGET.sample(n, torch.Generator().manual_seed(0)).x1.double()
    x0 = sampler(x1).x
    base = base_of(path)
    mean = base.weights @ base.means
    second = base.covariances + base.means[:, :, None] * base.means[:, None]
    covariance = (base.weights[:, None, None] * second).sum(0) - torch.outer(mean, mean)
    assert (x0.mean(0) - mean).abs().max() < 0.07
    assert (torch.cov(x0.T) - covariance).abs().max() < 0.1


@pytest.mark.parametrize("build", [ForwardSDE, BackwardSDE])
@pytest.mark.parametrize("name", ["linear", "one_sided_linear"])
def test_sde_has_the_mean_of_the_path(build, name):
    """The mean of a linear SDE follows its drift, so it is a path without noise."""
    net = Gaussians(INTERPOLANTS[name], _PATHS[name], means=(0.0, 1.0), covariances=(1.0, 0.3))
    process = build(fields=net.fields(), epsilon=SineSquaredEpsilon(c=2.0))
    grid = SineSquaredGrid().times(128, process.span, backward=process.backward)
    x = net.mean(grid[0])[None]
    for t, u in pairwise(grid):
        first = process.drift(t, x)
        x = x + (u - t) / 2 * (first + process.drift(u, x + (u - t) * first))
    torch.testing.assert_close(x[0], net.mean(grid[-1]), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("name", "predicts", "stem"), list(_cases()))
def test_process_tables_equal_direct_evaluation(name, predicts, stem):
    fields = exact_fields(INTERPOLANTS[name], predicts)
    t = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)
    x = torch.randn(5, 2, dtype=torch.float64)
    processes = [
        ProbabilityFlow(fields=fields),
        ForwardSDE(fields=fields, epsilon=_EPSILONS[stem]),
        BackwardSDE(fields=fields, epsilon=_EPSILONS[stem]),
    ]
    for process in processes:
        for c, time in zip(process.coefficients(t), t, strict=True):
            direct = process.drift(time, x)
            scale = 1 + direct.abs().max().item()
            got = process.drift_at(c.unbind(), x)
            torch.testing.assert_close(got, direct, rtol=0, atol=1e-12 * scale)
        assert process.coefficients(t[:, None]).shape[:2] == (7, 1)


@pytest.mark.parametrize("name", _PATHS)
def test_drift_is_velocity_plus_or_minus_epsilon_score(name):
    path, t = INTERPOLANTS[name], times(0.37)[0]
    names = ("velocity", "score")
    fields, x = exact_fields(path, _PATHS[name]), torch.randn(5, 2, dtype=torch.float64)
    exact = exact_fields(path, names).predict(t, x)
    for stem, epsilon in _EPSILONS.items():
        if not _fits(path, stem):
            continue
        c = path.coefficients(t)
        value = epsilon.value(t, c, path.noise_level(c))
        for build, sign in ((ForwardSDE, 1), (BackwardSDE, -1)):
            process = build(fields=fields, epsilon=epsilon)
            expected = exact["velocity"] + sign * value * exact["score"]
            torch.testing.assert_close(process.drift(t, x), expected, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(process.diffusion(t), torch.sqrt(2 * value))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (OneSidedLinearInterpolant(), 1.7027),
        (OneSidedTrigonometricInterpolant(), 2.3913),
        (VariancePreservingInterpolant(), 2.7027),
    ],
)
def test_kl_optimal_epsilon_has_the_tabulated_value(path, expected):
    t = times(0.37)[0]
    c = path.coefficients(t)
    value = KLOptimalEpsilon().value(t, c, c.alpha)
    assert abs(value.item() - expected) < 5e-5
    assert torch.equal(KLOptimalEpsilon(c=2.0).value(t, c, c.alpha), 2 * value)


_LINEAR, _ONE_SIDED, _VP = (
    INTERPOLANTS[k] for k in ("linear", "one_sided_linear", "variance_preserving")
)
_VD, _VS = ("velocity", "denoiser"), ("velocity", "score")


@pytest.mark.parametrize(
    ("path", "predicts", "epsilon", "start", "end"),
    [
        (_LINEAR, _VD, None, 0, 0),
        (_LINEAR, ("mean_velocity", "denoiser"), None, 1, 1),
        (LinearInterpolant(gamma=QuadraticGamma()), ("mean_velocity", "denoiser"), None, 0, 0),
        (MirrorInterpolant(), ("denoiser",), None, 1, 1),
        (MirrorInterpolant(), ("score",), None, 0, 0),
        (_LINEAR, _VD, ConstantEpsilon(), 1, 1),
        (_LINEAR, _VS, ConstantEpsilon(), 0, 0),
        (_LINEAR, _VD, NoiseLevelEpsilon(), 0, 0),
        (_LINEAR, _VD, SineSquaredEpsilon(), 0, 0),
        (INTERPOLANTS["encoder_decoder"], _VD, SineSquaredEpsilon(), 0, 0),
        (_ONE_SIDED, ("velocity",), None, 0, 0),
        (_ONE_SIDED, ("denoiser",), None, 1, 0),
        (_ONE_SIDED, ("target_mean",), None, 0, 1),
        (_ONE_SIDED, ("velocity",), NoiseLevelEpsilon(), 0, 0),
        (_ONE_SIDED, ("velocity",), SineSquaredEpsilon(), 0, 0),
        (_ONE_SIDED, ("velocity",), ConstantEpsilon(), 0, 1),
        (_ONE_SIDED, ("velocity",), KLOptimalEpsilon(), 1, 0),
        (_VP, ("velocity",), None, 0, 0),
        (_VP, ("denoiser",), None, 1, 1),
        (_VP, ("target_mean",), None, 0, 1),
        (INTERPOLANTS["variance_exploding"], ("denoiser",), ConstantEpsilon(), 0, 0),
    ],
)
def test_span_is_cut_where_and_only_where_the_drift_is_singular(
    path, predicts, epsilon, start, end
):
    fields = exact_fields(path, predicts)
    builds = [ProbabilityFlow] if epsilon is None else [ForwardSDE, BackwardSDE]
    options = {} if epsilon is None else {"epsilon": epsilon}
    for build in builds:
        process = build(fields=fields, cut=0.01, **options)
        assert process.span == (0.01 * start, 1 - 0.01 * end)


def test_velocity_of_the_variance_preserving_path_is_finite_where_alpha_dot_is_not():
    """b = (x + s) / t: at t=1 it is x plus the score of the data."""
    net = Gaussians(_VP, ("velocity", "score"), means=(0.0, 1.0), covariances=(1.0, 0.3))
    x = torch.randn(4, 1, dtype=torch.float64)
    t = times(1 - 1e-9)[0]
    velocity, score = net(t, x).unbind(1)
    torch.testing.assert_close(velocity, x + score, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda f: ForwardSDE(fields=f, epsilon=0.0), "ConstantEpsilon.c: expected a number > 0"),
        (lambda f: BackwardSDE(fields=f, epsilon=KLOptimalEpsilon()), "KLOptimalEpsilon: "),
        (lambda f: ProbabilityFlow(fields=f, backward=1), "ProbabilityFlow.backward: expected tr"),
        (lambda f: ProbabilityFlow(fields=f, cut=0.5), r"ProbabilityFlow.cut: .*\(0, 0.5\)"),
        (lambda f: ForwardSDE(fields=f, epsilon=1.0, cut=0.0), "ForwardSDE.cut: "),
    ],
)
def test_process_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build(exact_fields(_LINEAR, _VD))


def test_noise_level_epsilon_is_c_times_gamma_or_alpha_and_refused_without_either():
    t = times(0.37)[0]
    for path, level in ((_LINEAR, "gamma"), (_ONE_SIDED, "alpha")):
        c = path.coefficients(t)
        fields = exact_fields(path, _VD)
        process = ForwardSDE(fields=fields, epsilon=NoiseLevelEpsilon(c=0.6))
        assert torch.equal(process.diffusivity(t), 0.6 * getattr(c, level))
    with pytest.raises(ValueError, match="NoiseLevelEpsilon: expected a one-sided path or one"):
        NoiseLevelEpsilon().check(LinearInterpolant(gamma=ZeroGamma()))
