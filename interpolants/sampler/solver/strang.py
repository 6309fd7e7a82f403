"""Strang splitting of drift and additive noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, mean_noise, steps


@final
@dataclass(frozen=True, kw_only=True)
class Strang(PlannedSolver):
    """Half the noise, a Heun step of the drift, the other half.

    Weak order 2, strong order 1 for additive noise, with two evaluations per step. The halves
    are v/2 (z_0 + z_1) and v/2 (z_0 - z_1), independent and with half the variance v^2 of the
    step each, so that their sum is the step's own increment.
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 2
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 2
    channels: ClassVar[int] = 2

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], times[1:]], dim=1)

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h, g = steps(times), mean_noise(process, times)
        return torch.stack([h, h / 2, g, g / 2], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, half, g, half_g) = carry, s.numbers
        early = torch.addcmul(x, s.z[0] + s.z[1], half_g)
        first = s.drift(0, early)
        second = s.drift(1, torch.addcmul(early, first, h))
        return (torch.addcmul(torch.addcmul(x, s.z[0], g), first + second, half),)
