"""The contract of planned solvers, and what a scheme makes of a linear SDE exactly."""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.integrate import KeepTimes
from interpolants.noise.given import GivenNoise
from interpolants.process.base import Process
from interpolants.solver.base import PlannedSolver
from interpolants.testing.common import normal, require, require_close

_ORDER_WINDOW = 0.15


def check_solver(solver: PlannedSolver) -> None:
    """The scheme has its order, lands on every node, and treats samples separately.

    The order is measured, within 0.15, on a nonlinear equation without noise, and for SDE schemes
    on the variance of a linear SDE too, which is exact without sampling.
    """
    require(solver.order > 0, f"order: {solver.order}")
    known = set(solver.accepts) & {"none", "additive"}
    require(bool(known), f"accepts: {solver.accepts}")
    for noise_type in known:
        _check_order(solver, _Nonlinear(noise_type))
        _check_nodes_and_rows(solver, _Nonlinear(noise_type))
    if "additive" in known:
        require(solver.channels > 0, "channels: an SDE scheme needs noise")
        _check_order(solver, _Linear())


def linear_moments(
    solver: PlannedSolver, process: Process, times: Tensor, variance: float = 1.0
) -> tuple[float, float]:
    """What a scheme makes of a linear SDE in one dimension, exactly and without sampling.

    A unit state and every unit normal are carried along, each alone: the variance at the end is
    the sum of the squares of the responses.

    Args:
        solver: the scheme.
        process: its drift must be linear in x.
        times: nodes, (N + 1,).
        variance: of the state at the first time.

    Returns:
        The response to the state at the first time, and the variance at the last.
    """
    count = (len(times) - 1) * solver.channels
    normals = torch.zeros(len(times) - 1, solver.channels, count + 1, 1, dtype=torch.float64)
    normals.view(count, count + 1)[:, 1:] = torch.eye(count, dtype=torch.float64)
    x = torch.zeros(count + 1, 1, dtype=torch.float64)
    x[0] = 1
    end = _solve(solver, process, times, x, normals)
    gain = float(end[0])
    return gain, gain**2 * variance + float(end[1:].square().sum())


@final
class _Nonlinear(Process):
    """x' = (1 + t) x (1 - x), with unit noise where the scheme wants an SDE."""

    def __init__(self, noise_type: str) -> None:
        self._noise_type = noise_type

    @property
    def noise_type(self) -> str:  # type: ignore[override]
        return self._noise_type

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return (1 + t) * x * (1 - x)

    def diffusion(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)


@final
class _Linear(Process):
    """dX = a(t) X dt + g(t) dW with a and g such that Var X(t) = 1 + sin(3t) / 2."""

    noise_type: ClassVar[str] = "additive"

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        rate = 1.5 * torch.cos(3 * t) - (1 + t)
        return rate / (2 + torch.sin(3 * t)) * x

    def diffusion(self, t: Tensor) -> Tensor:
        return (1 + t).sqrt()


def _warped(n: int) -> Tensor:
    """A smooth grid with unequal steps."""
    u = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    return u + 0.1 * torch.sin(2 * math.pi * u)


def _solve(
    solver: PlannedSolver,
    process: Process,
    times: Tensor,
    x: Tensor,
    normals: Tensor,
    keep: KeepTimes | None = None,
) -> Tensor:
    keep = KeepTimes(times, times[:0]) if keep is None else keep
    return solver.solve(process, times, x, noise=GivenNoise(normals), keep=keep)


def _error(solver: PlannedSolver, process: _Nonlinear | _Linear, n: int) -> float:
    times = _warped(n)
    if isinstance(process, _Linear):
        return abs(linear_moments(solver, process, times)[1] - 1 - 0.5 * math.sin(3))
    x = torch.tensor([[0.1]], dtype=torch.float64)
    still = torch.zeros(n, solver.channels, *x.shape, dtype=torch.float64)
    exact = torch.sigmoid(torch.logit(x) + 1.5)
    return float((_solve(solver, process, times, x, still) - exact).abs())


def _check_order(solver: PlannedSolver, process: _Nonlinear | _Linear) -> None:
    coarse, fine = _error(solver, process, 64), _error(solver, process, 128)
    require(math.isfinite(fine) and fine > 0, f"order: an error of {fine} on {process}")
    order = math.log2(coarse / fine)
    good = abs(order - solver.order) <= _ORDER_WINDOW
    what = "variance of a linear SDE" if isinstance(process, _Linear) else "nonlinear ODE"
    require(good, f"order: declared {solver.order}, measured {order:.2f} on a {what}")


def _check_nodes_and_rows(solver: PlannedSolver, process: Process) -> None:
    times, x = _warped(6), torch.sigmoid(normal((3, 2), 4, 0))
    normals = normal((6, solver.channels, 3, 2), 4, 1)
    keep = KeepTimes(times, times)
    end = _solve(solver, process, times, x, normals, keep)
    require(keep.path is not None, "nodes: no state was handed to keep")
    assert keep.path is not None
    require_close(keep.path[0], x, "nodes: the state at the first", 0.0)
    require_close(keep.path[-1], end, "nodes: the state at the last", 0.0)
    for k in range(1, 6):
        shorter = _solve(solver, process, times[: k + 1], x, normals[:k])
        require_close(keep.path[k], shorter, f"nodes: the state at node {k}", 1e-12)
    for i in range(3):
        row = slice(i, i + 1)
        alone = _solve(solver, process, times, x[row], normals[:, :, row])
        require_close(end[row], alone, f"rows: sample {i} depends on the batch", 1e-12)
