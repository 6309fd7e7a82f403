"""Annealed steps: the plan against the loop that it stands for."""

import math

import pytest
import torch
from compose import config_of
from hydra.utils import instantiate
from multiplicative import TARGET_A, beginnings, exact_fields, mixture_fields

from interpolants.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.grid.uniform import UniformGrid
from interpolants.integrate import KeepTimes
from interpolants.likelihood.expectation import ExpectationLikelihood
from interpolants.noise.given import GivenNoise
from interpolants.process.ambient_sde import AmbientSDE
from interpolants.process.forward_sde import ForwardSDE
from interpolants.process.probability_flow import ProbabilityFlow
from interpolants.sampler import Sampler
from interpolants.solver.annealed import Annealed
from interpolants.solver.euler_maruyama import EulerMaruyama
from interpolants.solver.euler_maruyama_diagonal import EulerMaruyamaDiagonal
from interpolants.solver.heun import Heun

_SIGMA = 0.8
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
    z = 0.3 * torch.randn(17, 1, 7, 1, dtype=torch.float64)
    keep = KeepTimes(nodes, nodes[[0, 2, 4, 5]])
    end = solver.solve(process, nodes, x, noise=GivenNoise(z), keep=keep)
    expected = _released(fields, x, z, nodes, ambient)
    torch.testing.assert_close(end, expected[-1], rtol=1e-12, atol=1e-12)
    for slot, node in enumerate((0, 2, 4, 5)):
        torch.testing.assert_close(keep.path[slot], expected[node], rtol=1e-12, atol=1e-12)


def test_annealed_keeps_times_through_the_sampler():
    """The last state is that after the clean-up, also where it is at the end of a block."""
    fields = exact_fields(TARGET_A, _SIGMA)
    options = {"process": ForwardSDE, "epsilon": KLOptimalEpsilon(), "grid": UniformGrid()}
    sampler = Sampler(fields=fields, solver=Annealed(**_SCHEDULE), num_steps=4, **options)
    x0 = torch.randn(5, 1, dtype=torch.float64)
    noise = GivenNoise(torch.randn(20, 1, 5, 1, dtype=torch.float64))
    drawn = sampler(x0, noise=noise, times=(0.0, 0.3, 1.0))
    assert drawn.times.tolist() == [0.0, 0.3, 0.999]
    # Five intervals of three steps and two more, and the mean at the end.
    assert drawn.nfe == 5 * 3 + 2 + 1
    torch.testing.assert_close(drawn.path[0], _SIGMA * x0)
    last = torch.tensor(0.999, dtype=torch.float64)
    torch.testing.assert_close(drawn.x, fields.target_mean(last, drawn.path[2]))


def test_annealed_with_steps_of_the_grid_and_full_noise_is_its_inner_scheme():
    process = ForwardSDE(fields=exact_fields(TARGET_A, _SIGMA), epsilon=KLOptimalEpsilon())
    nodes, x = torch.linspace(0, 1, 9, dtype=torch.float64), torch.randn(4, 1).double()
    noise = GivenNoise(torch.randn(8, 1, 4, 1, dtype=torch.float64))
    ends = [
        solver.solve(process, nodes, x, noise=noise, keep=KeepTimes(nodes, nodes[:0]))
        for solver in (Annealed(delta=0.125), EulerMaruyama())
    ]
    assert torch.equal(*ends)


def test_released_schedule_contracts_the_modes_of_target_a():
    """With exact fields the deviations fall short of the data's by a quarter and more, and mass
    is lost by the mode that has less."""
    node = config_of("sampler=dale_langevin_annealed").sampler
    sampler = instantiate(node, _convert_="all")(fields=mixture_fields(TARGET_A, _SIGMA))
    n, generator = 10_000, torch.Generator().manual_seed(0)
    x0 = beginnings(TARGET_A, _SIGMA, n, generator) / _SIGMA
    drawn = sampler(x0, generator=generator, times=[k / 40 for k in range(41)])
    # Requested times of the report fall on nodes: no step is added.
    assert drawn.nfe == 1001
    upper = drawn.x > 0.33
    assert float(upper.double().mean()) < 0.3 - 5 * math.sqrt(0.21 / n)
    for mode, deviation in ((drawn.x[~upper], 0.04), (drawn.x[upper], 0.05)):
        assert 0.5 * deviation < float(mode.std()) < 0.75 * deviation


_SDE = {"process": ForwardSDE, "epsilon": KLOptimalEpsilon()}


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
