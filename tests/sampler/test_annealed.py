"""Annealed steps: the plan against the loop that it stands for."""

import math
from functools import partial

import pytest
import torch
from helpers.compose import config_of
from helpers.multiplicative import TARGET_A, exact_fields, initial_states, mixture_fields
from hydra.utils import instantiate

from interpolants.likelihood.expectation import ExpectationLikelihood
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.report.report import write_report
from interpolants.report.settings import ReportSettings
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import SaveTimes
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.ambient_sde import AmbientSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.annealed import Annealed
from interpolants.sampler.solver.base import PlannedSolver, steps
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.euler_maruyama_diagonal import EulerMaruyamaDiagonal
from interpolants.sampler.solver.heun import Heun
from interpolants.testing import check_solver
from interpolants.testing.common import normal

_SIGMA = 0.8
_SDE = {"process": ForwardSDE, "epsilon": KLOptimalEpsilon()}
_SCHEDULE = {"delta": 0.07, "inner_steps": 3, "factor": 0.8, "clean_up_steps": 2}


def _released(fields, x, z, nodes, ambient):
    """States at the nodes, by the update as published, in log x or in x:

    log x + d (2 sigma^2 - mu - sigma^2 / 2 + sigma^2 h) + a sigma sqrt(d) z, mu = sigma^2 / 2
    """
    d, square, level = _SCHEDULE["delta"], _SIGMA**2, 1.0
    normals, states = iter(z[:, 0]), [x]

    def step(x, t, noise):
        h = fields.score(t, x.log() if ambient else x) - 1
        if ambient:
            return x * (1 + d * (1.5 * square + square * h) + noise)
        return x + d * (square + square * h) + noise

    for t in nodes[:-1]:
        for _ in range(3):
            x = step(x, t, level * _SIGMA * math.sqrt(d) * next(normals))
        states.append(x)
        level *= 0.8
    for _ in range(2):
        x = step(x, nodes[-2], torch.zeros_like(x))
    return [*states[:-1], x]


@pytest.mark.parametrize("ambient", [False, True])
def test_annealed_takes_the_published_steps_and_keeps_the_states_at_nodes(ambient):
    fields = exact_fields(TARGET_A, _SIGMA)
    nodes = torch.linspace(0, 1, 6, dtype=torch.float64)
    inner = EulerMaruyamaDiagonal() if ambient else EulerMaruyama()
    process = (AmbientSDE if ambient else ForwardSDE)(fields=fields, epsilon=KLOptimalEpsilon())
    solver = Annealed(solver=inner, **_SCHEDULE)
    solver.check(process)
    x = torch.linspace(0.8, 1.3, 7, dtype=torch.float64)[:, None]
    z = 0.3 * normal((17, 1, 7, 1), 0)
    save_at = SaveTimes(nodes, nodes[[0, 2, 4, 5]])
    end = solver.solve(process, nodes, x, noise=FixedNoise(z), save_at=save_at)
    expected = _released(fields, x, z, nodes, ambient)
    torch.testing.assert_close(end, expected[-1], rtol=1e-12, atol=1e-12)
    for slot, node in enumerate((0, 2, 4, 5)):
        torch.testing.assert_close(save_at.path[slot], expected[node], rtol=1e-12, atol=1e-12)


def _sampler(fields, num_steps=4, c=1.0, **schedule):
    solver, options = Annealed(**(_SCHEDULE | schedule)), _SDE | {"epsilon": KLOptimalEpsilon(c=c)}
    return Sampler(
        fields=fields, solver=solver, num_steps=num_steps, grid=UniformGrid(), **options
    )


def test_annealed_keeps_times_through_the_sampler():
    """The last state is that after the clean-up, also where it is at the end of a block."""
    fields, x0 = exact_fields(TARGET_A, _SIGMA), normal((5, 1), 0)
    sampler, noise = _sampler(fields), FixedNoise(normal((14, 1, 5, 1), 1))
    drawn = sampler(x0, noise=noise, times=(0.0, 0.5, 1.0))
    assert drawn.times.tolist() == [0.0, 0.4995, 0.999]
    # Four intervals of three steps and two more, and the mean at the end.
    assert drawn.nfe == 4 * 3 + 2 + 1
    torch.testing.assert_close(drawn.path[0], _SIGMA * x0)
    last = torch.tensor(0.999, dtype=torch.float64)
    torch.testing.assert_close(drawn.x, fields.target_mean(last, drawn.path[2]))


