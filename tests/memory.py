"""Linear processes with memory: what becomes of their start and of every normal."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.integrate import KeepTimes, integrate
from interpolants.noise.given import GivenNoise
from interpolants.process.memory import MemoryProcess
from interpolants.solver.linear_gaussian import LinearGaussian


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
