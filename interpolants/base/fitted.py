"""Initial states fitted coordinate by coordinate."""

from __future__ import annotations

from typing import final

from torch import Tensor

from interpolants.base.initial_state import InitialStateBase


@final
class FittedBase(InitialStateBase):
    """x0 ~ N(0, Id); sampling starts from N(r m_i, 1 + r^2 v_i) in every coordinate i.

    m and v are the mean and the variance of the training data in the units of the networks, and
    r is the weight of x1 at the start of the path (see `InitialStateBase`). Of all normal
    distributions with independent coordinates, this one has the least KL divergence from the path
    at t=0. In space=log it is the log-normal distribution with the moments of the noised data.
    """

    def components(self, x1: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = x1.mean(dim=0), x1.var(dim=0, correction=0)
        return x1.new_ones(1), mean[None], variance[None]
