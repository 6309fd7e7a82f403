"""Nodes in closed form, and requested times among them."""

import math

import pytest
import torch
from problems import load, stems, times

from interpolants.grid.power import PowerGrid
from interpolants.grid.sine_squared import SineSquaredGrid
from interpolants.grid.uniform import UniformGrid

_SPAN = (0.1, 0.9)


@pytest.mark.parametrize(
    ("grid", "warp"),
    [
        (UniformGrid(), lambda u: u),
        (SineSquaredGrid(), lambda u: math.sin(math.pi * u / 2) ** 2),
        (PowerGrid(p=3.0), lambda u: 1 - (1 - u) ** 3),
        (PowerGrid(p=0.5), lambda u: 1 - (1 - u) ** 0.5),
    ],
)
@pytest.mark.parametrize("backward", [False, True])
def test_grid_follows_its_formula(grid, warp, backward):
    expected = [0.1 + 0.8 * warp(k / 5) for k in range(6)]
    expected = expected[::-1] if backward else expected
    got = grid.times(5, _SPAN, backward=backward)
    torch.testing.assert_close(got, times(*expected), rtol=0, atol=1e-15)


def test_sine_squared_grid_is_the_same_seen_from_either_end():
    t = SineSquaredGrid().times(17, (0.0, 1.0))
    torch.testing.assert_close(t, 1 - t.flip(0), rtol=0, atol=1e-15)


def test_power_grid_of_one_is_uniform():
    got, expected = (grid.times(9, _SPAN) for grid in (PowerGrid(p=1.0), UniformGrid()))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("stem", stems("sampler/grid"))
def test_requested_time_next_to_a_node_replaces_it(stem):
    """sin^2(pi / 4) is not 1/2 in floating point: both would leave a step of 1e-16."""
    grid = load("sampler/grid", stem)
    plain = grid.times(8, (0.0, 1.0))
    wanted = plain[[2, 4, 5]] + times(1e-16, -1e-16, 3e-9)
    got = grid.times(8, (0.0, 1.0), through=wanted)
    assert len(got) == 9
    assert set(wanted.tolist()) <= set(got.tolist())
    assert SineSquaredGrid().times(8, (0.0, 1.0), through=times(0.5))[4] == 0.5


def test_requested_time_between_nodes_adds_one():
    got = UniformGrid().times(4, (0.0, 1.0), through=times(0.9, 0.3, 0.3), backward=True)
    assert got.tolist() == [1.0, 0.9, 0.75, 0.5, 0.3, 0.25, 0.0]


def test_requested_end_adds_nothing():
    got = UniformGrid().times(4, (0.0, 1.0), through=times(0.0, 1.0))
    assert got.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_power_grid_refuses():
    with pytest.raises(ValueError, match=r"PowerGrid.p: expected a number > 0, got 0.0"):
        PowerGrid(p=0.0)
