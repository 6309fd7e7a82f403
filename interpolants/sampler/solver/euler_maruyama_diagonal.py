"""Euler-Maruyama for noise that depends on the state."""

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
class EulerMaruyamaDiagonal(PlannedSolver):
    """x + h f + sqrt(h) g(t_k, x) z: weak order 1, strong order 1/2.

    With geometric noise g = sigma x a step may change the sign of a state, with probability
    Phi(-(1 + h f / x) / (sigma sqrt(h))) for each coordinate; `LogEuler` never does.
    """

    accepts: ClassVar[tuple[str, ...]] = ("diagonal", "geometric")
    order: ClassVar[float] = 1
    strong_order: ClassVar[float] = 0.5
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, h.abs().sqrt()], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, root) = carry, s.numbers
        drifted = torch.addcmul(x, s.drift(0, x), h)
        return (torch.addcmul(drifted, s.diffusion(0, x), root * s.z[0]),)
