"""Uniform pairs of training times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.time_sampler.pairs import TimePairs


@final
@dataclass(frozen=True, kw_only=True)
class UniformPairs(TimePairs):
    """Pairs that are uniform on the triangle s < t; in a warm-up, with gaps scaled down."""

    def apart(self, n: int, largest: float, generator: torch.Generator) -> Tensor:
        pairs = torch.rand(n, 2, generator=generator, device=generator.device).sort(dim=1).values
        s = pairs[:, 0]
        return torch.stack([s, s + largest * (pairs[:, 1] - s)], dim=1)
