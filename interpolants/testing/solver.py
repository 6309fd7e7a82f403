"""The contract of planned solvers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from interpolants.sampler.integrate import SaveTimes
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.testing.common import normal, require, require_close
from interpolants.testing.orders import (
    gauss_hermite,
    linear_moments,
    second_moment,
    strong_errors,
)
from interpolants.testing.problems import (
    Breathing,
    Charted,
    ExactFlow,
    Turning,
    gaussian_flow,
    logistic_flow,
    reversed_gaussian,
)

_ORDER_WINDOW = 0.15
_NOISE_TYPES = ("none", "additive", "geometric", "diagonal")
# Steps at which errors are compared, and those of the solution along a path.
_COUNTS, _FINE, _PATHS = (64, 128), 1024, 1000


def check_solver(solver: PlannedSolver) -> None:
    """The scheme has its order, hits_times on every node, and treats samples separately.

    Orders are measured, each within 0.15: that without noise on an equation solved exactly, and
    for SDE schemes the weak one on a moment that needs no sampling and the strong one, if it is
    declared, along Brownian paths. A schedule that does not converge has none to measure.
    """
    order = getattr(solver, "order", None)
    require(not solver.converges or (order is not None and order > 0), f"order: {order}")
    known = [name for name in _NOISE_TYPES if name in solver.accepts]
    require(bool(known), f"accepts: {solver.accepts}")
    for noise_type in known:
        if not solver.converges:
            process = Charted(noise_type, Turning())
            _check_nodes_and_rows(solver, process, (0.0, 1.0))
            continue
        if noise_type == "additive" and _refuses(solver, Breathing()):
            _check_reversal(solver)
            continue
        flow = _flow(solver, noise_type)
        _check_slope(solver.order, _flow_errors(solver, flow), "equation without noise")
        if noise_type == "none":
            _check_nodes_and_rows(solver, flow.process, flow.span)
            continue
        require(solver.channels > 0, "channels: an SDE scheme needs noise")
        what = "variance of a linear SDE" if noise_type == "additive" else "mean square"
        _check_slope(solver.order, _weak_errors(solver, noise_type), what)
        process = Charted(noise_type, Turning())
        _check_nodes_and_rows(solver, process, (0.0, 1.0))
        if solver.strong_order is not None:
            _check_strong(solver, noise_type, solver.strong_order)


def _warped(n: int, span: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """A smooth grid with unequal steps."""
    u = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    return span[0] + (span[1] - span[0]) * (u + 0.1 * torch.sin(2 * math.pi * u))


def _solve(
    solver: PlannedSolver,
    process: Process,
    times: Tensor,
    x: Tensor,
    normals: Tensor,
    save_at: SaveTimes | None = None,
) -> Tensor:
    save_at = SaveTimes(times, times[:0]) if save_at is None else save_at
    return solver.solve(process, times, x, noise=FixedNoise(normals), save_at=save_at)


def _check_slope(declared: float, errors: list[float], what: str) -> None:
    coarse, fine = errors
    require(math.isfinite(fine) and fine > 0, f"order: an error of {fine}, {what}")
    order = math.log2(coarse / fine)
    good = abs(order - declared) <= _ORDER_WINDOW
    require(good, f"order: declared {declared}, measured {order:.2f}, {what}")


def _refuses(solver: PlannedSolver, process: Process) -> bool:
    try:
        solver.check(process)
    except ValueError:
        return True
    return False


def _flow(solver: PlannedSolver, noise_type: str) -> ExactFlow:
    """The logistic equation, or a probability flow for a scheme that refuses it."""
    flow = logistic_flow(noise_type)
    if _refuses(solver, flow.process):
        flow = gaussian_flow()
        solver.check(flow.process)
    return flow


def _check_reversal(solver: PlannedSolver) -> None:
    """The contract of a scheme for the reversal of a one-sided path alone."""
    line, plane = reversed_gaussian(1), reversed_gaussian(2)
    solver.check(line.process)
    first, exact = line.variances
    errors = [
        abs(linear_moments(solver, line.process, _warped(n, line.span), first)[1] - exact)
        for n in _COUNTS
    ]
    _check_slope(solver.order, errors, "variance on a one-sided path")
    _check_nodes_and_rows(solver, plane.process, plane.span)


def _flow_errors(solver: PlannedSolver, flow: ExactFlow) -> list[float]:
    errors = []
    for n in _COUNTS:
        still = torch.zeros(n, solver.channels, *flow.start.shape, dtype=torch.float64)
        end = _solve(solver, flow.process, _warped(n, flow.span), flow.start, still)
        errors.append(float((end - flow.end).norm()))
    return errors


def _weak_errors(solver: PlannedSolver, noise_type: str) -> list[float]:
    if noise_type == "additive":
        exact = 1 + 0.5 * math.sin(3)
        variances = (linear_moments(solver, Breathing(), _warped(n))[1] for n in _COUNTS)
        return [abs(variance - exact) for variance in variances]
    inner = Turning(rate=0.0)
    process, first = Charted(noise_type, inner), torch.tensor(0.5, dtype=torch.float64)
    z, weights = gauss_hermite(40)
    last = process.forward(first + math.sqrt(inner.variance) * z)
    exact, start = float(last.square() @ weights), float(process.forward(first).square())
    return [abs(second_moment(solver, process, _warped(n), start) - exact) for n in _COUNTS]


def _check_strong(solver: PlannedSolver, noise_type: str, declared: float) -> None:
    # In a chart, noise of this size would leave nothing but outliers.
    inner = Turning(noise=4.0 if noise_type == "additive" else 1.0)
    process = Charted(noise_type, inner)
    errors = strong_errors(solver, process, _warped(_FINE), _COUNTS, _PATHS)
    _check_slope(declared, errors, "along a Brownian path")


def _check_nodes_and_rows(
    solver: PlannedSolver, process: Process, span: tuple[float, float]
) -> None:
    times, x = _warped(6, span), torch.sigmoid(normal((3, 2), 4, 0))
    normals = normal((6, solver.channels, 3, 2), 4, 1)
    save_at = SaveTimes(times, times)
    end = _solve(solver, process, times, x, normals, save_at)
    require(save_at.path is not None, "nodes: no state was handed to keep")
    assert save_at.path is not None
    require_close(save_at.path[0], x, "nodes: the state at the first", 0.0)
    require_close(save_at.path[-1], end, "nodes: the state at the last", 0.0)
    for k in range(1, 6):
        shorter = _solve(solver, process, times[: k + 1], x, normals[:k])
        require_close(save_at.path[k], shorter, f"nodes: the state at node {k}", 1e-12)
    for i in range(3):
        row = slice(i, i + 1)
        alone = _solve(solver, process, times, x[row], normals[:, :, row])
        require_close(end[row], alone, f"rows: sample {i} depends on the batch", 1e-12)
