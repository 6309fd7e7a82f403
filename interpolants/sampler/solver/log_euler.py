"""The log-Euler method for geometric noise: states stay positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, mean_noise, steps


@final
@dataclass(frozen=True, kw_only=True)
class LogEuler(PlannedSolver):
    """Euler-Maruyama for log x, of dX = f(t, X) dt + sigma(t) X dW:

        x' = x exp( h f / x - v/2 + sqrt(v) z ),    v = h/2 (sigma(t)^2 + sigma(t + h)^2)

    v is the integral of sigma^2 over the step by the trapezoidal rule. Exact where f / x and sigma
    are constant, else of strong and weak order 1; a positive state stays positive.
    """

    accepts: ClassVar[tuple[str, ...]] = ("geometric",)
    order: ClassVar[float] = 1
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        std = mean_noise(process, times)
        return torch.stack([steps(times), -0.5 * std.square(), std], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, correction, std) = carry, s.numbers
        rate = s.drift(0, x) / x
        exponent = torch.addcmul(torch.addcmul(correction, s.z[0], std), rate, h)
        return (x * exponent.exp(),)
