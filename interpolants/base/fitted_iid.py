"""Initial states fitted with one distribution for all coordinates."""

from __future__ import annotations

from typing import final

from torch import Tensor

from interpolants.base.initial_state import InitialStateBase


@final
class FittedIidBase(InitialStateBase):
    """x0 ~ N(0, Id); sampling starts from N(r m, 1 + r^2 v) in every coordinate alike.

    m and v are one mean and one variance over all training data and coordinates, of events
    (C, H, W) one for each channel; r is the weight of x1 at the start of the path (see
    `InitialStateBase`). Farther from the path at t=0 than `FittedBase`, but without any
    information on how the data vary from coordinate to coordinate.
    """

    def components(self, x1: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        dims = [d for d in range(x1.dim()) if not (x1.dim() > 3 and d == 1)]
        mean = x1.mean(dim=dims, keepdim=True)
        variance = x1.var(dim=dims, keepdim=True, correction=0)
        shape = (1, *x1.shape[1:])
        return x1.new_ones(1), mean.expand(shape), variance.expand(shape)
