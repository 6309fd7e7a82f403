"""Euler."""

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
class Euler(PlannedSolver):
    """x + h f(t, x): order 1, one evaluation per step."""

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    order: ClassVar[float] = 1
    stages: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        return steps(times)[:, None]

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h,) = carry, s.numbers
        return (torch.addcmul(x, s.drift(0, x), h),)
