"""Motions with memory, and what linear processes with one make of every normal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from interpolants.driver.fractional import FractionalNoise
from interpolants.driver.law import Law
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.interpolant.schedule.geometric import GeometricSchedule
from interpolants.interpolant.schedule.variance_preserving import VariancePreservingSchedule
from interpolants.sampler.integrate import KeepTimes, integrate
from interpolants.sampler.noise.given import GivenNoise
from interpolants.sampler.process.memory import MemoryProcess
from interpolants.sampler.solver.linear_gaussian import LinearGaussian

_RATIO = 5000.0
_START = 0.01 * math.sqrt(2 * math.log(_RATIO))
SCHEDULES = {
    "exploding": GeometricSchedule(start=_START, end=_START * _RATIO),
    "preserving": VariancePreservingSchedule(),
}
_SPEEDS = {1: (1.0,), 2: (0.05, 20.0), 3: (0.05, 1.0, 20.0)}


def bank(hurst: float, count: int, law: Law | None = None) -> MarkovFractionalBrownian:
    """Type II of few speeds, unless told otherwise."""
    law = RiemannLiouville(normalize=False) if law is None else law
    return MarkovFractionalBrownian(hurst=hurst, law=law, gammas=_SPEEDS[count])


def noise_of(
    hurst: float = 0.7, count: int = 2, kind: str = "preserving", match: bool = True
) -> FractionalNoise:
    """Of such a motion, at one of the rates."""
    return FractionalNoise(driver=bank(hurst, count), schedule=SCHEDULES[kind], match=match)


def responses(process: MemoryProcess, times: Tensor, x0: float = 0.0) -> Tensor:
    """States at all nodes, (N + 1, R, 1, 1 + K): from x0, from x0 + 1, and of each normal."""
    count, width = len(times) - 1, 1 + process.states
    rows = 2 + count * width
    z = torch.zeros(count, 1, rows, 1, width, dtype=torch.float64)
    z[:, 0, 2:, 0] = torch.eye(count * width).view(-1, count, width).movedim(1, 0)
    x = torch.full((rows, 1), x0, dtype=torch.float64)
    x[1] += 1
    keep = KeepTimes(times, times)
    plan = LinearGaussian().plan(process, times)
    integrate(plan, process.enter(x), noise=GivenNoise(z), keep=keep)
    assert keep.path is not None
    return keep.path


def linear_law(process: MemoryProcess, times: Tensor) -> tuple[float, float]:
    """Mean and variance at the last of what starts as N(0, 1)."""
    x = process.leave(responses(process, times)[-1]).flatten()
    return float(x[0]), float((x[1:] - x[0]).square().sum())
