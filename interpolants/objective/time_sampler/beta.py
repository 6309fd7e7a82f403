"""Beta-distributed training times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.time_sampler.base import TimeSampler, check_margin
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class BetaTime(TimeSampler):
    """t ~ Beta(a, b): the density weights the objective.

    Args:
        a: > 0; the larger, the more times near the data end.
        b: > 0; the larger, the more times near the base end.
        margin: distance kept from both ends, in (0, 0.5).
    """

    a: float = 1.0
    b: float = 1.0
    margin: float = 1e-4

    def __post_init__(self) -> None:
        check_positive("BetaTime.a", self.a)
        check_positive("BetaTime.b", self.b)
        check_margin("BetaTime.margin", self.margin)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        # A beta variable is a ratio of gamma variables; torch.distributions takes no generator.
        shape = torch.tensor([[self.a], [self.b]], device=generator.device).expand(2, n)
        first, second = torch._standard_gamma(shape, generator=generator)
        return first / (first + second), None
