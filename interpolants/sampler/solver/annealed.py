"""Annealed Langevin steps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.integrate import SaveAt
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.plan import Carry, Plan, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, steps
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.euler_maruyama_diagonal import EulerMaruyamaDiagonal
from interpolants.utils.checks import check, check_count, check_positive, is_whole

_INNER = {
    "euler_maruyama": EulerMaruyama,
    "euler_maruyama_diagonal": EulerMaruyamaDiagonal,
}
# Total length of the steps that passes without a warning, in spans; as released, 0.58 to 4.4.
_FEWEST, _MOST = 0.5, 5


@final
@dataclass(frozen=True, kw_only=True)
class Annealed(PlannedSolver):
    """Steps of one length at every node of the grid, with noise that fades.

    At node k, where a step of the grid begins, it takes `inner_steps` of

        x' = x + delta f(t_k, x) + factor^k g(t_k, x) sqrt(delta) z

    and after the last node `clean_up_steps` more there, without noise. The steps need not sum to
    the time between the ends: this is no scheme for the equation, has no order, and its samples
    are by design more concentrated than the data. It is how the samplers of arXiv 2510.02730 were
    released, with a length and a factor tuned for each data set. As every node of the grid adds to
    what is travelled, times to keep are moved to nodes, and a total inner_steps delta N outside of
    0.5 to 5 spans draws a warning, as do steps that are long for the noise.

    Args:
        solver: `EulerMaruyama` or `EulerMaruyamaDiagonal`, by the noise of the process.
        delta: length of each step, > 0.
        inner_steps: steps at each node, > 0.
        factor: of the noise from node to node, > 0.
        clean_up_steps: noise-free steps at the last node, >= 0.
    """

    converges: ClassVar[bool] = False
    hits_times: ClassVar[bool] = False
    # The sampler would judge the grid's steps; ours are judged in `solve`.
    explicit: ClassVar[bool] = False
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1
    augments: ClassVar[bool] = False
    solver: PlannedSolver = field(default_factory=EulerMaruyama)
    delta: float
    inner_steps: int = 1
    factor: float = 1.0
    clean_up_steps: int = 0

    def __post_init__(self) -> None:
        euler = isinstance(self.solver, (EulerMaruyama, EulerMaruyamaDiagonal))
        rule = "EulerMaruyama or EulerMaruyamaDiagonal"
        check(euler, "Annealed.solver", rule, type(self.solver).__name__)
        check_positive("Annealed.delta", self.delta)
        check_count("Annealed.inner_steps", self.inner_steps)
        check_positive("Annealed.factor", self.factor)
        good = is_whole(self.clean_up_steps) and self.clean_up_steps >= 0
        check(good, "Annealed.clean_up_steps", "a whole number >= 0", self.clean_up_steps)

    @property
    def accepts(self) -> tuple[str, ...]:  # type: ignore[override]
        """Noise types that the inner scheme takes."""
        return self.solver.accepts

    def check(self, process: Process) -> None:
        kind = process.noise_type
        rule = f"a solver for an SDE with {kind} noise ({type(process).__name__})"
        got = f"Annealed of {type(self.solver).__name__}"
        for stem, inner in _INNER.items():
            fix = f"use for example sampler/solver@sampler.solver.solver={stem}"
            fits = kind not in inner.accepts or kind in self.accepts
            check(fits, "Sampler.solver", rule, got, fix)
        super().check(process)

    def nodes(self, times: Tensor) -> Tensor:
        return self._repeat(times[:-1])[:, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        begin = times[:-1]
        pairs = torch.stack([begin, begin + self.delta * steps(times).sign()], dim=1)
        # Every other step of this grid is one of ours; the rest lead from node to node.
        own = self._repeat(self.solver.numbers(process, pairs.flatten())[::2])
        level = self._repeat(self.factor ** torch.arange(len(begin), dtype=torch.float64))
        level[len(level) - self.clean_up_steps :] = 0
        return torch.stack([own[:, 0], level * own[:, 1]], dim=1)

    def _repeat(self, table: Tensor) -> Tensor:
        """Values at the nodes where steps begin, for every step taken there."""
        end = table[-1:].expand(self.clean_up_steps, *table.shape[1:])
        return torch.cat([table.repeat_interleave(self.inner_steps, dim=0), end])

    def step(self, s: Stages, carry: Carry) -> Carry:
        return self.solver.step(s, carry)

    def plan(self, process: Process, times: Tensor) -> Plan:
        self._warn(process, times)
        return super().plan(process, times)

    def run(
        self, plan: Plan, x: Tensor, *, noise: Noise, save_at: SaveAt, mode: Mode | None = None
    ) -> Tensor:
        end = len(plan.segments[0])
        last = (end - self.clean_up_steps) // self.inner_steps
        by_node = _SaveByNode(save_at, last, self.inner_steps, end)
        return super().run(plan, x, noise=noise, save_at=by_node, mode=mode)

    def _warn(self, process: Process, times: Tensor) -> None:
        """Warn of steps that in sum do not fit the span, or are each long for the noise."""
        nodes, span = len(times) - 1, float((times[-1] - times[0]).abs())
        length = self.inner_steps * self.delta
        if not _FEWEST * span <= length * nodes <= _MOST * span:
            warnings.warn(
                f"Annealed.delta: {self.inner_steps} inner_steps of delta {self.delta:.4g} at "
                f"each of {nodes} nodes make {length * nodes:.3g}, outside of {_FEWEST} to "
                f"{_MOST} times the span {span:.3g}; bring delta near "
                f"{span / (self.inner_steps * nodes):.3g}, or num_steps near "
                f"{math.ceil(span / length)}",
                stacklevel=5,
            )
        middles = 0.5 * (times[1:] + times[:-1])
        stiffness = self.delta * process.stiffness(middles)
        worst = int(stiffness.argmax())
        if stiffness[worst] > 1:
            warnings.warn(
                f"Annealed.delta: steps of {self.delta:.4g} are long for this diffusivity, delta "
                f"epsilon / level^2 is {float(stiffness[worst]):.2g} at t = "
                f"{float(middles[worst]):.3g}, and explicit schemes want it below 1; lower delta "
                "and raise inner_steps, or lower epsilon",
                stacklevel=5,
            )


@final
class _SaveByNode(SaveAt):
    """Saves states by node of the grid, where the plan counts every step.

    Args:
        save_at: what sees the states.
        last: the grid's last node.
        inner_steps: steps of the plan for each of the grid's.
        end: the plan's last node.
    """

    def __init__(self, save_at: SaveAt, last: int, inner_steps: int, end: int) -> None:
        self.save_at, self.last, self.inner_steps, self.end = save_at, last, inner_steps, end

    def nodes(self, last: int) -> Sequence[int]:
        wanted = self.save_at.nodes(self.last)
        return [self.end if k == self.last else k * self.inner_steps for k in wanted]

    def __call__(self, node: int, x: Tensor) -> None:
        k, rest = divmod(node, self.inner_steps)
        if node == self.end:
            self.save_at(self.last, x)
        elif rest == 0 and k < self.last:
            self.save_at(k, x)
