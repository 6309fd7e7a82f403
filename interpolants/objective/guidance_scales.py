"""Guidance scales and intervals that a flow map learns as inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.time_sampler.base import uniforms
from interpolants.utils.checks import check, is_number


@final
@dataclass(frozen=True, kw_only=True)
class GuidanceScales:
    """Scales that are log-uniform on [1, largest], and intervals (first, last) of guided times.

    Half of the intervals are all of [0, 1]; of the others first is uniform on [0, 1/2] and last on
    [1/2, 1], as in arXiv 2512.02012.

    Args:
        largest: largest scale, > 1.
    """

    largest: float

    def __post_init__(self) -> None:
        good = is_number(self.largest) and 1 < self.largest < math.inf
        check(good, "objective.largest_scale", "a number above 1, or null", self.largest)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw scales with the first and last guided time, (n, 3)."""
        u, first, last, part = (uniforms(n, generator) for _ in range(4))
        whole = part < 0.5
        first = torch.where(whole, 0.0, first / 2)
        last = torch.where(whole, 1.0, (1 + last) / 2)
        return torch.stack([self.largest**u, first, last], dim=1)
