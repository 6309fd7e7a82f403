"""Accuracy of schemes for SDEs: exact moments without sampling, and errors along one path."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from interpolants.sampler.integrate import advance, integrate
from interpolants.sampler.noise.coupled import CoupledNoise
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.sampler.solver.sra1 import SRA1
from interpolants.testing.problems import Charted

_QUADRATURE = 40


def linear_moments(
    solver: PlannedSolver, process: Process, times: Tensor, variance: float = 1.0
) -> tuple[float, float]:
    """Response and variance of a scheme on a linear SDE in one dimension, without sampling.

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
    end = integrate(solver.plan(process, times), x, noise=FixedNoise(normals))
    gain = float(end[0])
    return gain, gain**2 * variance + float(end[1:].square().sum())


def second_moment(solver: PlannedSolver, process: Process, times: Tensor, square: float) -> float:
    """E X^2 at the last time under a one-step scheme, without sampling.

    For equations whose steps keep E X^2 affine in its value before: one with drift a(t) X and
    diffusion s(t) X or s(t) sqrt(1 + X^2). Two states and quadrature over one step's normals
    give the two coefficients of each step.

    Args:
        solver: a scheme that remembers nothing from step to step.
        process: the equation, in one dimension.
        times: nodes, (N + 1,).
        square: E X^2 at the first time.
    """
    z, weights = gauss_hermite(_QUADRATURE)
    normals = torch.cartesian_prod(*[z] * solver.channels).view(-1, solver.channels).T
    mass = torch.cartesian_prod(*[weights] * solver.channels).view(len(normals.T), -1).prod(1)
    start = torch.tensor([1.0, 2.0], dtype=torch.float64).repeat_interleave(len(mass))
    normals = normals.repeat(1, 2)[None, :, :, None]
    plan = solver.plan(process, times)
    for segment in plan.segments:
        for stages in segment.stages(start):
            carry = plan.start(start[:, None])
            end = advance(segment.equation, segment.step, [stages], normals, carry)[0]
            of_one, of_two = (end.view(2, -1).square() @ mass).tolist()
            slope = (of_two - of_one) / 3
            square = of_one - slope + slope * square
    return square


def gauss_hermite(count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights, each (count,), that integrate polynomials against a standard normal."""
    off = torch.arange(1, count, dtype=torch.float64).sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return nodes, vectors[0].square()


def strong_errors(
    solver: PlannedSolver, process: Charted, times: Tensor, counts: tuple[int, ...], paths: int
) -> list[float]:
    """Root mean square distances to the solution on the same Brownian paths, one for each count.

    The solution is that of the inner equation by SRA1 on all of the nodes; distances are between
    inner states.

    Args:
        solver: the scheme.
        process: the equation.
        times: fine nodes, one more than a multiple of every count.
        counts: numbers of steps.
        paths: how many paths, from states spread over a period of the drift.
    """
    generator, count = torch.Generator().manual_seed(0), len(times) - 1
    options = {"generator": generator, "dtype": torch.float64}
    normals = torch.randn(count, 2, paths, 1, **options)  # type: ignore[call-overload]
    start = torch.linspace(0, 2 * math.pi, paths, dtype=torch.float64)[:, None]
    plan = SRA1().plan(process.inner, times)
    exact = integrate(plan, start, noise=FixedNoise(normals))
    errors = []
    for n in counts:
        coarse = times[:: count // n]
        noise = CoupledNoise(fine=times, coarse=coarse, source=FixedNoise(normals))
        plan = solver.plan(process, coarse)
        end = integrate(plan, process.forward(start), noise=noise)
        errors.append(float((process.inverse(end) - exact).square().mean().sqrt()))
    return errors
