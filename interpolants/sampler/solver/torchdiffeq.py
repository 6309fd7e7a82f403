"""ODE solvers of torchdiffeq."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from interpolants.sampler.integrate import SaveAt
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import Solver
from interpolants.utils.checks import check, check_positive

_ADAPTIVE = ("dopri8", "dopri5", "bosh3", "fehlberg2", "adaptive_heun")
# Its Adams methods are left out: their weights assume equal steps, which grids need not have.
_FIXED = ("euler", "midpoint", "heun2", "heun3", "rk4")
_METHODS = _ADAPTIVE + _FIXED


@final
@dataclass(frozen=True, kw_only=True)
class Torchdiffeq(Solver):
    """Hands the probability flow to `torchdiffeq.odeint`.

    Adaptive methods choose their own steps and use the grid's ends and kept times alone; one
    error norm is taken over the whole batch. Fixed-step methods step along the grid.

    Args:
        method: a method of torchdiffeq.
        rtol: relative tolerance of adaptive methods, > 0.
        atol: absolute tolerance of adaptive methods, > 0.
    """

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    method: str = "dopri5"
    rtol: float = 1e-5
    atol: float = 1e-5

    def __post_init__(self) -> None:
        known = self.method in _METHODS
        check(known, "Torchdiffeq.method", f"one of {', '.join(_METHODS)}", self.method)
        check_positive("Torchdiffeq.rtol", self.rtol)
        check_positive("Torchdiffeq.atol", self.atol)

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
        from torchdiffeq import odeint

        last = len(times) - 1
        wanted = sorted({0, last, *save_at.nodes(last)})
        # Times on the state's device in float64: float32 times accumulate a stray step.
        grid = times.to(x.device)
        # Adaptive methods would step past a wanted time, out of the process's span at the end.
        options = (
            {"grid_constructor": lambda *_: grid} if self._fixed else {"step_t": grid[wanted[1:]]}
        )
        low, high = sorted((float(times[0]), float(times[-1])))
        states = odeint(
            lambda t, y: process.drift(t.to(y.dtype).clamp(low, high), y),
            x,
            grid[wanted],
            method=self.method,
            rtol=self.rtol,
            atol=self.atol,
            options=options,
        )
        for node, state in zip(wanted, states, strict=True):
            save_at(node, state)
        end: Tensor = states[-1]
        return end

    @property
    def _fixed(self) -> bool:
        return self.method in _FIXED
