"""The sampler: every accepted combination, the last step, kept times, counted calls."""

from functools import partial

import pytest
import torch
from helpers.problems import (
    INTERPOLANTS,
    TARGET,
    Gaussians,
    base_of,
    exact_fields,
    field_objectives,
    load,
    stems,
    times,
)

from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.model.model import Model
from interpolants.net.mlp import MLP
from interpolants.sampler.epsilon.constant import ConstantEpsilon
from interpolants.sampler.epsilon.noise_level import NoiseLevelEpsilon
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.ab2_maruyama import AB2Maruyama
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.stochastic_heun import StochasticHeun

_OBJECTIVES = {stem: load("objective", stem).predicts for stem in field_objectives()}
_EPSILONS = {stem: load("sampler/epsilon", stem) for stem in stems("sampler/epsilon")}
_ODE, _SDE = (Euler(), Heun(), RK4()), (EulerMaruyama(), StochasticHeun(), AB2Maruyama())


def _flow_follows(path, objective):
    """Whether the velocity follows from what the objective learns."""
    if path.one_sided or objective in {"velocity", "velocity_and_denoiser", "weighted_sum"}:
        return True
    return path.is_mirror and (objective == "denoiser" or objective.endswith("score"))


def _sde_follows(path, objective, epsilon):
    fits = epsilon in ("constant", "sine_squared", "noise_level") or path.one_sided
    lone = objective == "velocity" and not path.one_sided
    return fits and _flow_follows(path, objective) and not lone


def _combinations(path, objective):
    """Every sampler for the path and objective, and whether it is to be accepted."""
    for solver in _ODE:
        yield {"process": ProbabilityFlow, "solver": solver}, _flow_follows(path, objective)
    for process in (ForwardSDE, BackwardSDE):
        for name, epsilon in _EPSILONS.items():
            accepted = _sde_follows(path, objective, name)
            for solver in _SDE:
                yield {"process": process, "solver": solver, "epsilon": epsilon}, accepted


@pytest.mark.parametrize("objective", _OBJECTIVES)
@pytest.mark.parametrize("stem", INTERPOLANTS)
def test_every_combination_is_refused_when_built_or_stays_finite(stem, objective):
    """A finite network never makes a NaN, whatever is singular on the path."""
    path, predicts = INTERPOLANTS[stem], _OBJECTIVES[objective]
    torch.manual_seed(1)
    net = MLP(event_shape=(2,), heads=len(predicts), hidden=8, depth=1)
    fields = Fields(net=net, interpolant=path, predicts=predicts)
    x = torch.randn(4, 2)
    for options, accepted in _combinations(path, objective):
        if not accepted:
            with pytest.raises(ValueError, match=r"expected .*, got "):
                Sampler(fields=fields, **options)
            continue
        samples = Sampler(fields=fields, num_steps=4, **options)(x, times=(0.0, 0.5, 1.0))
        assert samples.x.isfinite().all(), options
        assert samples.path.isfinite().all(), options


def _one_sided(predicts=("velocity",), **options):
    return Sampler(fields=exact_fields(OneSidedLinearInterpolant(), predicts), **options)


def _run(start=None, times=()):
    start = torch.zeros(1, 2, dtype=torch.float64) if start is None else start
    return _one_sided(num_steps=2)(start, times=times)


def test_last_step_is_the_mean_of_the_data_where_the_drift_is_singular():
    sampler = _one_sided(
        process=ForwardSDE, epsilon=0.5, solver=EulerMaruyama(), num_steps=10, grid=UniformGrid()
    )
    assert sampler.process.span == (0.0, 0.999)
    x0 = torch.randn(5, 2, dtype=torch.float64)
    z = torch.randn(10, 1, 5, 2, dtype=torch.float64)
    samples = sampler(x0, noise=FixedNoise(z), times=(1.0,))
    mean = exact_fields(OneSidedLinearInterpolant(), ("target_mean",)).target_mean(
        times(0.999)[0], samples.path[0]
    )
    torch.testing.assert_close(samples.x, mean, rtol=0, atol=1e-9)
    assert samples.times.tolist() == [0.999]


def test_last_step_towards_the_base_is_one_of_the_probability_flow():
    fields = exact_fields(INTERPOLANTS["linear"], ("velocity", "denoiser"))
    sampler = Sampler(fields=fields, process=BackwardSDE, epsilon=0.5, solver=EulerMaruyama())
    samples = sampler(torch.randn(5, 2, dtype=torch.float64), times=(0.0,))
    last = samples.path[0]
    expected = last - 1e-3 * fields.velocity(times(1e-3)[0], last)
    torch.testing.assert_close(samples.x, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("solver", "calls"),
    [(Euler(), 8), (Heun(), 16), (RK4(), 32)],
)
def test_nfe_of_an_ode_counts_its_stages(solver, calls):
    x = torch.randn(3, 2, dtype=torch.float64)
    assert _one_sided(solver=solver, num_steps=8)(x).nfe == calls
    # A drift that is singular at the data end stops short of it and takes one more call.
    assert _one_sided(("target_mean",), solver=solver, num_steps=8)(x).nfe == calls + 1
    uniform = _one_sided(solver=solver, num_steps=8, grid=UniformGrid())
    assert uniform(x, times=(0.123, 0.5)).nfe == calls * 9 // 8


