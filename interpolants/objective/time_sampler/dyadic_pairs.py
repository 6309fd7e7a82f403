"""Pairs of training times with gaps that are powers of 1/2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.fields.jumps import Jumps
from interpolants.objective.time_sampler.base import uniforms
from interpolants.objective.time_sampler.pairs import TimePairs
from interpolants.utils.checks import check, is_whole

# Times are float32, and grids are compared to 1e-6.
_MOST = 16


@final
@dataclass(frozen=True, kw_only=True)
class DyadicPairs(TimePairs):
    """Gaps 2^-k, k = 0, ..., levels - 1, equally often, each from a multiple of itself.

    With the semigroup objective and its midpoint these are shortcut models (arXiv 2410.12557);
    with a teacher and a warm-up, in which gaps double one after the other, progressive
    distillation (arXiv 2202.00512).

    Args:
        levels: number of gaps, at most 16; 5 for grids of 1, 2, 4, 8 and 16 steps.
    """

    levels: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = is_whole(self.levels) and 0 < self.levels <= _MOST
        check(fits, "DyadicPairs.levels", f"a whole number in 1, ..., {_MOST}", self.levels)

    @property
    def jumps(self) -> Jumps:
        return Jumps(backward=self.both, levels=self.levels)

    def apart(self, n: int, largest: float, generator: torch.Generator) -> Tensor:
        first = min(math.ceil((1 - largest) * self.levels), self.levels - 1)
        level = first + (uniforms(n, generator) * (self.levels - first)).floor()
        parts = torch.exp2(level)
        s = (uniforms(n, generator) * parts).floor() / parts
        return torch.stack([s, s + 1 / parts], dim=1)
