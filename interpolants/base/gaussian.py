"""Standard normal x0 ~ N(0, Id)."""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.base.base import Base
from interpolants.space.scaling import Scaling
from interpolants.utils.shapes import sum_event


@final
class GaussianBase(Base):
    """Standard normal distribution in the units of the networks, for data of any shape."""

    standard_normal: ClassVar[bool] = True

    def __init__(self) -> None:
        self.scaling = Scaling()

    def sample(self, n: int, event_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.randn(n, *event_shape, generator=generator, device=generator.device)

    def log_prob(self, x0: Tensor) -> Tensor:
        constant = 0.5 * math.log(2 * math.pi)
        return -sum_event(0.5 * x0.square() + constant)
