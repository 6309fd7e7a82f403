"""gamma(t) = a sin^2(pi t)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.gamma.base import Gamma
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class SineSquaredGamma(Gamma):
    """gamma(t) = a sin^2(pi t), the noise level of the encoder-decoder path.

    Args:
        a: scale, > 0; the value of gamma at t = 1/2.
    """

    a: float = 1.0

    def __post_init__(self) -> None:
        check_positive("SineSquaredGamma.a", self.a)

    def value(self, t: Tensor) -> Tensor:
        # Folding t makes the end t=1 exactly zero, which sin(pi) in floating point is not.
        return self.a * torch.sin(math.pi * torch.minimum(t, 1 - t)).square()

    def dot(self, t: Tensor) -> Tensor:
        return self.a * math.pi * torch.sin(2 * math.pi * t)

    def value_dot(self, t: Tensor) -> Tensor:
        return self.value(t) * self.dot(t)
