"""Jumps to the data and back to noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant
from interpolants.sampler.plan import Carry, Segment, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.flow_map import FlowMap
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.sampler.solver.jump import check_jumps
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class Renoise(PlannedSolver):
    """A jump from each node to t = 1, and fresh noise back to the next node (arXiv 2303.01469).

    x' = shift + beta x1 + sqrt(alpha^2 + gamma^2) z at the next node, which has the distribution
    of the path for a standard normal base that is independent of the data; the last node is t = 1.
    Errors of a jump are not passed on, but each step draws anew.
    """

    accepts: ClassVar[tuple[str, ...]] = ("map",)
    converges: ClassVar[bool] = False
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1
    augments: ClassVar[bool] = False
    hits_times: ClassVar[bool] = False

    def check(self, process: Process) -> None:
        super().check(process)
        assert isinstance(process, FlowMap)
        fields, fix = process.fields, "use sampler/solver=jump"
        path, coupling = type(fields.interpolant).__name__, type(fields.coupling).__name__
        affine = isinstance(fields.interpolant, AffineInterpolant)
        check(not process.backward, "Renoise", "a map from base to data", "backward", fix)
        check(affine, "Renoise.interpolant", "an affine path", path, fix)
        rule = "an independent coupling, whose x0 can be drawn anew"
        check(fields.coupling.independent, "Renoise.coupling", rule, coupling, fix)
        name, normal = type(fields.base).__name__, fields.base.standard_normal
        check(normal, "Renoise.base", "a standard normal base", name, fix)

    def check_grid(self, process: Process, times: Tensor) -> None:
        check_jumps(process, self._ends(times))

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        assert isinstance(process, FlowMap)
        c = process.fields.coefficients(times[1:])
        noise = torch.sqrt(c.alpha.square() + c.gamma.square())
        last = times[1:] == times[-1]
        noise, beta = noise.masked_fill(last, 0), c.beta.masked_fill(last, 1)
        shift = c.shift.masked_fill(last, 0)
        return torch.stack([times[-1] - times[:-1], shift.expand_as(beta), beta, noise], dim=1)

    def segments(self, process: Process, times: Tensor) -> tuple[Segment, ...]:
        assert isinstance(process, FlowMap)
        return (
            Segment(
                equation=process,
                coefficients=self._ends(times).unsqueeze(1),
                numbers=self.numbers(process, times),
                step=self.step,
            ),
        )

    def _ends(self, times: Tensor) -> Tensor:
        """Both times of each jump, (N, 2)."""
        return torch.stack([times[:-1], times[-1:].expand(len(times) - 1)], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (h, shift, beta, noise) = carry, s.numbers
        end = torch.addcmul(x, s.drift(0, x), h)
        return (torch.addcmul(torch.addcmul(shift, end, beta), s.z[0], noise),)
