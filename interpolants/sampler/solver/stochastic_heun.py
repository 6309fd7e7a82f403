"""The stochastic Heun method for additive noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.integrate import Carry, Equation, Row
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, mean_noise, steps


@final
@dataclass(frozen=True, kw_only=True)
class StochasticHeun(PlannedSolver):
    """Weak order 2, strong order 1 for additive noise, with two evaluations per step.

    The same noise enters the predictor and the result; drawing it before or after a
    deterministic Heun step instead loses an order.
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 2
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 2
    channels: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], times[1:]], dim=1)

    def coefficients(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, h / 2, mean_noise(process, times)], dim=1)

    def step(
        self,
        equation: Equation,
        rows: tuple[Row, ...],
        coefficients: tuple[Tensor, ...],
        carry: Carry,
        z: Tensor | None,
    ) -> Carry:
        assert z is not None
        (x,), (h, half, g) = carry, coefficients
        first = equation.drift_at(rows[0], x)
        shaken = torch.addcmul(x, z[0], g)
        second = equation.drift_at(rows[1], torch.addcmul(shaken, first, h))
        return (torch.addcmul(shaken, first + second, half),)
