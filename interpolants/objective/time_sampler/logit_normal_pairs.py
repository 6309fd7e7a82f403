"""Pairs of logit-normal training times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.time_sampler.pairs import TimePairs
from interpolants.utils.checks import check_finite, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class LogitNormalPairs(TimePairs):
    """Two times sigmoid(mean + std n), n ~ N(0, 1), in order; in a warm-up, with smaller gaps.

    The defaults are those of MeanFlow (arXiv 2505.13447) in our clock, where 1 is the data.

    Args:
        mean: location of the logits; positive favours the data end.
        std: scale of the logits, > 0.
    """

    mean: float = 0.4
    std: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_finite("LogitNormalPairs.mean", self.mean)
        check_positive("LogitNormalPairs.std", self.std)

    def apart(self, n: int, largest: float, generator: torch.Generator) -> Tensor:
        normal = torch.randn(n, 2, generator=generator, device=generator.device)
        pairs = torch.sigmoid(self.mean + self.std * normal).sort(dim=1).values
        s = pairs[:, 0]
        return torch.stack([s, s + largest * (pairs[:, 1] - s)], dim=1)