def test_annealed_samples_do_not_depend_on_the_times_asked_for():
    """Times are moved to the nearest nodes, each once, and none becomes a node."""
    fields, x0 = mixture_fields(TARGET_A, _SIGMA), normal((5, 1), 0)
    sampler, noise = _sampler(fields), FixedNoise(normal((14, 1, 5, 1), 1))
    plain, drawn, coarse = (
        sampler(x0, noise=noise, times=asked)
        for asked in ((), [k / 40 for k in range(41)], (0.3, 0.6, 0.7))
    )
    assert torch.equal(plain.x, drawn.x) and plain.nfe == drawn.nfe
    torch.testing.assert_close(drawn.times, 0.999 * torch.arange(5).double() / 4)
    assert torch.equal(coarse.times, drawn.times[[1, 2, 3]])
    assert torch.equal(coarse.path, drawn.path[[1, 2, 3]])


@pytest.mark.parametrize("num_steps", [7, 50])
def test_report_of_annealed_samples_draws_paths_on_any_grid(num_steps, tmp_path):
    sampler = partial(Sampler, solver=Annealed(delta=1 / num_steps), grid=UniformGrid(), **_SDE)
    fields = mixture_fields(TARGET_A, _SIGMA)
    model = Model(fields=fields, event_shape=(1,), sampler=partial(sampler, num_steps=num_steps))
    report = write_report(
        model, TARGET_A, [], SampleRequest(n=20), ReportSettings(folder=tmp_path)
    )
    assert report.nfe == num_steps + 1
    assert (tmp_path / "samples_trajectories.png").is_file()


def _warnings(recwarn, sampler):
    recwarn.clear()
    sampler(normal((2, 1), 0), generator=torch.Generator().manual_seed(0))
    return [str(w.message) for w in recwarn if w.category is UserWarning]


def test_annealed_warns_of_steps_that_do_not_fit_the_span(recwarn):
    fields = mixture_fields(TARGET_A, _SIGMA)
    for delta, fits in ((0.035, False), (0.05, True), (0.4, True), (0.45, False)):
        found = _warnings(recwarn, _sampler(fields, delta=delta))
        assert any("outside of 0.5 to 5 times the span" in text for text in found) == (not fits)
    assert _warnings(recwarn, _sampler(fields, 100, delta=0.001)) == [
        "Annealed.delta: 3 inner_steps of delta 0.001 at each of 100 nodes make 0.3, outside of "
        "0.5 to 5 times the span 0.999; bring delta near 0.00333, or num_steps near 333"
    ]


def test_annealed_judges_stiffness_by_its_own_steps(recwarn):
    """sigma^2 / 2 over sigma^2 (1 - t) is 4 in the middle of the last of four intervals."""
    fields = mixture_fields(TARGET_A, _SIGMA)
    assert not _warnings(recwarn, _sampler(fields, delta=0.23))
    (found,) = _warnings(recwarn, _sampler(fields, delta=0.3))
    assert found.startswith("Annealed.delta: steps of 0.3 are long for this diffusivity, delta ")
    assert "is 1.2 at t = 0.874" in found
    # Here steps as long as the grid's would be too long.
    assert not _warnings(recwarn, _sampler(fields, c=2.0, delta=0.1))


@pytest.mark.parametrize("stem", ["dale_langevin_annealed", "ambient_annealed"])
def test_released_schedules_draw_no_warning(stem, recwarn):
    node = config_of(f"sampler={stem}").sampler
    sampler = instantiate(node, _convert_="all")(fields=mixture_fields(TARGET_A, _SIGMA))
    assert not _warnings(recwarn, sampler)
    assert 0.5 < sampler.solver.delta * sampler.solver.inner_steps * 1000 < 0.7


