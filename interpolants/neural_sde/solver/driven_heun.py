"""Heun's method for a driven equation, in the sense of Stratonovich."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.neural_sde.solver.base import DrivenSolver
from interpolants.sampler.plan import Stages


@final
@dataclass(frozen=True, kw_only=True)
class DrivenHeun(DrivenSolver):
    """The trapezoidal rule along B, with two evaluations per step:

        x* = x + h b + sigma B,    x' = x + h (b + b*) / 2 + (sigma + sigma*) B / 2

    Of weak and strong order 1 in h, as far as steps are short for the OU processes. The
    control is held over the step.
    """

    order: ClassVar[float] = 1
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 2

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], times[1:]], dim=1)

    def move(self, s: Stages, x: Tensor, h: Tensor, increment: Tensor) -> Tensor:
        b, sigma = s.drift(0, x), s.diffusion(0, x)
        ahead = torch.addcmul(torch.addcmul(x, b, h), sigma, increment)
        b_ahead = s.drift(1, ahead)
        sigma_ahead = s.diffusion(1, ahead)
        moved = torch.addcmul(x, b + b_ahead, h, value=0.5)
        return torch.addcmul(moved, sigma + sigma_ahead, increment, value=0.5)
