"""The explicit midpoint rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, steps


@final
@dataclass(frozen=True, kw_only=True)
class Midpoint(PlannedSolver):
    """Order 2 with two evaluations per step, neither at the far end of the step."""

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    order: ClassVar[float] = 2
    stages: ClassVar[int] = 2

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], 0.5 * (times[:-1] + times[1:])], dim=1)

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, h / 2], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, half) = carry, s.numbers
        middle = torch.addcmul(x, s.drift(0, x), half)
        return (torch.addcmul(x, s.drift(1, middle), h),)
