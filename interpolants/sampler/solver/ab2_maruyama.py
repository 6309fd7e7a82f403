"""Adams-Bashforth drift with Maruyama noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import mean_noise, steps
from interpolants.sampler.solver.multistep import MultistepSolver

_MAX_RATIO = 4.0


@final
@dataclass(frozen=True, kw_only=True)
class AB2Maruyama(MultistepSolver):
    """Weak order 2, strong order 1 for additive noise with one evaluation per step.

    x + h ((1 + w/2) f_k - (w/2) f_{k-1}) + noise, w = h_k / h_{k-1}; the first step is Euler's,
    by a zero weight in the table. Nodes that lie close together are not remembered, and w is
    capped: it multiplies the noise by which the two drifts differ.
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 2
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        ratio = h / self.remembered(process, times).last
        past = 0.5 * h * ratio.clamp(max=_MAX_RATIO)
        return torch.stack([h + past, -past, mean_noise(process, times)], dim=1)

    def start(self, x: Tensor) -> Carry:
        return x, torch.zeros_like(x)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x, previous), (present, past, g) = carry, s.numbers
        current = s.drift(0, x)
        drifted = torch.addcmul(torch.addcmul(x, current, present), previous, past)
        return torch.addcmul(drifted, s.z[0], g), current
