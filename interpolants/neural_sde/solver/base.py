"""The common part of schemes for driven equations: the driver's exact step and its control."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.sampler.plan import Carry, Plan, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, steps


@dataclass(frozen=True, kw_only=True)
class DrivenSolver(PlannedSolver):
    """A scheme that steps X by increments of B, which the driver draws.

    A step of the driver is exact at any length, so the scheme sees the error of X alone. It draws
    normals of the state's shape and uses the first few: as many as the step's covariance has
    modes, seldom more than four.

    The readout, which knows the Hurst index, goes along in the carry, and so do the gains of a
    guide: once computed for a solve, tensors to the modes, and differentiable.

    Args:
        single_noise: let the states follow from the increment of W alone, with the driver's
            `single_noise_table`. Then one Brownian path can be followed at several numbers of
            steps, and the distribution is of second order instead of exact.
    """

    single_noise: bool = False

    accepts: ClassVar[tuple[str, ...]] = ("driven",)
    channels: ClassVar[int] = 1
    augments: ClassVar[bool] = False

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        """The driver's table of each step, (N, 1, 3 + M, 1 + S)."""
        assert isinstance(process, DrivenSDE)
        driver = process.driver
        table = driver.single_noise_table if self.single_noise else driver.table
        return table(steps(times)).unsqueeze(1)

    def plan(self, process: Process, times: Tensor) -> Plan:
        assert isinstance(process, DrivenSDE)
        if process.guide is not None:
            process.guide.check(times)

        def start(x: Tensor) -> Carry:
            return (x, *process.constants(times, x))

        segments = self.segments(process, times)
        return Plan(segments=segments, start=start, channels=self.channels)

    def step(self, s: Stages, carry: Carry) -> Carry:
        equation = s.equation
        assert isinstance(equation, DrivenSDE)
        (state, *constants), (table,) = carry, s.numbers
        h, readout, root = table[2, 0], constants[0], table[3:]
        normals, cost, after = equation.steer(
            s.coefficients[0], state, s.z[0][..., : len(root)], root[:, 0], tuple(constants)
        )
        got = equation.driver.step(table, readout, equation.states(state), normals)
        x = self.move(s, equation.event(state), h, got.noise)
        kl = equation.kl(state) if equation.path_kl else None
        kl = kl if kl is None or cost is None else kl + cost
        return (equation.join(x, got.state, kl), *after)

    @abc.abstractmethod
    def move(self, s: Stages, x: Tensor, h: Tensor, increment: Tensor) -> Tensor:
        """X after a step of length h with this increment of B."""
