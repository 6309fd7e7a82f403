"""A grid of equal steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.sampler.grid.base import WarpedGrid


@final
@dataclass(frozen=True, kw_only=True)
class UniformGrid(WarpedGrid):
    """t_k = k / N."""

    def warp(self, u: Tensor) -> Tensor:
        return u
