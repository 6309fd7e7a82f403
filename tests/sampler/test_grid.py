"""Nodes in closed form, and requested times among them."""

import math

import pytest
import torch
from helpers.problems import INTERPOLANTS, ONE_SIDED, load, stems, times

from interpolants.sampler.grid.explicit import ExplicitGrid
from interpolants.sampler.grid.geometric import GeometricGrid
from interpolants.sampler.grid.log_snr import LogSNRGrid
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.grid.uniform import UniformGrid

_SPAN = (0.1, 0.9)
_LOG_SNR = INTERPOLANTS["one_sided_linear"].log_snr


@pytest.mark.parametrize(
    ("grid", "warp"),
    [
        (UniformGrid(), lambda u: u),
        (SineSquaredGrid(), lambda u: math.sin(math.pi * u / 2) ** 2),
        (PowerGrid(p=3.0), lambda u: 1 - (1 - u) ** 3),
        (PowerGrid(p=0.5), lambda u: 1 - (1 - u) ** 0.5),
        (GeometricGrid(ratio=1.0), lambda u: u),
        (GeometricGrid(ratio=0.2), lambda u: (1 - 0.2**u) / 0.8),
        (GeometricGrid(ratio=7.0), lambda u: (7**u - 1) / 6),
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
    values = (0.0, 0.1, 0.2, 0.25, 0.5, 0.55, 0.8, 0.95, 1.0)
    grid = load("sampler/grid", stem, **({"values": values} if stem == "explicit" else {}))
    plain = grid.times(8, (0.0, 1.0), log_snr=_LOG_SNR)
    wanted = plain[[2, 4, 5]] + times(1e-16, -1e-16, 3e-9)
    got = grid.times(8, (0.0, 1.0), through=wanted, log_snr=_LOG_SNR)
    assert len(got) == 9
    assert set(wanted.tolist()) <= set(got.tolist())


def test_requested_middle_is_on_the_sine_squared_grid():
    assert SineSquaredGrid().times(8, (0.0, 1.0), through=times(0.5))[4] == 0.5


def test_requested_time_between_nodes_adds_one():
    got = UniformGrid().times(4, (0.0, 1.0), through=times(0.9, 0.3, 0.3), backward=True)
    assert got.tolist() == [1.0, 0.9, 0.75, 0.5, 0.3, 0.25, 0.0]


def test_requested_end_adds_nothing():
    got = UniformGrid().times(4, (0.0, 1.0), through=times(0.0, 1.0))
    assert got.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("stem", ONE_SIDED)
@pytest.mark.parametrize("backward", [False, True])
def test_log_snr_grid_has_equal_steps_of_the_log_signal_to_noise_ratio(stem, backward):
    path = INTERPOLANTS[stem]
    grid = LogSNRGrid(margin=0.05)
    got = grid.times(12, _SPAN, backward=backward, log_snr=path.log_snr)
    inner = (got.flip(0) if backward else got)[1:-1]
    torch.testing.assert_close(inner[[0, -1]], times(0.14, 0.86), rtol=0, atol=1e-15)
    steps = path.log_snr(inner).diff()
    torch.testing.assert_close(steps, steps.mean().expand(10), rtol=0, atol=1e-12)


def test_log_snr_grid_spreads_few_steps_evenly():
    got = LogSNRGrid().times(2, (0.0, 1.0), log_snr=_LOG_SNR)
    assert got.tolist() == [0.0, 0.5, 1.0]


def test_explicit_grid_is_what_was_given_between_the_ends_of_the_span():
    grid = ExplicitGrid(values=(0.0, 0.3, 0.5, 1.0))
    assert grid.times(3, (0.0, 1.0)).tolist() == [0.0, 0.3, 0.5, 1.0]
    assert grid.times(3, _SPAN, backward=True).tolist() == [0.9, 0.5, 0.3, 0.1]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PowerGrid(p=0.0), "PowerGrid.p: expected a number > 0, got 0.0"),
        (lambda: GeometricGrid(ratio=-1.0), "GeometricGrid.ratio: expected a number > 0, got -1"),
        (lambda: LogSNRGrid(margin=0.5), r"LogSNRGrid.margin: expected a number in \(0, 0.5\)"),
        (lambda: ExplicitGrid(values=(0.0,)), "ExplicitGrid.values: expected two or more incr"),
        (lambda: ExplicitGrid(values=(0.0, 0.5, 0.5)), "ExplicitGrid.values: expected two or mo"),
        (lambda: ExplicitGrid(values=(0.0, 1.1)), "ExplicitGrid.values: expected two or more inc"),
        (
            lambda: ExplicitGrid(values=(0.0, 0.5, 1.0)).times(3, (0.0, 1.0)),
            "ExplicitGrid.values: expected 4 times, got 3; set sampler.num_steps=2",
        ),
        (
            lambda: ExplicitGrid(values=(0.2, 1.0)).times(1, (0.0, 1.0)),
            "ExplicitGrid.values: expected times from 0.0 to 1.0, where",
        ),
        (
            lambda: ExplicitGrid(values=(0.0, 0.05, 1.0)).times(2, _SPAN),
            "ExplicitGrid.values: expected times from 0.1 to 0.9, where",
        ),
        (
            lambda: LogSNRGrid().times(8, (0.0, 1.0)),
            "Sampler.grid: expected a grid that fits a two-sided path, got 'LogSNRGrid'; use samp",
        ),
    ],
)
def test_grid_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()
