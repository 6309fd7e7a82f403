"""A grid whose steps shrink towards both ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.sampler.grid.base import WarpedGrid


@final
@dataclass(frozen=True, kw_only=True)
class SineSquaredGrid(WarpedGrid):
    """t_k = sin^2(pi k / (2 N)): fine where two-sided paths with a square-root gamma are stiff."""

    def warp(self, u: Tensor) -> Tensor:
        return torch.sin(0.5 * math.pi * u).square()
