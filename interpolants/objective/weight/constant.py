"""w(t) = 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.weight.base import Weight


@final
@dataclass(frozen=True, kw_only=True)
class ConstantWeight(Weight):
    """w(t) = 1, the objectives as the paper states them."""

    def value(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    @property
    def is_one(self) -> bool:
        return True
