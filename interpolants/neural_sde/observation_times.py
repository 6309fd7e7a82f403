"""Observation times, and grids of steps through them."""

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
    """Check the times of series (T, *frame): ascending, the first >= 0, the last > 0."""
    shape = tuple(event_shape)
    check(len(shape) > 1, f"{where}.event_shape", "(T, *frame)", shape)
    known = check_times(f"{where}.times", times, shape[0])
    check(known[-1] > 0, f"{where}.times", "a last one above 0", known)
    return known


def nodes_through(times: Sequence[float], grid: Grid, num_steps: int) -> Tensor:
    """Nodes from 0 through all times, float64 on the host, with the grid between two times."""
    ends = [0.0, *(t for t in times if t > 0)]
    parts = [grid.times(num_steps, interval)[1:] for interval in pairwise(ends)]
    return torch.cat([torch.zeros(1, dtype=torch.float64), *parts])


def spacing(times: Sequence[float]) -> float:
    """Smallest time between two observations, or the time of a single one."""
    gaps = torch.tensor([0.0, *times], dtype=torch.float64).diff()
    return float(gaps[gaps > 0].min())
