"""Jumps of a flow map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from interpolants.sampler.plan import Carry, Segment, Stages
from interpolants.sampler.process.base import FieldProcess, Process
from interpolants.sampler.process.flow_map import FlowMap
from interpolants.sampler.solver.base import PlannedSolver, steps
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class Jump(PlannedSolver):
    """x + (t - s) u(s, t, x): one evaluation per step of any length, exact for an exact map."""

    accepts: ClassVar[tuple[str, ...]] = ("map",)
    converges: ClassVar[bool] = False
    stages: ClassVar[int] = 1
    augments: ClassVar[bool] = False
    hits_times: ClassVar[bool] = False

    def check_grid(self, process: Process, times: Tensor) -> None:
        assert isinstance(process, FlowMap)
        check_jumps(process, process.jumps(times))

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        return steps(times)[:, None]

    def segments(self, process: Process, times: Tensor) -> tuple[Segment, ...]:
        assert isinstance(process, FlowMap)
        return (
            Segment(
                equation=process,
                coefficients=process.jumps(times).unsqueeze(1),
                numbers=self.numbers(process, times),
                step=self.step,
            ),
        )

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h,) = carry, s.numbers
        return (x.addcmul(s.drift(0, x), h),)


def check_jumps(process: Process, pairs: Tensor) -> None:
    """Require jumps, (N, 2), that the map was trained for.

    Raises:
        ValueError: that names the first of the others.
    """
    assert isinstance(process, FieldProcess)
    jumps = process.fields.jumps
    assert jumps is not None
    for s, t in pairs[~jumps.known(pairs)].tolist():
        rule = f"jumps {jumps}, which the map was trained for"
        fix = "use sampler/solver=renoise, or one step"
        if jumps.levels is not None:
            most = 2 ** (jumps.levels - 1)
            fix = f"use sampler/solver=jump, sampler/grid=uniform and 1, 2, 4, ..., {most} steps"
        check(False, "Sampler.num_steps", rule, (round(s, 4), round(t, 4)), fix)
