"""Jumps of a flow map with Langevin steps between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Segment, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.stochastic_flow_map import StochasticFlowMap
from interpolants.sampler.solver.base import PlannedSolver, steps
from interpolants.sampler.solver.jump import check_jumps


@final
@dataclass(frozen=True, kw_only=True)
class StrangMap(PlannedSolver):
    """Strang splitting of the forward SDE: half the noise and score, a jump, the other half.

    Two halves that meet at a node are one Langevin step there, of the length delta of both. With
    a = epsilon delta / level^2 and E = E[x - level z | x] = x - level eta, it is

        x^ = exp(-a) x + (1 - exp(-a)) E(x) + level sqrt(1 - exp(-2 a)) z
        x' = x^ + (1 - (1 - exp(-a)) / a) (E(x^) - E(x)),

    exact for constant E, so that steps may be long for the noise. The halves at the first and the
    last node, where a score may be infinite, are left out, as they would not change the
    distribution: one step is a jump alone. For an exact map, samples at every node have the
    distribution of the path to second order in the steps, if epsilon / level^2 is bounded. N steps
    take 3 N - 2 evaluations.
    """

    accepts: ClassVar[tuple[str, ...]] = ("noisy_map",)
    converges: ClassVar[bool] = False
    explicit: ClassVar[bool] = False
    stages: ClassVar[int] = 3
    channels: ClassVar[int] = 1
    augments: ClassVar[bool] = False
    hits_times: ClassVar[bool] = False

    def check_grid(self, process: Process, times: Tensor) -> None:
        check_jumps(process, torch.stack([times[:-1], times[1:]], dim=1))

    def nodes(self, times: Tensor) -> Tensor:
        return torch.stack([times[:-1], times[1:], times[1:]], dim=1)

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        assert isinstance(process, StochasticFlowMap)
        h, t = steps(times), times[1:-1]
        level, a = process.level(t), process.stiffness(t) * (h[1:] + h[:-1]) / 2
        lost = -torch.expm1(-a)
        # 1 - (1 - exp(-a)) / a, by its series where the difference would lose digits.
        again = torch.where(a < 1e-4, a / 2 - a.square() / 6, 1 - lost / a)
        noise = level * torch.sqrt(-torch.expm1(-2 * a))
        first = level * (again - (1 + again) * lost)
        by_node = [-level * lost, noise, first, -level * again, (1 + again) * noise]
        ends = h.new_zeros(1, len(by_node))
        return torch.cat([h[:, None], torch.cat([torch.stack(by_node, dim=1), ends])], dim=1)

    def segments(self, process: Process, times: Tensor) -> tuple[Segment, ...]:
        assert isinstance(process, StochasticFlowMap)
        numbers = self.numbers(process, times)
        jumps = process.jumps(torch.stack([times[:-1], times[1:]], dim=1))[:, None]
        denoisers = process.denoisers(times[1:-1])[:, None]
        noisy = torch.cat([jumps[:-1], denoisers, denoisers], dim=1)
        parts = ((noisy, numbers[:-1], self.step), (jumps[-1:], numbers[-1:], self.last_step))
        return tuple(
            Segment(equation=process, coefficients=table, numbers=own, step=step)
            for table, own, step in parts
        )

    def step(self, s: Stages, carry: Carry) -> Carry:
        h, lost, noise, first, second, noise_again = s.numbers
        x = torch.addcmul(carry[0], s.drift(0, carry[0]), h)
        eta = s.drift(1, x)
        ahead = torch.addcmul(torch.addcmul(x, eta, lost), s.z[0], noise)
        x = torch.addcmul(torch.addcmul(x, eta, first), s.drift(2, ahead), second)
        return (torch.addcmul(x, s.z[0], noise_again),)

    def last_step(self, s: Stages, carry: Carry) -> Carry:
        """A jump."""
        return (torch.addcmul(carry[0], s.drift(0, carry[0]), s.numbers[0]),)
