"""A data set of one observation, to condition a process on."""

from __future__ import annotations

from typing import final

import torch

from interpolants.data.finite_time_series import FiniteTimeSeries
from interpolants.utils.checks import check, check_finite, check_positive, is_whole


@final
class Bridge(FiniteTimeSeries):
    """Series of the same single observation, so that the posterior of a process is its bridge.

    Args:
        value: the observed value.
        end: time of the observation, > 0.
        copies: N, the number of series, at least 2; a batch takes at most four fifths of them.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, *, value: float = 0.0, end: float = 2.0, copies: int = 1280) -> None:
        check_finite("Bridge.value", value)
        check_positive("Bridge.end", end)
        enough = is_whole(copies) and copies >= 2
        check(enough, "Bridge.copies", "a whole number >= 2", copies)
        super().__init__(
            torch.full((copies, 1, 1), float(value)),
            times=(end,),
            standardize=False,
            # All are equal, and nothing can be learned from one about another.
            is_held_out=torch.arange(copies) >= round(0.8 * copies),
        )
