"""Jumps of a flow map: exact for the exact map, counted, backward, re-noised, or refused."""

from functools import partial

import pytest
import torch

import interpolants as si
from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.fields.fields import Fields
from interpolants.fields.jumps import Jumps
from interpolants.sampler.grid import PowerGrid, UniformGrid
from interpolants.sampler.process.flow_map import FlowMap
from interpolants.sampler.solver import Euler, Heun, Jump, Renoise
from interpolants.testing.exact_map import ExactMap, exact_map, jump, level

_X = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]


def sampler(fields=None, solver=None, backward=False, **options):
    made = {"solver": solver or Jump(), "process": partial(FlowMap, backward=backward)}
    return si.Sampler(fields=fields or exact_map(), **made | options)


@pytest.mark.parametrize("grid", [UniformGrid(), PowerGrid()])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_jumps_compose_to_one_and_each_is_one_call(steps, grid):
    drawn = sampler(grid=grid, num_steps=steps)(_X)
    torch.testing.assert_close(drawn.x, jump(torch.zeros(()), torch.ones(()), _X))
    assert drawn.nfe == steps


def test_times_to_keep_add_no_jumps():
    drawn = sampler(grid=UniformGrid(), num_steps=4)(_X, times=(0.26, 0.5, 0.6))
    assert drawn.nfe == 4 and drawn.times.tolist() == [0.25, 0.5]
    torch.testing.assert_close(drawn.path[0], jump(torch.zeros(()), torch.tensor(0.25), _X))


def test_inverse_map_leads_back():
    there = sampler(num_steps=2)(_X).x
    torch.testing.assert_close(sampler(num_steps=3, backward=True)(there).x, _X)


def test_diagonal_is_a_velocity_of_the_ordinary_samplers():
    flow = si.Sampler(fields=exact_map(), solver=Heun(), grid=UniformGrid(), num_steps=400)
    known = jump(torch.zeros(()), torch.ones(()), _X)
    torch.testing.assert_close(flow(_X).x, known, atol=1e-4, rtol=0)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_renoising_keeps_the_law_of_the_data(steps):
    """Mean 1 and variance .3, to the error of 200,000 draws."""
    x = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    draws = sampler(solver=Renoise(), num_steps=steps)(
        x, generator=torch.Generator().manual_seed(1)
    )
    assert draws.nfe == steps
    error = 4 * (0.3 / len(x)) ** 0.5
    assert float(draws.x.mean()) == pytest.approx(1, abs=error)
    assert float(draws.x.var()) == pytest.approx(0.3, abs=error * 0.3**0.5 * 1.5)
    if steps > 1:  # each step draws anew
        assert (draws.x - jump(torch.zeros(()), torch.ones(()), x)).abs().max() > 0.5


def test_renoised_state_has_the_law_of_the_path():
    x = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    made = sampler(solver=Renoise(), num_steps=2, grid=UniformGrid())
    (middle,) = made(x, times=(0.5,), generator=torch.Generator().manual_seed(1)).path
    variance = float(level(torch.tensor(0.5)))
    assert float(middle.mean()) == pytest.approx(0.5, abs=0.006)
    assert float(middle.var()) == pytest.approx(variance, abs=0.008)


_OT = Fields(
    net=ExactMap(),
    interpolant=exact_map().interpolant,
    predicts="velocity",
    coupling=MinibatchOTCoupling(),
    jumps=Jumps(),
)
_ENDS = {"fields": exact_map(jumps=Jumps(backward=True, ends=True))}
_DYADIC = {"fields": exact_map(jumps=Jumps(levels=3))}
_HALVES = {"num_steps": 2, "grid": UniformGrid()}
_REFUSED = {
    "FlowMap.fields: expected a flow map, got 'fields of one time'; train with task=flow_map": {
        "fields": exact_map(jumps=None)
    },
    "FlowMap.backward: expected a map that was trained backward too": {
        "fields": exact_map(jumps=Jumps()),
        "backward": True,
    },
    "Sampler.solver: expected a solver for a flow map (FlowMap), got 'Euler'": {"solver": Euler()},
    "Renoise.coupling: expected an independent coupling, whose x0 can be drawn anew": {
        "fields": _OT,
        "solver": Renoise(),
    },
    "Renoise: expected a map from base to data": {"solver": Renoise(), "backward": True},
    "Sampler.num_steps: expected jumps to t = 1, which the map was trained for, got (0.0, 0.5); "
    "use sampler/solver=renoise, or one step": {**_ENDS, **_HALVES},
    "Sampler.num_steps: expected jumps to t = 1, which the map was trained for, got (0.5, 0.0)": {
        **_ENDS,
        **_HALVES,
        "backward": True,
    },
    "Sampler.num_steps: expected jumps of gaps 2^-k, k < 3, from multiples of them, which the map "
    "was trained for, got (0.0, 0.3333); use sampler/solver=jump, sampler/grid=uniform and 1, 2, "
    "4, ..., 4 steps": {**_DYADIC, "num_steps": 3, "grid": UniformGrid()},
    "Sampler.num_steps: expected jumps of gaps 2^-k, k < 3, from multiples of them, which the "
    "map was trained for, got (0.0, 0.125)": {**_DYADIC, "num_steps": 8, "grid": UniformGrid()},
    "Sampler.num_steps: expected jumps of gaps 2^-k, k < 3, from multiples of them, which "
    "the map was trained for, got (0.25, 1.0)": {
        **_DYADIC,
        "num_steps": 4,
        "grid": UniformGrid(),
        "solver": Renoise(),
    },
}


@pytest.mark.parametrize("said", _REFUSED)
def test_samplers_that_a_map_does_not_have_are_refused(said):
    with pytest.raises(ValueError) as error:
        sampler(**_REFUSED[said])
    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    "options",
    [
        {**_ENDS, "num_steps": 1},
        {**_ENDS, "num_steps": 1, "backward": True},
        {**_ENDS, "num_steps": 5, "solver": Renoise()},
        {**_DYADIC, "num_steps": 2, "solver": Renoise(), "grid": UniformGrid()},
        *({**_DYADIC, "num_steps": count, "grid": UniformGrid()} for count in (1, 2, 4)),
    ],
)
def test_jumps_that_a_map_was_trained_for_are_taken(options):
    assert sampler(**options)(_X).nfe == options["num_steps"]


def test_ordinary_processes_do_not_jump():
    with pytest.raises(ValueError, match=r"^Sampler\.solver: expected a solver for an ODE "):
        si.Sampler(fields=exact_map(), solver=Jump())
