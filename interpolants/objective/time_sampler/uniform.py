"""Uniform training times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.time_sampler.base import TimeSampler, check_margin, uniforms


@final
@dataclass(frozen=True, kw_only=True)
class UniformTime(TimeSampler):
    """Independent uniform times.

    Args:
        margin: distance kept from both ends, in (0, 0.5).
    """

    margin: float = 1e-4

    def __post_init__(self) -> None:
        check_margin("UniformTime.margin", self.margin)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        return uniforms(n, generator), None