@pytest.mark.parametrize(
    ("stem", "solver", "inner"),
    [
        ("dale_langevin", EulerMaruyamaDiagonal(), "euler_maruyama"),
        ("ambient_euler", EulerMaruyama(), "euler_maruyama_diagonal"),
    ],
)
def test_annealed_names_the_setting_of_the_inner_scheme_that_fits(stem, solver, inner):
    """The refusal's own advice, followed, builds the sampler."""
    fields = mixture_fields(TARGET_A, _SIGMA)
    build = instantiate(config_of(f"sampler={stem}").sampler, _convert_="all")
    with pytest.raises(ValueError, match=r"got 'Annealed of EulerMaruyama") as refusal:
        build(fields=fields, solver=Annealed(delta=0.01, solver=solver))
    setting = str(refusal.value).rpartition("use for example ")[2]
    assert setting == f"sampler/solver@sampler.solver.solver={inner}"
    node = config_of(f"sampler={stem}", "sampler/solver=annealed", setting).sampler
    instantiate(node, _convert_="all")(fields=fields)


class _NoOrder(PlannedSolver):
    accepts, stages = ("none",), 1

    def nodes(self, times):
        return times[:-1, None]

    def numbers(self, process, times):
        return steps(times)[:, None]

    def step(self, s, carry):
        return carry


def test_solver_contract_wants_an_order_of_every_scheme_that_converges():
    check_solver(Annealed(delta=0.2))
    scheme = _NoOrder()
    for order in (None, 0):
        with pytest.raises(AssertionError, match=f"order: {order}"):
            check_solver(scheme)
        scheme.order = 0


def test_annealed_with_steps_of_the_grid_and_full_noise_is_its_inner_scheme():
    process = ForwardSDE(fields=exact_fields(TARGET_A, _SIGMA), epsilon=KLOptimalEpsilon())
    nodes, x = torch.linspace(0, 1, 9, dtype=torch.float64), normal((4, 1), 0)
    noise = FixedNoise(normal((8, 1, 4, 1), 1))
    ends = [
        solver.solve(process, nodes, x, noise=noise, save_at=SaveTimes(nodes, nodes[:0]))
        for solver in (Annealed(delta=0.125), EulerMaruyama())
    ]
    assert torch.equal(*ends)


def test_released_schedule_contracts_the_modes_of_target_a():
    """With exact fields the deviations fall short of the data's by a quarter and more, and mass
    is lost by the mode that has less."""
    node = config_of("sampler=dale_langevin_annealed").sampler
    sampler = instantiate(node, _convert_="all")(fields=mixture_fields(TARGET_A, _SIGMA))
    n, generator = 10_000, torch.Generator().manual_seed(0)
    x0 = initial_states(TARGET_A, _SIGMA, n, generator) / _SIGMA
    drawn = sampler(x0, generator=generator, times=[k / 40 for k in range(41)])
    # Requested times of the report fall on nodes: no step is added.
    assert drawn.nfe == 1001
    upper = drawn.x > 0.33
    assert float(upper.double().mean()) < 0.3 - 5 * math.sqrt(0.21 / n)
    for mode, std in ((drawn.x[~upper], 0.04), (drawn.x[upper], 0.05)):
        assert 0.5 * std < float(mode.std()) < 0.75 * std


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Annealed(delta=0.0), "Annealed.delta: expected a number > 0, got 0.0"),
        (lambda: Annealed(delta=1, inner_steps=0), "Annealed.inner_steps: expected a whole"),
        (lambda: Annealed(delta=1, factor=-1.0), "Annealed.factor: expected a number > 0"),
        (
            lambda: Annealed(delta=1, clean_up_steps=-1),
            "Annealed.clean_up_steps: expected a whole number >= 0, got -1",
        ),
        (
            lambda: Annealed(delta=1, solver=Heun()),
            "Annealed.solver: expected EulerMaruyama or EulerMaruyamaDiagonal, got 'Heun'",
        ),
        (
            lambda: Annealed(delta=1).check(
                ProbabilityFlow(fields=mixture_fields(TARGET_A, _SIGMA))
            ),
            "Sampler.solver: expected a solver for an ODE",
        ),
        (
            lambda: ExpectationLikelihood(
                sampler=Sampler(
                    fields=mixture_fields(TARGET_A, _SIGMA), solver=Annealed(delta=0.1), **_SDE
                )
            ).log_prob(torch.zeros(2, 1)),
            "Likelihood.sampler: expected a solver for log densities, got 'Annealed'; use for",
        ),
    ],
)
def test_annealed_refuses(build, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        build()
