"""SDE-DPM-Solver++(2M), the ancestral step with the mean of the data taken on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Plan, Stages
from interpolants.sampler.process.base import FieldProcess, Process
from interpolants.sampler.process.target_mean import TargetMean
from interpolants.sampler.solver.ancestral import check_reversal, reversal
from interpolants.sampler.solver.base import PlannedSolver


@final
@dataclass(frozen=True, kw_only=True)
class SDEDPMSolver(PlannedSolver):
    """The reverse SDE of a one-sided path by its exponential steps, of weak order 2.

    As `Ancestral`, which is the exact step for a D that stays, with (1 + w) D_k - w D_{k-1} in
    the place of D, taken on to the middle of the step as in `DPMSolver`

    (C. Lu et al., arXiv 2211.01095, section 4.2). One evaluation per step; exact for data of a
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

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        assert isinstance(process, FieldProcess)
        offset, decay, gain, noise, w = reversal(process, times)
        return torch.stack([offset, decay, gain * (1 + w), -gain * w, noise], dim=1)

    def plan(self, process: Process, times: Tensor) -> Plan:
        assert isinstance(process, FieldProcess)
        return super().plan(TargetMean(fields=process.fields, cut=process.cut), times)

    def start(self, x: Tensor) -> Carry:
        return x, torch.zeros_like(x)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x, previous), (offset, decay, present, past, noise) = carry, s.numbers
        current = s.drift(0, x)
        moved = torch.addcmul(torch.addcmul(offset, decay, x), current, present)
        return torch.addcmul(torch.addcmul(moved, previous, past), s.z[0], noise), current
