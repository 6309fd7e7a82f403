"""SRA1, a stochastic Runge-Kutta method of strong order 1.5 for additive noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, noise_at, steps


@final
@dataclass(frozen=True, kw_only=True)
class SRA1(PlannedSolver):
    """Strong order 1.5 and weak order 2 for smooth additive noise, with two evaluations per step.

        H  = x + 3/4 h f(t, x) + 3/2 g(t + h) J / h
        x' = x + h (1/3 f(t, x) + 2/3 f(t + 3/4 h, H)) + g(t + h) W + (g(t) - g(t + h)) J / h

    with W = sqrt(h) z_0 and J, the integral of W over the step, h sqrt(h) / 2 (z_0 + z_1 / sqrt 3)
    (A. Roessler, SIAM J. Numer. Anal. 48, 2010). Where g is not smooth, as sqrt(2 epsilon) at an
    end where epsilon vanishes like the distance to it, the step there leaves an error of strong
    order 1 on equal steps; steps that shrink towards that end (sampler/grid=sine_squared) restore
    1.5.
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 2
    strong_order: ClassVar[float] = 1.5
    stages: ClassVar[int] = 2
    channels: ClassVar[int] = 2

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], times[:-1] + 0.75 * steps(times)], dim=1)

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h, g = steps(times), noise_at(process, times)
        root, near, far = h.abs().sqrt(), g[:-1], g[1:]
        # J / h = root / 2 (z_0 + z_1 / sqrt 3), for either direction of time.
        mean, slope = 0.5 * root, 0.5 * root / math.sqrt(3)
        change = near - far
        columns = [0.75 * h, h / 3, 2 * h / 3, 1.5 * far * mean, 1.5 * far * slope]
        columns += [far * root + change * mean, change * slope]
        return torch.stack(columns, dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (stage, third, two_thirds, stage0, stage1, end0, end1) = carry, s.numbers
        first = s.drift(0, x)
        inner = torch.addcmul(torch.addcmul(x, s.z[0], stage0), s.z[1], stage1)
        second = s.drift(1, torch.addcmul(inner, first, stage))
        x = torch.addcmul(torch.addcmul(x, s.z[0], end0), s.z[1], end1)
        return (torch.addcmul(torch.addcmul(x, first, third), second, two_thirds),)
