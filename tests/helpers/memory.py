"""Drivers with memory, and responses of linear processes to every normal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from interpolants.driver.fractional_noise import FractionalNoise
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.representation import Representation
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.interpolant.schedule.geometric import GeometricSchedule
from interpolants.interpolant.schedule.variance_preserving import VariancePreservingSchedule
from interpolants.sampler.integrate import SaveTimes, integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.memory import MemoryProcess
from interpolants.sampler.solver.linear_gaussian import LinearGaussian

_RATIO = 5000.0
_START = 0.01 * math.sqrt(2 * math.log(_RATIO))
SCHEDULES = {
    "exploding": GeometricSchedule(start=_START, end=_START * _RATIO),
    "preserving": VariancePreservingSchedule(),
}
_SPEEDS = {1: (1.0,), 2: (0.05, 20.0), 3: (0.05, 1.0, 20.0)}


def ou_driver(
    hurst: float, count: int, representation: Representation | None = None
) -> MarkovFractionalBrownian:
    """Markov approximation with few speeds, by default of type II."""
    representation = (
        RiemannLiouville(normalize=False) if representation is None else representation
    )
    return MarkovFractionalBrownian(
        hurst=hurst, representation=representation, gammas=_SPEEDS[count]
    )


def noise_of(
    hurst: float = 0.7, count: int = 2, kind: str = "preserving", match: bool = True
) -> FractionalNoise:
    """Fractional noise by such a driver, with one of the schedules."""
    return FractionalNoise(driver=ou_driver(hurst, count), schedule=SCHEDULES[kind], match=match)


def responses(process: MemoryProcess, times: Tensor, x0: float = 0.0) -> Tensor:
    """States at all nodes, (N + 1, R, 1, 1 + K): from x0, from x0 + 1, and of each normal."""
    count, width = len(times) - 1, 1 + process.states
    rows = 2 + count * width
    z = torch.zeros(count, 1, rows, 1, width, dtype=torch.float64)
    z[:, 0, 2:, 0] = torch.eye(count * width).view(-1, count, width).movedim(1, 0)
    x = torch.full((rows, 1), x0, dtype=torch.float64)
    x[1] += 1
    save_at = SaveTimes(times, times)
    plan = LinearGaussian().plan(process, times)
    integrate(plan, process.encode(x), noise=FixedNoise(z), save_at=save_at)
    assert save_at.path is not None
    return save_at.path


def linear_distribution(process: MemoryProcess, times: Tensor) -> tuple[float, float]:
    """Mean and variance at the last of what starts as N(0, 1)."""
    x = process.decode(responses(process, times)[-1]).flatten()
    return float(x[0]), float((x[1:] - x[0]).square().sum())
