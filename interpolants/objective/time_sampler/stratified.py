"""Stratified training times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.time_sampler.base import TimeSampler, check_margin, uniforms


@final
@dataclass(frozen=True, kw_only=True)
class StratifiedTime(TimeSampler):
    """One uniform time in each of n equal strata, t_i = (i + u_i) / n, for less variance.

    Args:
        margin: distance kept from both ends, in (0, 0.5).
    """

    margin: float = 1e-4

    def __post_init__(self) -> None:
        check_margin("StratifiedTime.margin", self.margin)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        strata = torch.arange(n, device=generator.device)
        return (strata + uniforms(n, generator)) / n, None
