"""The last observations of a time series, and the times that follow them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.data.time_axis import Following


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesEnd:
    """The last observations of a time series, as windows have them.

    Attributes:
        x: the observations, (L, channels), 0 where one is missing.
        mask: True at existing ones, (L,).
        columns: names of the channels.
        following: the times that follow.
        first: what was subtracted from them, (channels,); None if nothing was.
        log: whether they are logarithms of the numbers in the file.
    """

    x: Tensor
    mask: Tensor
    columns: tuple[str, ...]
    following: Following
    first: Tensor | None = None
    log: bool = False

    def in_units_of_file(self, x: Tensor) -> Tensor:
        """Numbers as in the file, of values as in windows, (..., channels), in float64."""
        x = x.double() if self.first is None else x.double() + self.first
        return x.exp() if self.log else x


def end_of(
    series: Tensor,
    count: int,
    *,
    columns: tuple[str, ...],
    following: Following,
    relative: bool,
    log: bool,
) -> SeriesEnd:
    """The last `count` observations of a series.

    Args:
        series: (grid points, channels), NaN where a number is missing.
        count: number of observations.
        columns, following, log: as of `SeriesEnd`.
        relative: whether to subtract the first existing one of them.
    """
    x = series[-count:]
    mask = ~x.isnan().any(dim=1)
    first = x[mask][0] if relative and bool(mask.any()) else None
    shifted = x if first is None else x - first
    return SeriesEnd(
        x=torch.where(mask.unsqueeze(1), shifted, 0.0),
        mask=mask,
        columns=columns,
        following=following,
        first=first,
        log=log,
    )
