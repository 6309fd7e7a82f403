"""Equal steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.grid.base import Grid


@final
@dataclass(frozen=True, kw_only=True)
class UniformGrid(Grid):
    """t_k = k / N."""

    def warp(self, u: Tensor) -> Tensor:
        return u
