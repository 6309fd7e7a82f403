"""Strang splitting of drift and additive noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.integrate import Carry, Equation
from interpolants.process.base import Process
from interpolants.solver.base import PlannedSolver, mean_noise, steps


@final
@dataclass(frozen=True, kw_only=True)
class Strang(PlannedSolver):
    """Half the noise, a Heun step of the drift, the other half: weak order 2, two evaluations.

    The halves are independent draws, each with the variance of its half of the step.
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 2
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 2
    channels: ClassVar[int] = 2

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], times[1:]], dim=1)

    def coefficients(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        middle = 0.5 * (times[:-1] + times[1:])
        fine = torch.cat([torch.stack([times[:-1], middle], dim=1).flatten(), times[-1:]])
        early, late = mean_noise(process, fine).view(-1, 2).unbind(1)
        return torch.stack([h, h / 2, early, late], dim=1)

    def step(
        self,
        equation: Equation,
        rows: tuple[Tensor, ...],
        coefficients: tuple[Tensor, ...],
        carry: Carry,
        z: Tensor | None,
    ) -> Carry:
        assert z is not None
        (x,), (h, half, early, late) = carry, coefficients
        x = torch.addcmul(x, z[0], early)
        first = equation.drift_at(rows[0], x)
        second = equation.drift_at(rows[1], torch.addcmul(x, first, h))
        return (torch.addcmul(torch.addcmul(x, first + second, half), z[1], late),)