@pytest.mark.parametrize(
    ("solver", "calls"), [(EulerMaruyama(), 8), (AB2Maruyama(), 8), (StochasticHeun(), 16)]
)
def test_nfe_of_an_sde_counts_its_stages(solver, calls):
    x = torch.randn(3, 2, dtype=torch.float64)
    options = {"process": ForwardSDE, "solver": solver, "num_steps": 8}
    assert _one_sided(epsilon=NoiseLevelEpsilon(), **options)(x).nfe == calls
    assert _one_sided(epsilon=ConstantEpsilon(), **options)(x).nfe == calls + 1


@pytest.mark.parametrize(("process", "solver"), [(ForwardSDE, AB2Maruyama()), (None, Heun())])
def test_path_has_the_states_of_a_run_that_ends_there(process, solver):
    options = {"solver": solver, "num_steps": 8, "grid": UniformGrid()}
    if process is not None:
        options |= {"process": process, "epsilon": NoiseLevelEpsilon()}
    sampler = _one_sided(**options)
    x = torch.randn(3, 2, dtype=torch.float64)
    noise = FixedNoise(torch.randn(9, 1, 3, 2, dtype=torch.float64))
    whole = sampler(x, noise=noise, times=(0.0, 0.3, 0.5, 1.0))
    assert whole.times.tolist() == [0.0, 0.3, 0.5, 1.0]
    assert torch.equal(whole.path[0], x)
    assert torch.equal(whole.path[3], whole.x)
    nodes = sampler.grid.times(8, (0.0, 1.0), through=whole.times)
    for slot, last in ((1, 3), (2, 5)):
        end = integrate(solver.plan(sampler.process, nodes[: last + 1]), x, noise=noise)
        torch.testing.assert_close(whole.path[slot], end, rtol=0, atol=1e-12)


def test_path_of_a_backward_process_runs_from_the_data():
    fields = exact_fields(INTERPOLANTS["linear"], ("velocity", "denoiser"))
    sampler = Sampler(fields=fields, process=BackwardSDE, epsilon=1.0, solver=EulerMaruyama())
    x1 = torch.randn(3, 2, dtype=torch.float64)
    samples = sampler(x1, times=(0.0, 0.2, 1.0))
    assert samples.times.tolist() == [0.999, 0.2, 0.001]
    assert torch.equal(samples.path[0], x1)


def test_times_beyond_the_span_are_moved_to_its_ends_once():
    sampler = _one_sided(("target_mean",), num_steps=4)
    samples = sampler(torch.randn(3, 2, dtype=torch.float64), times=(0.5, 0.9995, 1.0))
    assert samples.times.tolist() == [0.5, 0.999]
    assert len(samples.path) == 2


def test_sampler_follows_its_generator_alone():
    sampler = _one_sided(process=ForwardSDE, epsilon=NoiseLevelEpsilon(), solver=EulerMaruyama())
    x = torch.randn(3, 2)

    def run(seed, state):
        torch.manual_seed(state)
        return sampler(x, generator=torch.Generator().manual_seed(seed)).x

    assert torch.equal(run(1, 2), run(1, 3))
    assert not torch.equal(run(1, 2), run(4, 2))
    assert run(1, 2).dtype == torch.float32


def test_epsilon_as_a_number_is_a_constant():
    x = torch.randn(3, 2)
    runs = []
    for epsilon in (0.7, ConstantEpsilon(c=0.7), ConstantEpsilon(c=0.8)):
        sampler = _one_sided(process=ForwardSDE, epsilon=epsilon, solver=EulerMaruyama())
        runs.append(sampler(x, generator=torch.Generator().manual_seed(5)).x)
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("stem", ["linear", "trigonometric", "one_sided_linear"])
@pytest.mark.parametrize("process", [ProbabilityFlow, ForwardSDE])
def test_samples_have_the_moments_of_the_data(stem, process):
    path, n = INTERPOLANTS[stem], 2000
    predicts = ("velocity",) if path.one_sided else ("velocity", "denoiser")
    options = {"solver": Heun()}
    if process is ForwardSDE:
        options = {"process": process, "epsilon": 1.0, "solver": StochasticHeun()}
    sampler = Sampler(fields=exact_fields(path, predicts), num_steps=32, **options)
    generator = torch.Generator().manual_seed(6)
    x0 = base_of(path).sample(n, generator).x1.double()
    x = sampler(x0, generator=generator).x
    mean = TARGET.weights @ TARGET.means
    second = TARGET.covariances + TARGET.means[:, :, None] * TARGET.means[:, None]
    covariance = (TARGET.weights[:, None, None] * second).sum(0) - torch.outer(mean, mean)
    assert (x.mean(0) - mean).abs().max() < 0.12
    assert (torch.cov(x.T) - covariance).abs().max() < 0.18


