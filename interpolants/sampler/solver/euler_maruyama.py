"""Euler-Maruyama."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, noise_at, steps


@final
@dataclass(frozen=True, kw_only=True)
class EulerMaruyama(PlannedSolver):
    """x + h f + g(t_k) sqrt(h) z: weak order 1, strong order 1 for additive noise."""

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 1
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, noise_at(process, times[:-1]) * h.abs().sqrt()], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, g) = carry, s.numbers
        x_drifted = torch.addcmul(x, s.drift(0, x), h)
        return (torch.addcmul(x_drifted, s.z[0], g),)
