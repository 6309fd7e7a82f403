"""A constant diffusivity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.base import Coefficients
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class ConstantEpsilon(Epsilon):
    """The same diffusivity throughout; epsilon times the score is singular at a data end.

    Args:
        c: the diffusivity, > 0. For epsilon = 0 use the probability flow.
    """

    c: float = 0.5

    def __post_init__(self) -> None:
        check_positive("ConstantEpsilon.c", self.c)

    def value(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        return torch.full_like(t, self.c)
