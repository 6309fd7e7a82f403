"""The three-step Adams-Bashforth method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Segment, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, steps


@final
@dataclass(frozen=True, kw_only=True)
class AB3(PlannedSolver):
    """Order 3 with one evaluation per step, on any grid, and one more in the first step.

    x + integral over the step of the parabola through the last three drifts. Started by a step
    of Heun and one of AB2: their local errors of h^3 occur once each and keep the order, which a
    start by Euler would lower to 2.
    """

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    order: ClassVar[float] = 3
    stages: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        table = torch.zeros(len(h), 3, dtype=h.dtype)
        table[0, 0] = h[0]
        if len(h) > 1:
            past = 0.5 * h[1] * h[1] / h[0]
            table[1, :2] = torch.stack([h[1] + past, -past])
        now, last, first = h[2:], h[1:-1], h[:-2]
        # Integrals over [0, now] of the Lagrange polynomials on the nodes 0, -a, -b.
        a, b = last, last + first
        cube, square = now**3 / 3, now**2 / 2
        table[2:, 0] = (cube + (a + b) * square + a * b * now) / (a * b)
        table[2:, 1] = (cube + b * square) / (a * (a - b))
        table[2:, 2] = (cube + a * square) / (b * (b - a))
        return table

    def start(self, x: Tensor) -> Carry:
        return x, torch.zeros_like(x), torch.zeros_like(x)

    def segments(self, process: Process, times: Tensor) -> tuple[Segment, ...]:
        (rest,) = super().segments(process, times)
        ends = process.coefficients(times[None, :2])
        first = replace(rest, coefficients=ends, numbers=rest.numbers[:1], step=self.first_step)
        rest = replace(rest, coefficients=rest.coefficients[1:], numbers=rest.numbers[1:])
        return first, rest

    def first_step(self, s: Stages, carry: Carry) -> Carry:
        """One step of Heun; remembers the drift at its start."""
        (x, _, unknown), h = carry, s.numbers[0]
        current = s.drift(0, x)
        far = s.drift(1, torch.addcmul(x, current, h))
        return torch.addcmul(x, current + far, 0.5 * h), current, unknown

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x, previous, before), (a, b, c) = carry, s.numbers
        current = s.drift(0, x)
        x = torch.addcmul(torch.addcmul(x, current, a), previous, b)
        return torch.addcmul(x, before, c), current, previous
