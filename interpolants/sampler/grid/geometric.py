"""A grid whose steps form a geometric progression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.sampler.grid.base import WarpedGrid
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class GeometricGrid(WarpedGrid):
    """t_k = (1 - ratio^(k / N)) / (1 - ratio): each step is ratio^(1 / N) times the one before.

    Args:
        ratio: length of the last step over that of the first as N grows, > 0: below 1 the steps
            shrink towards t=1, above 1 towards t=0, and 1 is uniform.
    """

    ratio: float = 0.1

    def __post_init__(self) -> None:
        check_positive("GeometricGrid.ratio", self.ratio)

    def warp(self, u: Tensor) -> Tensor:
        rate = math.log(self.ratio)
        return u if rate == 0 else torch.expm1(rate * u) / math.expm1(rate)
