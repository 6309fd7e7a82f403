"""The exact step of a process that is linear and Gaussian but for the mean of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.memory import MemoryProcess
from interpolants.sampler.process.target_mean import REACH
from interpolants.sampler.remembered import Reach, half_ratios
from interpolants.sampler.solver.multistep import MultistepSolver


@final
@dataclass(frozen=True, kw_only=True)
class LinearGaussian(MultistepSolver):
    """state' = M state + d D + c + R^T z with D = E[x1 | state] at the start of the step.

    D may be extrapolated, in a clock that the process gives. Exact for data of a
    single point, at any number of steps; of order 1 otherwise, and of order 2 for
    `FractionalFlow`. Steps may be long for the noise and for the memory.
    """

    accepts: ClassVar[tuple[str, ...]] = ("memory",)
    explicit: ClassVar[bool] = False
    order: ClassVar[float] = 1
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1
    augments: ClassVar[bool] = False

    reach: ClassVar[Reach] = REACH

    def clock(self, process: Process, times: Tensor) -> Tensor:
        assert isinstance(process, MemoryProcess)
        clock = process.log_ratio(times)
        # Without extrapolation any will do that lets all be remembered.
        return torch.arange(len(times), dtype=torch.float64) if clock is None else clock

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        """d, c, the weight and the transposes of M and R, (N, 1, 5 + 2K, 1 + K)."""
        assert isinstance(process, MemoryProcess)
        matrix, gain, constant, root = process.steps(times)
        clock = process.log_ratio(times)
        weight = torch.zeros(len(gain)) if clock is None else half_ratios(clock, REACH)
        weight = weight.to(gain).unsqueeze(-1).expand_as(gain)
        rows = torch.stack([gain, constant, weight], dim=1)
        return torch.cat([rows, matrix.mT, root], dim=1).unsqueeze(1)

    def start(self, x: Tensor) -> Carry:
        return x, torch.zeros_like(x[..., 0])

    def step(self, s: Stages, carry: Carry) -> Carry:
        (state, previous), (table,) = carry, s.numbers
        gain, constant, weight = table[0], table[1], table[2, 0]
        matrix, root = table[3:].chunk(2)
        current = s.drift(0, state)
        ahead = torch.lerp(previous, current, 1 + weight).unsqueeze(-1)
        kept = torch.addcmul(constant, ahead, gain)
        return kept + state @ matrix + s.z[0] @ root, current
