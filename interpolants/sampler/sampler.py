"""From fields to samples: a process, a solver and a grid, checked together when built."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination, apply_combination
from interpolants.fields.fields import Fields
from interpolants.interpolant.base import AffineInterpolant
from interpolants.sampler.count_calls import count_calls
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.sampler.grid.base import Grid, apart
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.integrate import SaveAt, SaveTimes
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.mode.eager import Eager
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.plan import Plan
from interpolants.sampler.process.base import FieldProcess, Process
from interpolants.sampler.process.factory import check_epsilon
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.requested_times import nearest_nodes, requested_times
from interpolants.sampler.samples import Samples
from interpolants.sampler.solver.base import PlannedSolver, Solver
from interpolants.sampler.solver.rk4 import RK4
from interpolants.utils.checks import check, check_count
from interpolants.utils.shapes import flatten_event


@final
class Sampler:
    """Integrates a process built from learned fields.

    Args:
        fields: the learned fields.
        process: builds the process, as `process(fields=fields)`; with `epsilon` unless it is None.
        solver: a scheme that accepts the process.
        grid: where the steps go.
        num_steps: number of intervals, > 0.
        epsilon: diffusivity for processes that take one: an `Epsilon`, or a number for a
            constant; None for an ODE.
        noise: makes the source of normals, as `noise(generator)`.
        mode: how the package's own solvers run their steps; eagerly if None.

    Raises:
        ValueError: if a field that the process needs does not follow from what was learned, the
            solver does not fit the process or the mode, or an `epsilon` is missing or one too
            many.
    """

    def __init__(
        self,
        *,
        fields: Fields,
        process: Callable[..., FieldProcess] = ProbabilityFlow,
        solver: Solver | None = None,
        grid: Grid | None = None,
        num_steps: int = 16,
        epsilon: Epsilon | float | None = None,
        noise: Callable[[torch.Generator | None], Noise] = GeneratorNoise,
        mode: Mode | None = None,
    ) -> None:
        check_count("Sampler.num_steps", num_steps)
        check_epsilon(process, epsilon)
        options = {} if epsilon is None else {"epsilon": epsilon}
        self.process = process(fields=fields, **options)
        self.solver = RK4() if solver is None else solver
        self.solver.check(self.process)
        self.grid = PowerGrid() if grid is None else grid
        self.num_steps = num_steps
        self.noise = noise
        self.mode = Eager() if mode is None else mode
        if not self.solver.hits_times:
            self.solver.check_grid(self.process, self._grid_times(self.kept(()), self.process))
        self._last_grid: tuple[object, Tensor, Plan | None] | None = None
        self._last_made: tuple[object, Tensor, Combination] | None = None
        check(
            isinstance(self.mode, Eager) or isinstance(self.solver, PlannedSolver),
            "Sampler.mode",
            "Eager for another package's solver",
            type(self.mode).__name__,
            "use sampler/mode=eager, or one of this package's solvers",
        )

    def __repr__(self) -> str:
        process, grid = type(self.process).__name__, self.grid
        return f"Sampler({process}, {self.solver!r}, {self.num_steps} steps on {grid!r})"

    @property
    def fields(self) -> Fields:
        """The fields that the process is built from."""
        return self.process.fields

    def __call__(
        self,
        start: Tensor,
        *,
        generator: torch.Generator | None = None,
        noise: Noise | None = None,
        times: Sequence[float] | Tensor = (),
        gradients: bool = False,
    ) -> Samples:
        """Integrate from `start`, in the units of the networks.

        Args:
            start: draws of the base, or of the data for a backward process; (n, *event), float32
                or float64 for any dtype of the network.
            generator: of the noise, on start's device; None uses torch's global state.
            noise: where normals come from instead; overrides `generator`.
            times: increasing times in [0, 1] whose states to keep, last first for a backward
                process; each becomes a node of the grid. Times beyond the process's span are moved
                to its ends, times within a millionth of the span are one, and with a solver
                without `hits_times` they are moved to the nearest nodes of the grid, each once:
                `Samples.times` has those.
            gradients: whether to record gradients through the solve, with respect to `start` and
                to weights.

        Raises:
            ValueError: if `start` has another dtype or no event, or the times do not increase or
                leave [0, 1].
        """
        check_start(start)
        kept = self.kept(times)
        nodes, plan = self._grid_and_plan(kept)
        kept = kept if self.solver.hits_times else nearest_nodes(nodes, kept)
        save_at = SaveTimes(nodes, kept)
        source = self.noise(generator) if noise is None else noise
        with torch.set_grad_enabled(gradients):
            _wait(start)
            began = time.perf_counter()
            first = start if self.process.backward else self.fields.base_state(start)
            last, nfe = self._solve(nodes, plan, self.process.encode(first), source, save_at)
            last = self.process.decode(last)
            x = self._finish(last, nodes[-1])
            _wait(x)
            seconds = time.perf_counter() - began
        outside = _count_outside(x)
        if not (self.process.may_leave_domain or save_at.failures):
            _warn_of_outside(outside, len(x))
        return Samples(
            x=x,
            nfe=nfe + (0 if self._last_field is None else len(self.fields.networks)),
            seconds=seconds,
            path=None if save_at.path is None else self.process.decode(save_at.path),
            times=None if save_at.path is None else kept,
            outside=outside if self.process.may_leave_domain else None,
            failures=save_at.failures,
        )

    def _grid_and_plan(self, kept: Tensor) -> tuple[Tensor, Plan | None]:
        """Grid through kept times, and the solver's plan if it has one; made anew for others."""
        key = kept.tolist(), self.num_steps, self.grid, self.solver, self.process
        if self._last_grid is None or self._last_grid[0] != key:
            # What is made in inference mode could not take part in a graph later.
            with torch.inference_mode(False):
                nodes, plan = self.nodes(kept, self.process), None
                if isinstance(self.solver, PlannedSolver):
                    plan = self.solver.plan(self.process, nodes)
                self._last_grid = key, nodes, plan
        return self._last_grid[1:]

    def _solve(
        self, nodes: Tensor, plan: Plan | None, first: Tensor, noise: Noise, save_at: SaveAt
    ) -> tuple[Tensor, int]:
        """The state at the last node, and the number of network calls: the plan's, or counted."""
        networks, solver = self.fields.networks, self.solver
        if plan is not None and isinstance(solver, PlannedSolver):
            last = solver.run(plan, first, noise=noise, save_at=save_at, mode=self.mode)
            return last, plan.calls * len(networks)
        with count_calls(networks) as calls:
            last = solver.solve(self.process, nodes, first, noise=noise, save_at=save_at)
            return last, len(calls)

    def kept(self, times: Sequence[float] | Tensor) -> Tensor:
        """Times moved into the process's span, float64 on the host, in its direction, (S,).

        Those that hardly differ are one, see `interpolants.sampler.grid.base.apart`.
        """
        given = requested_times(times)
        if len(given) == 0:
            return given
        kept = apart(given.clamp(*self.process.span), self.process.span)
        return kept.flip(0) if self.process.backward else kept

    def nodes(self, kept: Tensor, process: Process) -> Tensor:
        """The grid, (N + 1,), through kept times if the solver hits them.

        Warns where steps are too long for the noise.
        """
        nodes = self._grid_times(kept, process)
        middles, h = 0.5 * (nodes[1:] + nodes[:-1]), nodes.diff().abs()
        stiffness = h * process.stiffness(middles)
        worst = int(stiffness.argmax())
        if self.solver.explicit and stiffness[worst] > 1:
            warnings.warn(
                f"Sampler.num_steps: {self.num_steps} steps are few for this diffusivity, "
                f"h epsilon / level^2 is {float(stiffness[worst]):.2g} at t = "
                f"{float(middles[worst]):.3g}, and explicit schemes want it below 1; raise "
                "num_steps, lower epsilon, or use a grid that is finer there",
                stacklevel=3,
            )
        return nodes

    def _grid_times(self, kept: Tensor, process: Process) -> Tensor:
        """The grid, (N + 1,), through kept times if the solver hits them."""
        path = self.fields.interpolant
        log_snr = path.log_snr if isinstance(path, AffineInterpolant) and path.one_sided else None
        return self.grid.times(
            self.num_steps,
            process.span,
            backward=process.backward,
            through=kept if self.solver.hits_times else None,
            log_snr=log_snr,
        )

    @cached_property
    def _last_field(self) -> str | None:
        """The field that leads from where the process stops to the end of time, or None.

        Towards the data this is the mean of x1 where it is known, which also removes what noise
        the path leaves at t=1; otherwise the velocity, for an Euler step of the probability flow.
        """
        (first, last), path = self.process.span, self.fields.interpolant
        if self.process.backward:
            return None if first == 0 else "velocity"
        noisy = path.one_sided and bool(self.fields.coefficients(torch.ones(())).alpha > 0)
        if last == 1 and not noisy:
            return None
        return "target_mean" if _follows(self.fields, "target_mean") else "velocity"

    def _finish(self, x: Tensor, t: Tensor) -> Tensor:
        """From where the process stops to the end of time, by one noise-free step.

        What arrives at the base is where a path begins, and its x0 is handed back.
        """
        backward, name = self.process.backward, self._last_field
        if name is not None:
            t, combination = self._last_combination(name, t, x)
            value = apply_combination(combination, x, self.fields.predict(t, x))
            rest = (0.0 if backward else 1.0) - t
            x = value if name == "target_mean" else torch.addcmul(x, value, rest)
        return self.fields.base_sample(x) if backward else x

    def _last_combination(self, name: str, t: Tensor, like: Tensor) -> tuple[Tensor, Combination]:
        """A time and a field there, where `like` is; made anew for others, as plans are."""
        key = t.item(), self.process, like.device, like.dtype
        if self._last_made is None or self._last_made[0] != key:
            with torch.inference_mode(False):
                t = t.to(like)
                self._last_made = key, t, self.fields.combination(name, t)
        return self._last_made[1:]


def check_start(start: Tensor) -> None:
    """Raise a ValueError unless it is a batch of states, (n, *event)."""
    is_state = isinstance(start, Tensor) and start.dtype in (torch.float32, torch.float64)
    got = start.dtype if isinstance(start, Tensor) else type(start).__name__
    check(is_state, "Sampler.start", "a float32 or float64 tensor", got)
    check(start.dim() >= 2, "Sampler.start", "shape (n, *event)", tuple(start.shape))


def _count_outside(x: Tensor) -> int:
    """The number of samples with an element that is not finite."""
    # A sum costs less, and is finite only if all its terms are.
    if math.isfinite(x.sum().item()):
        return 0
    return int((~flatten_event(x).isfinite()).any(dim=1).sum())


def _warn_of_outside(outside: int, n: int) -> None:
    if outside:
        warnings.warn(
            f"Sampler: {outside} of {n} samples are not finite; look for a loss that was NaN in "
            "training, or a field that is infinite at an end (process.cut)",
            stacklevel=3,
        )


def _follows(fields: Fields, name: str) -> bool:
    try:
        fields.check(name)
    except ValueError:
        return False
    return True


def _wait(x: Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
