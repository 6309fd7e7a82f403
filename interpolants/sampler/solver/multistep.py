"""The common part of schemes that remember earlier drifts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import ClassVar, final

from torch import Tensor

from interpolants.sampler.plan import Carry, Segment, Stages, Step
from interpolants.sampler.process.base import Process
from interpolants.sampler.remembered import Reach, Remembered, remembered
from interpolants.sampler.solver.base import PlannedSolver


class MultistepSolver(PlannedSolver):
    """A scheme whose carry has earlier drifts beside the state.

    Its step remembers the drift where it begins. At nodes that are not remembered the carry keeps
    what it has: those steps make segments of their own.

    Attributes:
        reach: how far it extrapolates. Smooth grids stay below the ratio: the steepest start, of
            1 - (1 - u)^p taken backward, has 2^p - 1.
    """

    reach: ClassVar[Reach] = Reach(8.0)

    def clock(self, process: Process, times: Tensor) -> Tensor:
        """The nodes on the clock in which the scheme extrapolates, (N + 1,)."""
        return times

    def remembered(self, process: Process, times: Tensor) -> Remembered:
        """The nodes that the steps of a grid remember."""
        return remembered(self.clock(process, times), self.reach)

    def segments(self, process: Process, times: Tensor) -> tuple[Segment, ...]:
        (whole,) = super().segments(process, times)
        return tuple(runs(whole, self.remembered(process, times).kept))


@final
@dataclass(frozen=True, kw_only=True)
class _Unremembered:
    """A step that leaves what is remembered as it is."""

    step: Step

    def __call__(self, s: Stages, carry: Carry) -> Carry:
        return (self.step(s, carry)[0], *carry[1:])


def runs(whole: Segment, kept: Sequence[bool]) -> Iterator[Segment]:
    """Segments of consecutive steps that remember their drift, or do not."""
    first = 0
    for keeps, group in groupby(kept):
        part = slice(first, first + len(list(group)))
        step = whole.step if keeps else _Unremembered(step=whole.step)
        coefficients, numbers = whole.coefficients[part], whole.numbers[part]
        yield replace(whole, coefficients=coefficients, numbers=numbers, step=step)
        first = part.stop
