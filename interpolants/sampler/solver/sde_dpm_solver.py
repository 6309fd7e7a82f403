"""SDE-DPM-Solver++(2M): the ancestral step with an extrapolated mean of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.exponential import (
    ExponentialSolver,
    check_reversal,
    reversal,
    two_step,
)


@final
@dataclass(frozen=True, kw_only=True)
class SDEDPMSolver(ExponentialSolver):
    """The reverse SDE of a one-sided path by its exponential steps, of weak order 2.

    `Ancestral` is the exact step for a constant D. This takes (1 + w) D_k - w D_{k-1} in place of
    D, which extrapolates it to the middle of the step as `DPMSolver` does (C. Lu et al., arXiv
    2211.01095, section 4.2). One evaluation per step; exact for data of a
    single point. Steps may be long for the noise.
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    explicit: ClassVar[bool] = False
    order: ClassVar[float] = 2
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1
    augments: ClassVar[bool] = False

    def check(self, process: Process) -> None:
        """Raise a ValueError unless the process is the reversal of a one-sided path."""
        super().check(process)
        check_reversal("SDEDPMSolver", process)

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        constant, decay, gain, noise, w = reversal(process, times)
        return torch.stack([constant, decay, gain * (1 + w), -gain * w, noise], dim=1)

    def start(self, x: Tensor) -> Carry:
        return x, torch.zeros_like(x)

    def step(self, s: Stages, carry: Carry) -> Carry:
        x, current = two_step(s, carry)
        return torch.addcmul(x, s.z[0], s.numbers[4]), current
