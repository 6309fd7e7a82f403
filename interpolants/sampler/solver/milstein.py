"""The Milstein method for noise that depends on the state, coordinate by coordinate."""

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
class Milstein(PlannedSolver):
    """Strong order 1 for diagonal Ito noise, where Euler-Maruyama has 1/2.

        x' = x + h f + g (W + 1/2 g_x (W^2 - h)),    W = sqrt(h) z

    The diffusion of coordinate i may depend on coordinate i alone; g_x comes from forward-mode
    differentiation.
    """

    accepts: ClassVar[tuple[str, ...]] = ("diagonal", "geometric")
    order: ClassVar[float] = 1
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, h.abs().sqrt(), -h.abs()], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, root, minus) = carry, s.numbers
        # With diagonal noise the tangent of ones gives every coordinate its own slope. Forward
        # mode, since reverse mode inside a checkpointed block is not supported.
        g, slope, *_ = torch.func.jvp(
            lambda y: s.diffusion(0, y).expand_as(y), (x,), (torch.ones_like(x),)
        )
        drifted = torch.addcmul(x, s.drift(0, x), h)
        w = s.z[0] * root
        shock = torch.addcmul(w, slope, torch.addcmul(minus, w, w), value=0.5)
        return (torch.addcmul(drifted, g, shock),)
