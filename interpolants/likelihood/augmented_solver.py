"""Plans of SDE schemes for processes that accumulate quantities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from interpolants.likelihood.process.augmented import AugmentedProcess
from interpolants.sampler.integrate import Carry, Plan, Row, Step
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.utils.checks import check


@dataclass(frozen=True)
class _Step:
    """A step whose normals for the accumulated quantities come from those of the event.

    Schemes for additive noise add multiples of their normals to the state, so a quantity gets
    its noise with the same multiples as the event.
    """

    step: Step

    def __call__(
        self,
        equation: Any,
        rows: tuple[Row, ...],
        coefficients: tuple[Tensor, ...],
        carry: Carry,
        z: Tensor | None,
    ) -> Carry:
        driven = None if z is None else equation.noise(rows[0], carry[0], z)
        return self.step(equation, rows, coefficients, carry, driven)


def augmented_plan(solver: PlannedSolver, process: AugmentedProcess, times: Tensor) -> Plan:
    """The scheme's plan, in which `process` says what drives its accumulated quantities.

    Raises:
        ValueError: if the scheme does not follow the drift that it is given.
    """
    name, fix = type(solver).__name__, "use for example sampler/solver=stochastic_heun"
    check(solver.augments, "Likelihood.sampler", "a solver for log densities", name, fix)
    plan = solver.plan(process, times)
    segments = tuple(replace(segment, step=_Step(segment.step)) for segment in plan.segments)
    return replace(plan, segments=segments)
