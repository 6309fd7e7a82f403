"""The two-step Adams-Bashforth method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import steps
from interpolants.sampler.solver.multistep import MultistepSolver


@final
@dataclass(frozen=True, kw_only=True)
class AB2(MultistepSolver):
    """Order 2 with one evaluation per step, on any grid.

    x + h ((1 + w/2) f_k - (w/2) f_{k-1}), w = h_k / h_{k-1}. The first step is Euler's, by a zero
    weight in the table: one step of local error h^2 keeps the order. Nodes that lie close together
    are not remembered, see `interpolants.sampler.remembered`.
    """

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    order: ClassVar[float] = 2
    stages: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        past = 0.5 * h * (h / self.remembered(process, times).last)
        return torch.stack([h + past, -past], dim=1)

    def start(self, x: Tensor) -> Carry:
        return x, torch.zeros_like(x)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x, previous), (present, past) = carry, s.numbers
        current = s.drift(0, x)
        return torch.addcmul(torch.addcmul(x, current, present), previous, past), current
