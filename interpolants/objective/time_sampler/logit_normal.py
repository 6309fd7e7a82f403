"""Logit-normal training times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.objective.time_sampler.base import TimeSampler, check_margin
from interpolants.utils.checks import check_finite, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class LogitNormalTime(TimeSampler):
    """t = sigmoid(mean + std * n), n ~ N(0, 1); the density weights the objective.

    Better than uniform for images in arXiv 2403.03206.

    Args:
        mean: location of logit(t); positive favours the data end.
        std: scale of logit(t), > 0.
        margin: distance kept from both ends, in (0, 0.5).
    """

    mean: float = 0.0
    std: float = 1.0
    margin: float = 1e-4

    def __post_init__(self) -> None:
        check_finite("LogitNormalTime.mean", self.mean)
        check_positive("LogitNormalTime.std", self.std)
        check_margin("LogitNormalTime.margin", self.margin)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        normal = torch.randn(n, generator=generator, device=generator.device)
        return torch.sigmoid(self.mean + self.std * normal), None
