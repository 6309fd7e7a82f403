"""SDE samplers that other codes call Heun, written from their formulas for comparison.

Both add the noise of a step before a deterministic Heun step, which makes them of weak order 1;
the stochastic Heun method has the same noise in its predictor and in its result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, noise_at, steps


@dataclass(frozen=True, kw_only=True)
class _NoiseFirst(PlannedSolver):
    """y = x + g(t) sqrt(h) z, then y + h/2 (f(first, y) + f(t + h, y + h f(first, y)))."""

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 1
    stages: ClassVar[int] = 2
    channels: ClassVar[int] = 1

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, h / 2, noise_at(process, times[:-1]) * h.abs().sqrt()], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, half, g) = carry, s.numbers
        shaken = x + s.z[0] * g
        first = s.drift(0, shaken)
        second = s.drift(1, shaken + first * h)
        return (shaken + (first + second) * half,)


@final
@dataclass(frozen=True, kw_only=True)
class InterpolantsCodeHeun(_NoiseFirst):
    """Both slopes at t + h, as in the code published with arXiv 2303.08797."""

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[1:], times[1:]], dim=1)


@final
@dataclass(frozen=True, kw_only=True)
class SiTCodeHeun(_NoiseFirst):
    """Slopes at t and t + h, as in the code published with arXiv 2401.08740."""

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], times[1:]], dim=1)
