"""Constant weight, w(t) = 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.weight.base import Weight


@final
@dataclass(frozen=True, kw_only=True)
class ConstantWeight(Weight):
    """Constant weight w(t) = 1, as in the paper."""

    def value(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    @property
    def is_one(self) -> bool:
        return True
