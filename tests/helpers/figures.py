"""Paths and counts of panels for the tests of figures."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def straight_path(steps: int, batch: int, *event: int) -> tuple[Tensor, Tensor]:
    """x(t) = (1 - t) x0 + t x1 with x1 moved away from x0."""
    x0, x1 = normal(batch, *event, seed=1), normal(batch, *event, seed=2) + 5
    times = torch.linspace(0, 1, steps)
    t = times.view(-1, *(1,) * x0.dim())
    return (1 - t) * x0 + t * x1, times


def visible_panels(figure: Figure) -> int:
    return sum(bool(ax.axison or ax.images) for ax in figure.axes)
