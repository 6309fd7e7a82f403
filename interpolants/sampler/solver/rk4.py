"""The classical Runge-Kutta method."""

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
class RK4(PlannedSolver):
    """Order 4 with four evaluations per step."""

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    order: ClassVar[float] = 4
    stages: ClassVar[int] = 4

    def nodes(self, times: Tensor) -> Tensor:
        middle = 0.5 * (times[:-1] + times[1:])
        return torch.stack([times[:-1], middle, middle, times[1:]], dim=1)

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, h / 2, h / 3, h / 6], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, half, third, sixth) = carry, s.numbers
        k1 = s.drift(0, x)
        k2 = s.drift(1, torch.addcmul(x, k1, half))
        k3 = s.drift(2, torch.addcmul(x, k2, half))
        k4 = s.drift(3, torch.addcmul(x, k3, h))
        x = torch.addcmul(x, k1 + k4, sixth)
        return (torch.addcmul(x, k2 + k3, third),)
