"""gamma(t) = 0: the path is determined by its end points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.gamma.base import Gamma


@final
@dataclass(frozen=True, kw_only=True)
class ZeroGamma(Gamma):
    """gamma(t) = 0, as in flow matching and rectified flow; a two-sided path then has no score."""

    def value(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def dot(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def value_dot(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    @property
    def is_zero(self) -> bool:
        return True
