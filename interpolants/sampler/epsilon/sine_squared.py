"""A diffusivity that vanishes at both ends: epsilon(t) = c sin^2(pi t)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.base import Coefficients
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class SineSquaredEpsilon(Epsilon):
    """A diffusivity that vanishes at both ends of any path.

    Args:
        c: the largest diffusivity, at t = 1/2; > 0.
    """

    c: float = 1.0

    def __post_init__(self) -> None:
        check_positive("SineSquaredEpsilon.c", self.c)

    def value(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        return self.c * torch.sin(math.pi * torch.minimum(t, 1 - t)).square()

    def ratio(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        # Where the level vanishes epsilon does too, and with it epsilon times the score.
        return torch.where(level == 0, torch.zeros_like(t), self.value(t, c, level) / level)
