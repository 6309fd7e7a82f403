"""Exact solutions of linear driven equations, as responses to each normal."""

from __future__ import annotations

import scipy.linalg
import torch
from torch import Tensor

from helpers.problems import times
from interpolants.driver.base import Driver
from interpolants.driver.geometric_speeds import GeometricSpeeds
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.representation import Representation
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.neural_sde.solver.base import DrivenSolver
from interpolants.sampler.integrate import SaveTimes, integrate
from interpolants.sampler.noise.fixed import FixedNoise

REPRESENTATIONS: dict[str, Representation] = {
    "I": MandelbrotVanNess(normalize=False),
    "II": RiemannLiouville(normalize=False),
}


def ou_driver(hurst, kind="I", **options) -> MarkovFractionalBrownian:
    """Markov approximation by five processes at the speeds of the papers."""
    return MarkovFractionalBrownian(
        hurst=hurst,
        representation=REPRESENTATIONS[kind],
        gammas=GeometricSpeeds(count=5)(1.0, 1.0),
        **options,
    )


def zero(t: Tensor, x: Tensor) -> Tensor:
    return torch.zeros_like(x)


def one(t: Tensor, x: Tensor) -> Tensor:
    return torch.ones_like(x)


def additive(driver: Driver, **options) -> DrivenSDE:
    """Equation dX = drift dt + dB, without a drift by default."""
    parts = {"drift": zero, "diffusion": one, "additive": True} | options
    return DrivenSDE(driver=driver, **parts)


def root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()).mT


def unit_starts(driver: Driver) -> Tensor:
    """Square root of the covariance of the driver's states at t=0, one unit normal each row."""
    start = torch.eye(driver.states, dtype=torch.float64)
    if driver.states:
        k = len(driver.gammas)
        start[:k, :k] = root(driver.representation.start_covariance(times(*driver.gammas)))
    return start


def linear_system(driver: Driver, theta: Tensor) -> tuple[Tensor, Tensor]:
    """F and g of dZ = F Z dt + g dW for Z = (X, states) and dX = -theta X dt + dB."""
    k, readout = len(driver.rates()), driver.readout()
    still = torch.zeros(driver.states - k, dtype=torch.float64)
    rates = torch.cat([driver.rates(), still])
    moves = torch.cat([-readout[:k] * rates[:k], readout[k:]])
    own = torch.nn.functional.pad(torch.diag(-rates), (1, 0))
    f = torch.cat([torch.cat([-theta.view(1), moves])[None], own])
    return f, torch.cat([driver.omega_bar().view(1), torch.ones_like(rates[:k]), still])


def exponential(matrix: Tensor) -> Tensor:
    """Matrix exponential; torch's, accurate to 1e-13, is used only where gradients are needed."""
    if matrix.requires_grad:
        return torch.linalg.matrix_exp(matrix)
    return torch.from_numpy(scipy.linalg.expm(matrix.numpy()))


def lyapunov(f: Tensor, g: Tensor, start: Tensor, t: float) -> Tensor:
    """The covariance of Z at t, from that at 0, by Van Loan's exponential."""
    size = len(g)
    block = torch.cat(
        [
            torch.cat([-f, g[:, None] * g], dim=1),
            torch.cat([torch.zeros_like(f), f.mT], dim=1),
        ]
    )
    # In parts, since exp(gamma t) is large.
    short = exponential(block * t / 64)
    move = short[size:, size:].mT
    added = move @ short[:size, size:]
    covariance = start
    for _ in range(64):
        covariance = move @ covariance @ move.mT + added
    return covariance


def start_of(driver: Driver) -> Tensor:
    """The covariance of Z at 0, from X = 0."""
    unit = torch.nn.functional.pad(unit_starts(driver), (1, 0))
    return unit.mT @ unit


def observed(f: Tensor, g: Tensor, start: Tensor, at: Tensor) -> Tensor:
    """The covariance of X at ascending times, from that of Z at 0."""
    at_each = [lyapunov(f, g, start, float(t)) for t in at]
    rows = [
        torch.stack([(exponential(f * (t - s).clamp(min=0)) @ representation)[0, 0] for t in at])
        for s, representation in zip(at, at_each, strict=True)
    ]
    upper = torch.stack(rows).triu()
    return upper + upper.triu(1).mT


def linear_path(solver: DrivenSolver, process: DrivenSDE, nodes: Tensor) -> Tensor:
    """States at all nodes from X = 0, (N + 1, P, width), one of P samples for each normal.

    Of what is linear in the normals, sums of products over samples are expectations.
    """
    driver, n = process.driver, len(nodes) - 1
    m = solver.numbers(process, nodes).shape[2] - 3
    count = driver.states + n * m
    x = torch.zeros(count, dtype=torch.float64)
    states = torch.zeros(count, driver.states, dtype=torch.float64)
    states[: driver.states] = unit_starts(driver)
    state = process.join(x, states, x if process.path_kl else None)
    normals = torch.zeros(n, 1, *state.shape, dtype=torch.float64)
    units = torch.eye(n * m, dtype=torch.float64).view(n * m, n, m)
    normals[:, 0, driver.states :, :m] = units.movedim(1, 0)
    save_at = SaveTimes(nodes, nodes)
    integrate(solver.plan(process, nodes), state, noise=FixedNoise(normals), save_at=save_at)
    assert save_at.path is not None
    return save_at.path
