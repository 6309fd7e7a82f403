"""Jumps are marked as trained or not by their direction, their end and their gap."""

import pytest
import torch

from interpolants.fields.jumps import Jumps

_PAIRS = [(0.0, 1.0), (0.5, 1.0), (0.0, 0.5), (0.25, 0.75), (0.3, 0.4), (0.5, 0.75), (0.375, 0.5)]
_KNOWN = {
    Jumps(): _PAIRS,
    Jumps(ends=True): _PAIRS[:2],
    Jumps(levels=3): [(0.0, 1.0), (0.5, 1.0), (0.0, 0.5), (0.5, 0.75)],
    Jumps(levels=1): _PAIRS[:1],
}


@pytest.mark.parametrize("jumps", _KNOWN)
def test_jumps_that_are_known(jumps):
    pairs = torch.tensor(_PAIRS)
    known = [pair in _KNOWN[jumps] for pair in _PAIRS]
    assert jumps.known(pairs).tolist() == known
    assert jumps.known(pairs.flip(1)).tolist() == [False] * len(_PAIRS)
    both = Jumps(backward=True, ends=jumps.ends, levels=jumps.levels)
    assert both.known(pairs.flip(1)).tolist() == known


def test_jumps_of_a_grid_are_known_to_rounding():
    times = torch.linspace(0, 1, 65)  # in single precision
    assert Jumps(levels=7).known(torch.stack([times[:-1], times[1:]], dim=1)).all()
    assert not Jumps(levels=6).known(torch.stack([times[:-1], times[1:]], dim=1)).any()
    near = torch.tensor([[0.0, 0.499], [0.001, 0.501]])
    assert not Jumps(levels=7).known(near).any()
