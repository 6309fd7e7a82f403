"""Plans of SDE schemes for processes that accumulate quantities."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from interpolants.likelihood.process.augmented import AugmentedProcess
from interpolants.sampler.plan import Carry, Plan, Stages, Step
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.utils.checks import check


@dataclass(frozen=True, kw_only=True)
class _Step:
    """A step whose normals for the accumulated quantities come from those of the event.

    Schemes for additive noise add multiples of their normals to the state, so a quantity gets
    its noise with the same multiples as the event.
    """

    process: AugmentedProcess
    step: Step

    def __call__(self, s: Stages, carry: Carry) -> Carry:
        z = self.process.noise(s.coefficients[0], carry[0], torch.stack(s.z))
        return self.step(s.with_normals(z.unbind()), carry)


def augmented_plan(solver: PlannedSolver, process: AugmentedProcess, times: Tensor) -> Plan:
    """The scheme's plan, in which `process` says what drives its accumulated quantities.

    Raises:
        ValueError: if the scheme does not follow the drift of any process.
    """
    name, fix = type(solver).__name__, "use for example sampler/solver=stochastic_heun"
    check(solver.augments, "Likelihood.sampler", "a solver for log densities", name, fix)
    plan = solver.plan(process, times)
    if not plan.channels:
        return plan
    segments = tuple(
        replace(segment, step=_Step(process=process, step=segment.step))
        for segment in plan.segments
    )
    return replace(plan, segments=segments)
