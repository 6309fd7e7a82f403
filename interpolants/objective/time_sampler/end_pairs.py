"""Pairs of training times that end at the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.fields.jumps import Jumps
from interpolants.objective.time_sampler.base import uniforms
from interpolants.objective.time_sampler.pairs import TimePairs


@final
@dataclass(frozen=True, kw_only=True)
class EndPairs(TimePairs):
    """Jumps to t = 1, the only ones of consistency models; in a warm-up, from later times."""

    @property
    def jumps(self) -> Jumps:
        return Jumps(backward=self.both, ends=True)

    def apart(self, n: int, largest: float, generator: torch.Generator) -> Tensor:
        s = 1 - largest * (1 - uniforms(n, generator))
        return torch.stack([s, torch.ones_like(s)], dim=1)
