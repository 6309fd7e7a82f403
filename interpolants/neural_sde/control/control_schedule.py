"""The control that an equation calls, with what observations say at every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.neural_sde.control.base import Control


@final
class ControlSchedule(nn.Module):
    """u of (t, x, y, context), with a context at each observation time, (B, count, C).

    Between two observations features are mixed linearly; before the first they are its own. After
    the last one that the context is of, which may come before the series ends, u is zero: there
    the prior goes on.

    Args:
        control: a network of (t, x, y, features).
        times: of the observations, ascending.
        rates: speeds of the driver's processes, (K,).
    """

    times: Tensor
    units: Tensor

    def __init__(self, *, control: Control, times: Sequence[float], rates: Tensor) -> None:
        super().__init__()
        self.control = control
        # In float64: rounded like the solver's own times, they tell before from after exactly.
        kept = torch.tensor(list(times), dtype=torch.float64)
        self.register_buffer("times", kept, persistent=False)
        units = torch.cat([(2 * rates.double()).sqrt(), torch.ones(1, dtype=torch.float64)])
        self.register_buffer("units", units, persistent=False)

    def forward(self, t: Tensor, x: Tensor, y: Tensor, context: Tensor | None) -> Tensor:
        """u, (B, D), at a 0-d time."""
        assert context is not None
        count = context.shape[1]
        times = self.times[:count].to(t)
        above = torch.searchsorted(times, t.reshape(1)).clamp(1, max(count - 1, 1))
        pair = torch.cat([above - 1, above]).clamp(max=count - 1)
        first, last = times[pair].unbind()
        share = ((t - first) / (last - first).clamp(min=1e-12)).clamp(0, 1)
        before, after = context.index_select(1, pair).unbind(dim=1)
        features = torch.lerp(before, after, share)
        # States over their stationary deviations, and a slope as it is.
        units = self.units[: y.shape[-1]].to(y)
        u: Tensor = self.control(t, x, y * units, features)
        return u * (t < times[-1])
