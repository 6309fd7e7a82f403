"""What a linear driven equation does, exactly: each normal alone."""

from __future__ import annotations

import torch
from problems import times
from torch import Tensor

from interpolants.driver.base import Driver
from interpolants.driver.law import Law
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.driver.speeds import geometric_speeds
from interpolants.integrate import KeepTimes, integrate
from interpolants.noise.given import GivenNoise
from interpolants.process.driven_sde import DrivenSDE
from interpolants.solver.driven import DrivenSolver

LAWS: dict[str, Law] = {
    "I": MandelbrotVanNess(normalize=False),
    "II": RiemannLiouville(normalize=False),
}


def bank(hurst, kind="I", **options) -> MarkovFractionalBrownian:
    """Five processes at the speeds of the papers."""
    return MarkovFractionalBrownian(
        hurst=hurst, law=LAWS[kind], gammas=geometric_speeds(5), **options
    )


def zero(t: Tensor, x: Tensor) -> Tensor:
    return torch.zeros_like(x)


def one(t: Tensor, x: Tensor) -> Tensor:
    return torch.ones_like(x)


def additive(driver: Driver, **options) -> DrivenSDE:
    """dX = drift dt + dB, without a drift by default."""
    parts = {"drift": zero, "diffusion": one, "additive": True} | options
    return DrivenSDE(driver=driver, **parts)


def root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()).mT


def unit_starts(driver: Driver) -> Tensor:
    """A root of the covariance of the driver's states at t=0, one unit normal each row."""
    start = torch.eye(driver.states, dtype=torch.float64)
    if driver.states:
        k = len(driver.gammas)
        start[:k, :k] = root(driver.law.start_covariance(times(*driver.gammas)))
    return start


def linear_path(solver: DrivenSolver, process: DrivenSDE, nodes: Tensor) -> Tensor:
    """States at all nodes from X = 0, (N + 1, P, width), one of P samples for each normal.

    Of what is linear in the normals, sums of products over samples are expectations.
    """
    driver, n = process.driver, len(nodes) - 1
    m = solver.coefficients(process, nodes).shape[2] - 3
    count = driver.states + n * m
    x = torch.zeros(count, dtype=torch.float64)
    states = torch.zeros(count, driver.states, dtype=torch.float64)
    states[: driver.states] = unit_starts(driver)
    state = process.join(x, states, x if process.path_kl else None)
    normals = torch.zeros(n, 1, *state.shape, dtype=torch.float64)
    units = torch.eye(n * m, dtype=torch.float64).view(n * m, n, m)
    normals[:, 0, driver.states :, :m] = units.movedim(1, 0)
    keep = KeepTimes(nodes, nodes)
    integrate(solver.plan(process, nodes), state, noise=GivenNoise(normals), keep=keep)
    assert keep.path is not None
    return keep.path
