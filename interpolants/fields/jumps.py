"""Jumps of a flow map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

# Rounding of the times of a grid.
_SLACK = 1e-6


@final
@dataclass(frozen=True, kw_only=True)
class Jumps:
    """Jumps for which a flow map was trained, those forward in time at least.

    Args:
        backward: whether those backward in time, too.
        ends: whether only those with an end at t = 1.
        levels: number of gaps 2^-k, k = 0, ..., levels - 1, each from a multiple of itself; None
            for all gaps.
    """

    backward: bool = False
    ends: bool = False
    levels: int | None = None

    def __str__(self) -> str:
        """Describe the jumps, for errors."""
        if self.ends:
            return "to t = 1"
        if self.levels is not None:
            return f"of gaps 2^-k, k < {self.levels}, from multiples of them"
        return "of any gap"

    def known(self, pairs: Tensor) -> Tensor:
        """Mark the pairs of times (s, t), (N, 2), that are among the jumps, (N,)."""
        pairs = pairs.double()
        (first, last), gap = pairs.sort(dim=1).values.T, pairs.diff(dim=1).squeeze(1)
        found = (gap > 0) | self.backward
        if self.ends:
            found = found & (last > 1 - _SLACK)
        if self.levels is not None:
            level = -gap.abs().log2().round()
            parts = torch.exp2(level)
            found = found & (level >= 0) & (level < self.levels)
            found = found & ((gap.abs() - 1 / parts).abs() < _SLACK)
            found = found & ((first - (first * parts).round() / parts).abs() < _SLACK)
        return found
