"""Times at which a process is observed, and the steps between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from interpolants.data.time_series_data import check_times
from interpolants.sampler.grid.base import Grid
from interpolants.utils.checks import check


def checked_times(
    where: str, times: Sequence[float], event_shape: Sequence[int]
) -> tuple[float, ...]:
    """The times of series (T, *frame), once they are known to ascend from 0 or later."""
    shape = tuple(event_shape)
    check(len(shape) > 1, f"{where}.event_shape", "(T, *frame)", shape)
    known = check_times(f"{where}.times", times, shape[0])
    check(known[-1] > 0, f"{where}.times", "a last one above 0", known)
    return known


def nodes_through(times: Sequence[float], grid: Grid, num_steps: int) -> Tensor:
    """Nodes from 0 through all times, float64 on the host, each stretch laid out by the grid."""
    ends = [0.0, *(t for t in times if t > 0)]
    parts = [grid.times(num_steps, stretch)[1:] for stretch in pairwise(ends)]
    return torch.cat([torch.zeros(1, dtype=torch.float64), *parts])


def spacing(times: Sequence[float]) -> float:
    """The least time between two observations, or until the only one."""
    gaps = torch.tensor([0.0, *times], dtype=torch.float64).diff()
    return float(gaps[gaps > 0].min())
