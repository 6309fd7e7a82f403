"""Controls with a context that is interpolated in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.neural_sde.control.base import Control


@final
class ControlSchedule(nn.Module):
    """Control u(t, x, y, context) with a context at each observation time, (B, count, C).

    Between two observations the features are interpolated linearly; before the first they are
    constant. After the last one in the context, which may be before the end of the series, u is
    zero, so that the prior continues.

    Args:
        control: a network of (t, x, y, features).
        times: times of the observations, ascending.
        rates: speeds of the driver's OU processes, (K,).
    """

    times: Tensor
    units: Tensor

    def __init__(self, *, control: Control, times: Sequence[float], rates: Tensor) -> None:
        super().__init__()
        self.control = control
        # In float64, and then rounded like the solver's times, so that comparisons are exact.
        exact = torch.tensor(list(times), dtype=torch.float64)
        self.register_buffer("times", exact, persistent=False)
        units = torch.cat([(2 * rates.double()).sqrt(), torch.ones(1, dtype=torch.float64)])
        self.register_buffer("units", units, persistent=False)

    def forward(self, t: Tensor, x: Tensor, y: Tensor, context: Tensor | None) -> Tensor:
        """Return u, (B, D), at a 0-d time."""
        assert context is not None
        count = context.shape[1]
        times = self.times[:count].to(t)
        above = torch.searchsorted(times, t.reshape(1)).clamp(1, max(count - 1, 1))
        pair = torch.cat([above - 1, above]).clamp(max=count - 1)
        first, last = times[pair].unbind()
        share = ((t - first) / (last - first).clamp(min=1e-12)).clamp(0, 1)
        before, after = context.index_select(1, pair).unbind(dim=1)
        features = torch.lerp(before, after, share)
        # States divided by their stationary standard deviations; a slope is not scaled.
        units = self.units[: y.shape[-1]].to(y)
        u: Tensor = self.control(t, x, y * units, features)
        return u * (t < times[-1])
