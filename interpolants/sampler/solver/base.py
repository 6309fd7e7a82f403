"""Numerical schemes, each with the noise types that it accepts.

A scheme declares what it accepts, and the sampler refuses the rest when it is built: an SDE never
runs silently as an ODE.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from torch import Tensor

from interpolants.sampler.integrate import SaveAt, integrate
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.plan import Carry, Plan, Segment, Stages
from interpolants.sampler.process.base import Process
from interpolants.utils.checks import check

# The kind of equation that a noise type makes, and a solver for it.
_EXAMPLES = {
    "none": ("an ODE", "use for example sampler/solver=heun"),
    "additive": ("an SDE with additive noise", "use for example sampler/solver=euler_maruyama"),
    "geometric": ("an SDE with geometric noise", "use for example sampler/solver=log_euler"),
    "diagonal": ("an SDE with diagonal noise", "use for example sampler/solver=milstein"),
    "memory": ("a process with memory", "use LinearGaussian"),
    "driven": ("an SDE with a driver", "use DrivenHeun"),
    "map": ("a flow map", "use sampler/solver=jump"),
    "noisy_map": ("a flow map with noise", "use sampler/solver=strang_map"),
}


class Solver(abc.ABC):
    """Carries a state along a grid.

    Attributes:
        accepts: noise types of the processes it solves.
        explicit: whether steps must be short for the noise; the sampler warns where they are not.
        hits_times: whether times to keep become nodes of the grid; where more nodes would change
            the samples they are moved to the nearest node instead.
    """

    accepts: ClassVar[tuple[str, ...]]
    explicit: ClassVar[bool] = True
    hits_times: ClassVar[bool] = True

    def check(self, process: Process) -> None:
        """Raise a ValueError if the solver does not fit the process."""
        kind = process.noise_type
        equation, fix = _EXAMPLES.get(kind, (f"an SDE with {kind} noise", ""))
        check(
            kind in self.accepts,
            "Sampler.solver",
            f"a solver for {equation} ({type(process).__name__})",
            type(self).__name__,
            fix,
        )

    def draws(self, process: Process) -> bool:
        """True if a solve of a process that it accepts draws normals."""
        return process.noise_type != "none"

    def check_grid(self, process: Process, times: Tensor) -> None:  # noqa: B027
        """Raise a ValueError if it cannot take these steps, of a grid that no call changes.

        Args:
            process: what to solve; it has passed `check`.
            times: as of `solve`, for a solver without `hits_times`.
        """

    @abc.abstractmethod
    def solve(
        self,
        process: Process,
        times: Tensor,
        x: Tensor,
        *,
        noise: Noise,
        save_at: SaveAt,
        mode: Mode | None = None,
    ) -> Tensor:
        """The state at the last time, (B, *event).

        Args:
            process: what to solve; it has passed `check`.
            times: nodes, float64 on the host, monotone in either direction, (N + 1,).
            x: state at the first time, (B, *event).
            noise: standard normals by step.
            save_at: sees the states at the nodes it asks for.
            mode: how the package's own loop runs its steps; adapters have none.
        """


class PlannedSolver(Solver):
    """A fixed-step scheme on the package's own loop: float64 tables, then a pure kernel.

    The normals of a step of length h are those of its Brownian path, so that one path can be
    followed at several numbers of steps: with W the increment and J the integral over the step
    of the path from where the step begins,

        z_0 = W / sqrt(h),    z_1 = sqrt(3) (2 J / h^(3/2) - z_0)

    Attributes:
        converges: whether it converges to the equation's solution; a schedule of steps that solves
            no equation does not, and declares no order.
        order: order of convergence, > 0; weak order for an SDE scheme.
        strong_order: order of convergence to the exact solution on the same Brownian path, where
            the diffusion is smooth in time; None for an ODE scheme, or where it is not known.
        stages: evaluations of the drift per step.
        channels: standard normals per step.
        augments: whether it follows the drift of any process, so that log densities can be
            carried beside the state.
    """

    converges: ClassVar[bool] = True
    order: ClassVar[float]
    strong_order: ClassVar[float | None] = None
    stages: ClassVar[int]
    channels: ClassVar[int] = 0
    augments: ClassVar[bool] = True

    def draws(self, process: Process) -> bool:
        return self.channels > 0

    @abc.abstractmethod
    def nodes(self, times: Tensor) -> Tensor:
        """The times at which each step evaluates the drift, float64, (N, S)."""

    @abc.abstractmethod
    def numbers(self, process: Process, times: Tensor) -> Tensor:
        """Each step's own numbers, float64, (N, C), or arrays of one shape, (N, C, *shape)."""

    @abc.abstractmethod
    def step(self, s: Stages, carry: Carry) -> Carry:
        """One step, with as many stages as there are nodes."""

    def start(self, x: Tensor) -> Carry:
        """The first carry."""
        return (x,)

    def segments(self, process: Process, times: Tensor) -> tuple[Segment, ...]:
        """The tables for a process on a grid."""
        return (
            Segment(
                equation=process,
                coefficients=process.coefficients(self.nodes(times)),
                numbers=self.numbers(process, times),
                step=self.step,
            ),
        )

    def plan(self, process: Process, times: Tensor) -> Plan:
        """The plan for a process on a grid, for `integrate`."""
        return Plan(
            segments=self.segments(process, times),
            start=self.start,
            channels=self.channels,
        )

    def run(
        self, plan: Plan, x: Tensor, *, noise: Noise, save_at: SaveAt, mode: Mode | None = None
    ) -> Tensor:
        """The state at the last node of a plan of this solver; arguments as of `solve`."""
        return integrate(plan, x, noise=noise, save_at=save_at, mode=mode)

    def solve(
        self,
        process: Process,
        times: Tensor,
        x: Tensor,
        *,
        noise: Noise,
        save_at: SaveAt,
        mode: Mode | None = None,
    ) -> Tensor:
        plan = self.plan(process, times)
        return self.run(plan, x, noise=noise, save_at=save_at, mode=mode)


def steps(times: Tensor) -> Tensor:
    """Signed step sizes, (N,)."""
    return times[1:] - times[:-1]


def noise_at(process: Process, t: Tensor) -> Tensor:
    """The diffusion at times t, float64."""
    g = process.diffusion(t)
    assert g is not None
    return g


def mean_noise(process: Process, times: Tensor) -> Tensor:
    """sqrt of the integral of g^2 over each step, by the trapezoidal rule, (N,)."""
    squares = noise_at(process, times).square()
    return torch.sqrt(0.5 * (squares[1:] + squares[:-1]) * steps(times).abs())
