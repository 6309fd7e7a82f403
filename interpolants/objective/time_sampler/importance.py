"""Importance sampling of times near both ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.time_sampler.base import TimeSampler, check_margin, uniforms


@final
@dataclass(frozen=True, kw_only=True)
class ImportanceTime(TimeSampler):
    """t = sin^2(pi u / 2), u uniform: density 1 / (pi sqrt(t (1 - t))), weight its inverse.

    The second moment of gamma_dot z grows like 1 / (t (1 - t)) where gamma is a square root, so
    this density, its square root, gives every time a bounded contribution to the variance, while
    the weights keep the uniform integral unbiased.

    Args:
        margin: distance kept from both ends, in (0, 0.5).
    """

    margin: float = 1e-4

    def __post_init__(self) -> None:
        check_margin("ImportanceTime.margin", self.margin)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        t = torch.sin(0.5 * math.pi * uniforms(n, generator)).square()
        return t, math.pi * (t * (1 - t)).sqrt()
