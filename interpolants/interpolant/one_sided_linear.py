"""The one-sided linear path x_t = (1 - t) x0 + t x1 from a standard normal x0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.base import OneSidedInterpolant


@final
@dataclass(frozen=True, kw_only=True)
class OneSidedLinearInterpolant(OneSidedInterpolant):
    """alpha = 1 - t, beta = t: rectified flow, or conditional optimal-transport flow matching."""

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        one = torch.ones_like(t)
        return 1 - t, t, -one, one
