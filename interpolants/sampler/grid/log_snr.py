"""A grid of equal steps in the log signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.sampler.grid.base import Grid, LogSNR
from interpolants.utils.checks import check, check_open_interval

# Up to so many steps the margin does not fall: fewer have larger errors of their own.
_STEPS = 128
# Halvings of the span: to the last digit of float64.
_HALVINGS = 60


def times_of(log_snr: LogSNR, wanted: Tensor, limits: Tensor) -> Tensor:
    """Times between two limits, (2,), at which an increasing log_snr has the wanted values."""
    low, high = (limit.expand_as(wanted).clone() for limit in limits)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = log_snr(middle) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    found: Tensor = 0.5 * (low + high)
    return found


@final
@dataclass(frozen=True, kw_only=True)
class LogSNRGrid(Grid):
    """Nodes with equal steps of lambda(t) = log(beta / alpha), on one-sided paths.

    lambda is infinite where alpha or beta vanishes: the first and the last step then reach from
    the end of the span to a margin inside it. These two steps have an error of the margin's second
    order, so that it falls as 1 / N above 128 steps.

    Args:
        margin: how far inside the span the inner nodes begin and end with up to 128 steps, as a
            fraction of it, in (0, 0.5).
    """

    margin: float = 1e-2

    def __post_init__(self) -> None:
        check_open_interval("LogSNRGrid.margin", self.margin, 0, 0.5)

    def nodes(self, num_steps: int, span: tuple[float, float], log_snr: LogSNR | None) -> Tensor:
        check(
            log_snr is not None,
            "Sampler.grid",
            "a grid that fits a two-sided path",
            "LogSNRGrid",
            "use sampler/grid=sine_squared, or a one-sided interpolant",
        )
        assert log_snr is not None
        start, end = span
        if num_steps < 3:
            return torch.linspace(start, end, num_steps + 1, dtype=torch.float64)
        inset = self.margin * min(1.0, _STEPS / num_steps) * (end - start)
        limits = torch.tensor([start + inset, end - inset], dtype=torch.float64)
        first, last = log_snr(limits).tolist()
        wanted = torch.linspace(first, last, num_steps - 1, dtype=torch.float64)
        ends = torch.tensor([start, end], dtype=torch.float64)
        inner = times_of(log_snr, wanted, limits)
        inner[0], inner[-1] = limits
        return torch.cat([ends[:1], inner, ends[1:]])