def test_variance_exploding_path_starts_at_its_level_and_ends_in_units_of_the_base():
    """Forward from sigma_max x0; backward to x0 itself, so that the flow returns its input."""
    path = VarianceExplodingInterpolant(sigma_max=5.0, sigma_min=0.01)
    net = Gaussians(path, ("velocity",), covariances=(1.0, 0.3))
    fields, x0 = net.fields(), torch.randn(6, 1, dtype=torch.float64)
    forward = Sampler(fields=fields, solver=RK4(), num_steps=100)(x0, times=(0.0, 1.0))
    torch.testing.assert_close(forward.path[0], 5 * x0)
    level = net.covariance(times(0.0)[0]).sqrt().item()
    expected = 5 * x0 / level * (0.3 + 1e-4) ** 0.5
    torch.testing.assert_close(forward.path[1], expected, rtol=0, atol=1e-5)
    # The last step takes the trace of noise out: E[x1 | x].
    shrunk = 0.3 / (0.3 + 1e-4) * expected
    torch.testing.assert_close(forward.x, shrunk, rtol=0, atol=1e-5)
    options = {"process": BackwardSDE, "epsilon": 0.1, "solver": EulerMaruyama()}
    x1 = 0.3**0.5 * torch.randn(4000, 1, dtype=torch.float64)
    back = Sampler(fields=net.fields(), num_steps=200, grid=SineSquaredGrid(), **options)(x1).x
    assert abs(back.var() - 1) < 0.1


def test_model_draws_all_starts_at_once_whatever_its_chunks():
    fields = exact_fields(OneSidedLinearInterpolant(), ("velocity",))
    model = Model(fields=fields, event_shape=(2,))
    grid = UniformGrid()
    chunks = model.sample(10, seed=3, chunk_size=4, times=(0.0, 0.5), grid=grid)
    again = model.sample(10, seed=3, chunk_size=4, grid=grid)
    assert torch.equal(chunks.x, again.x)
    assert chunks.path.shape == (2, 10, 2)
    whole = model.sample(10, seed=3, times=(0.0, 0.5), grid=grid)
    assert torch.equal(chunks.path[0], whole.path[0])
    torch.testing.assert_close(chunks.path, whole.path, rtol=0, atol=1e-5)
    torch.testing.assert_close(chunks.x, whole.x, rtol=0, atol=1e-5)
    assert not torch.equal(model.sample(10, seed=4).x, whole.x)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: _one_sided(num_steps=0), "Sampler.num_steps: expected a whole number > 0, got 0"),
        (lambda: _one_sided(num_steps=2.5), "Sampler.num_steps: "),
        (
            lambda: _run(times=(1.5,)),
            r"Sampler.times: expected increasing .*\[0, 1\], got \[1.5\]",
        ),
        (lambda: _run(times=(float("nan"),)), r"Sampler.times: expected increasing times"),
        (lambda: _run(times=(0.5, 0.2)), r"Sampler.times: expected increasing .* \[0.5, 0.2\]"),
        (lambda: _run(times=(0.5, 0.5)), "Sampler.times: expected increasing times"),
        (lambda: _run(times=((0.2, 0.5),)), "Sampler.times: expected a 1-D sequence of numbers"),
        (lambda: _run(times=0.5), "Sampler.times: expected a 1-D sequence of numbers, got 0.5"),
        (lambda: _run(times="0"), "Sampler.times: expected a 1-D sequence of numbers, got '0'"),
        (lambda: _run(torch.zeros(1, 2).half()), "Sampler.start: .*, got torch.float16"),
        (lambda: _run(torch.zeros(1, 2).long()), "Sampler.start: .*, got torch.int64"),
        (lambda: _run([[0.0, 0.0]]), "Sampler.start: .*tensor, got 'list'"),
        (lambda: _run(torch.zeros(2)), r"Sampler.start: expected shape .*, got \(2,\)"),
        (
            lambda: _one_sided(epsilon=0.5),
            "Sampler.epsilon: expected None for ProbabilityFlow, which has no noise, got 0.5; use",
        ),
        (
            lambda: _one_sided(epsilon=0.5, process=partial(ProbabilityFlow, cut=0.01)),
            "Sampler.epsilon: expected None for ProbabilityFlow, ",
        ),
        (
            lambda: _one_sided(process=ForwardSDE, solver=EulerMaruyama()),
            "Sampler.epsilon: expected an Epsilon or a number > 0 for ForwardSDE, got None; set",
        ),
    ],
)
def test_sampler_refuses(run, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        run()


def test_sampler_takes_a_process_that_has_its_epsilon():
    process = partial(ForwardSDE, epsilon=0.7)
    assert _one_sided(process=process, solver=EulerMaruyama()).process.epsilon.c == 0.7


def test_sampler_takes_times_as_a_tensor():
    samples = _run(times=torch.linspace(0, 1, 3))
    assert samples.times.tolist() == [0.0, 0.5, 1.0]
