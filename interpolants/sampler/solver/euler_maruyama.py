"""Euler-Maruyama."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.integrate import Carry, Equation, Row
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, noise_at, steps


@final
@dataclass(frozen=True, kw_only=True)
class EulerMaruyama(PlannedSolver):
    """x + h f + g(t_k) sqrt(h) z: weak order 1, strong order 1 for additive noise."""

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    order: ClassVar[float] = 1
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def coefficients(self, process: Process, times: Tensor) -> Tensor:
        h = steps(times)
        return torch.stack([h, noise_at(process, times[:-1]) * h.abs().sqrt()], dim=1)

    def step(
        self,
        equation: Equation,
        rows: tuple[Row, ...],
        coefficients: tuple[Tensor, ...],
        carry: Carry,
        z: Tensor | None,
    ) -> Carry:
        assert z is not None
        (x,), (h, g) = carry, coefficients
        x_drifted = torch.addcmul(x, equation.drift_at(rows[0], x), h)
        return (torch.addcmul(x_drifted, z[0], g),)
