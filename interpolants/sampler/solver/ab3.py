"""The three-step Adams-Bashforth method."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Segment, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import steps
from interpolants.sampler.solver.multistep import MultistepSolver, runs


@final
@dataclass(frozen=True, kw_only=True)
class AB3(MultistepSolver):
    """Order 3 with one evaluation per step, on any grid, and one more in the first step.

    x + integral over the step of the parabola through the last three drifts. Started by a step
    of Heun and one of AB2: their local errors of h^3 occur once each and keep the order, which a
    start by Euler would lower to 2. A step far longer than all before it is Heun's too, and nodes
    that lie close together are not remembered, see `interpolants.sampler.remembered`.
    """

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    order: ClassVar[float] = 3
    stages: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        now, known = steps(times), self.remembered(process, times)
        past = 0.5 * now * now / known.last
        of_two = torch.stack([now + past, -past, torch.zeros_like(now)], dim=1)
        # Integrals over [0, now] of the Lagrange polynomials on the nodes 0, -a, -b.
        a, b = known.last, known.last + known.before
        cube, square = now**3 / 3, now**2 / 2
        of_three = [
            (cube + (a + b) * square + a * b * now) / (a * b),
            (cube + b * square) / (a * (a - b)),
            (cube + a * square) / (b * (b - a)),
        ]
        return torch.where(b.isfinite()[:, None], torch.stack(of_three, dim=1), of_two)

    def start(self, x: Tensor) -> Carry:
        return x, torch.zeros_like(x), torch.zeros_like(x)

    def segments(self, process: Process, times: Tensor) -> tuple[Segment, ...]:
        known, first, found = self.remembered(process, times), 0, list[Segment]()
        for anew, group in groupby(known.last.isinf().tolist()):
            part = slice(first, first + len(list(group)))
            nodes = torch.stack([times[:-1], times[1:]], dim=1)[part, : 1 + anew]
            whole = Segment(
                equation=process,
                coefficients=process.coefficients(nodes),
                numbers=self.numbers(process, times)[part],
                step=self.first_step if anew else self.step,
            )
            found += runs(whole, known.kept[part])
            first = part.stop
        return tuple(found)

    def first_step(self, s: Stages, carry: Carry) -> Carry:
        """One step of Heun; remembers the drift at its start."""
        (x, previous, _), h = carry, s.numbers[0]
        current = s.drift(0, x)
        far = s.drift(1, torch.addcmul(x, current, h))
        return torch.addcmul(x, current + far, 0.5 * h), current, previous

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x, previous, before), (a, b, c) = carry, s.numbers
        current = s.drift(0, x)
        x = torch.addcmul(torch.addcmul(x, current, a), previous, b)
        return torch.addcmul(x, before, c), current, previous
