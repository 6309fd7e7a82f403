"""The stochastic Heun method for additive noise."""

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
class StochasticHeun(PlannedSolver):
    """Weak order 2, strong order 1 for additive noise, with two evaluations per step.

    The same noise enters the predictor and the result; drawing it before or after a
    deterministic Heun step instead loses an order.
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 2
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 2
    channels: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], times[1:]], dim=1)

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, h / 2, mean_noise(process, times)], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, half, g) = carry, s.numbers
        first = s.drift(0, x)
        shaken = torch.addcmul(x, s.z[0], g)
        second = s.drift(1, torch.addcmul(shaken, first, h))
        return (torch.addcmul(shaken, first + second, half),)
