"""A grid whose steps shrink towards the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.sampler.grid.base import WarpedGrid
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class PowerGrid(WarpedGrid):
    """t_k = 1 - (1 - k / N)^p.

    Args:
        p: power, > 0; 1 is uniform, above 1 the steps shrink towards t=1.
    """

    p: float = 2.0

    def __post_init__(self) -> None:
        check_positive("PowerGrid.p", self.p)

    def warp(self, u: Tensor) -> Tensor:
        return 1 - (1 - u).pow(self.p)
