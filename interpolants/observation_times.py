"""Times at which a process is observed, and the steps between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.checks import check
from interpolants.grid.base import Grid


def checked_times(where: str, times: Sequence[float]) -> tuple[float, ...]:
    """The times, once they are known to ascend from 0 or later, with the last above 0."""
    known = tuple(times)
    rising = bool(known) and known[0] >= 0 and list(known) == sorted({*known}) and known[-1] > 0
    check(rising, where, "ascending numbers >= 0, the last > 0", known)
    return known


def nodes_through(times: Sequence[float], grid: Grid, num_steps: int) -> Tensor:
    """Nodes from 0 through all times, float64 on the host, each stretch laid out by the grid."""
    ends = [0.0, *(t for t in times if t > 0)]
    parts = [
        grid.times(num_steps, stretch)[1:] for stretch in zip(ends[:-1], ends[1:], strict=True)
    ]
    return torch.cat([torch.zeros(1, dtype=torch.float64), *parts])


def spacing(times: Sequence[float]) -> float:
    """The least time between two observations, or until the only one."""
    gaps = torch.tensor([0.0, *times], dtype=torch.float64).diff()
    return float(gaps[gaps > 0].min())
