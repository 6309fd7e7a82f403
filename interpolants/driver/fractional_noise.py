"""Noise levels of data under fractional noise.

In the time s of a diffusion, s=0 data and s=1 noise, X = x1 + int_0^s f dB for data x1 and a
driver B with states dY_k = -gamma_k Y_k ds + dW, Y(0) = 0 (arXiv 2310.17638; the drift of a
variance-preserving diffusion is in f, see `VariancePreservingSchedule`). The states do not depend
on the data. The residual of the regression of X on them,

    S = X - alpha^T Y = x1 + level(s) e,    e ~ N(0, 1), independent of Y,

is therefore sufficient for the data: (X, Y) contains no more information. With eta an orthonormal
basis of Y, (e, eta) has the distribution N(0, Id) at all times, and forwards

    d(e, eta) = A (e, eta) ds + b dW,    A + A^T = -b b^T,    d log(level) / ds = b_0^2 / 2.

With eta in the order of the speeds and e last, A is lower triangular, so b determines it.
Backwards e is independent of eta: level(s) e has independent increments, and S is Brownian motion
in the time level^2. So the reversal of fractional diffusion, in S, is that of ordinary diffusion
with a time change that depends on H and the speeds. The probability flow instead rotates e and eta
into each other, by the antisymmetric part of A.
"""

from __future__ import annotations

import functools
import math
from typing import final

import torch
from torch import Tensor

from interpolants.driver.base import Driver
from interpolants.interpolant.schedule.base import Schedule
from interpolants.utils.checks import check
from interpolants.utils.quadrature import gauss_legendre

# Quadrature nodes over [0, s], and over the rest of the interval after each of them.
_OUTER, _INNER = 128, 32
# Times per batch; knots of the table that inverts the level, and its first time.
_PIECE, _KNOTS, _FIRST = 256, 129, 1e-4
# Bracketed Newton steps; factors of a rotation, a power of 2.
_NEWTON, _FACTORS = 12, 4


@final
class FractionalNoise:
    """Noise with memory, added to data at a rate.

    All is computed in float64 on the host, from orthonormal bases of the kernels of (Y, X) over W
    and not from their covariance, which is numerically singular: relative errors of a level are
    about the rounding error of float64 times the standard deviation of X over the level.

    Args:
        driver: the noise process, of one Hurst index, with states that are zero at s=0.
        schedule: f, not constant if the driver has states, which would otherwise determine the
            data.
        match: scale the noise so that Var X(1) is that of Brownian motion, for any H.

    Raises:
        ValueError: if an argument does not fit.
    """

    def __init__(self, *, driver: Driver, schedule: Schedule, match: bool = True) -> None:
        omega, rates, white = checked_driver("FractionalNoise.driver", driver)
        check(isinstance(match, bool), "FractionalNoise.match", "true or false", match)
        ends = schedule.value(torch.tensor([0.0, 1.0], dtype=torch.float64))
        varies = len(rates) == 0 or bool((ends[1] - ends[0]).abs() > 1e-9 * ends.abs().max())
        fix = "use GeometricSchedule or VariancePreservingSchedule"
        check(varies, "FractionalNoise.schedule", "a rate that varies", ends.tolist(), fix)
        self.driver, self.schedule, self.match = driver, schedule, match
        self._omega, self._rates, self._white = omega, rates, white
        self._scale = 1.0
        if match:
            one = torch.ones(1, dtype=torch.float64)
            whole = schedule.square_integral(one) / self.variance(one)
            self._scale = math.sqrt(float(whole))

    @property
    def states(self) -> int:
        """Number K of states of a coordinate beside X."""
        return len(self._rates)

    @functools.cached_property
    def top(self) -> float:
        """Largest level, level(1)."""
        return float(self.level(torch.ones(1, dtype=torch.float64)))

    def variance(self, s: Tensor) -> Tensor:
        """Variance of X given the data, at times (N,)."""
        kernels = self._kernels(s)
        faded = kernels[..., :-1] @ self._omega
        x = kernels[..., -1] + self.schedule.value(s).unsqueeze(-1) * faded
        return self._scale**2 * s * (x.square() @ gauss_legendre(_OUTER)[1])

    def level(self, s: Tensor) -> Tensor:
        """Noise level at times in [0, 1], (N,), increasing."""
        return self._basis(s)[0]

    def endings(self, s: Tensor) -> Tensor:
        """Vector b at times in (0, 1], (N, 1 + K), with the entry of e first."""
        return self._basis(s)[1]

    def time(self, level: Tensor) -> Tensor:
        """Times at which the noise has a level, (N,), clamped to [1e-4, 1]."""
        knots, logs = self._table
        wanted = level.log().clamp(logs[0], logs[-1])
        right = torch.searchsorted(logs, wanted).clamp(1, len(logs) - 1)
        low, high = knots[right - 1], knots[right]
        share = (wanted - logs[right - 1]) / (logs[right] - logs[right - 1]).clamp(min=1e-300)
        s = low + share.clamp(0, 1) * (high - low)
        for _ in range(_NEWTON):
            value, b = self._basis(s.exp())
            below = value.log() < wanted
            low, high = torch.where(below, s, low), torch.where(below, high, s)
            slope = 0.5 * b[:, 0].square() * s.exp()
            guess = s + (wanted - value.log()) / slope
            # Bisect if the level hardly rises, or the table is off by rounding.
            s = torch.where((guess >= low) & (guess <= high), guess, 0.5 * (low + high))
        return s.exp()

    def rotation(self, s: Tensor) -> Tensor:
        """Rotations of (e, eta) by the probability flow between times (N + 1,), for fixed data.

        Each is a product of exponentials of the antisymmetric part of A, by a Magnus expansion of
        order 4.

        Returns:
            Orthogonal, (N, 1 + K, 1 + K).
        """
        log = s.log()
        h = (log.diff() / _FACTORS).view(-1, 1, 1, 1)
        parts = torch.arange(_FACTORS).to(s).unsqueeze(-1) + gauss_legendre(2)[0]
        at = (log[:-1].view(-1, 1, 1) + h.squeeze(-1) * parts).exp()
        # In log s, in which rates change little even near s=0.
        b = self.endings(at.flatten()).view(*at.shape, -1) * at.sqrt().unsqueeze(-1)
        rates = _antisymmetric_part(b)
        one, two = rates[:, :, 0], rates[:, :, 1]
        bracket = two @ one - one @ two
        exponents = 0.5 * h * (one + two) + math.sqrt(3) / 12 * h.square() * bracket
        factors = torch.linalg.matrix_exp(exponents)
        while factors.shape[1] > 1:
            factors = factors[:, 1::2] @ factors[:, ::2]
        whole: Tensor = factors[:, 0]
        return whole

    @functools.cached_property
    def _table(self) -> tuple[Tensor, Tensor]:
        """Logarithms of times and of their levels, increasing, (n,) each."""
        knots = torch.linspace(math.log(_FIRST), 0, _KNOTS, dtype=torch.float64)
        level = self.level(knots.exp()).clamp(min=1e-300)
        return knots, level.log().cummax(dim=0).values

    def _basis(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """Level and b at times (N,)."""
        levels, endings = zip(*map(self._orthonormal, torch.split(s, _PIECE)), strict=True)
        return torch.cat(levels), torch.cat(endings)

    def _orthonormal(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """Level and b by an orthonormal basis of the kernels in the order of `_kernels`."""
        weights = s.unsqueeze(-1) * gauss_legendre(_OUTER)[1]
        kernels = self._kernels(s) * weights.sqrt().unsqueeze(-1)
        factor: Tensor = torch.linalg.qr(kernels, mode="r")[1]
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        factor = factor * torch.where(diagonal < 0, -1.0, 1.0).unsqueeze(-1)
        # Values at the end of the interval: 1 for each Y; for X - f(s) B, the white part.
        end = torch.ones(len(s), 1, self.states + 1, dtype=torch.float64)
        end[:, 0, -1] = (self._white - self._omega.sum()) * self.schedule.value(s)
        b = torch.linalg.solve_triangular(factor, end, upper=True, left=False).squeeze(1)
        return self._scale * factor[:, -1, -1], b.roll(1, dims=-1)

    def _kernels(self, s: Tensor) -> Tensor:
        """Kernels over W of Y and X - f(s) sum_k omega_k Y_k, at nodes of [0, s], (N, n, K + 1).

        The regression of X on Y is the same up to a known term, and the residual is smaller.
        """
        time = s.unsqueeze(-1)
        u = time * gauss_legendre(_OUTER)[0]
        rest = (time - u).unsqueeze(-1)
        nodes, weights = gauss_legendre(_INNER)
        f, f_now = self.schedule.value, self.schedule.value(s).unsqueeze(-1)
        rise = f(u.unsqueeze(-1) + rest * nodes) - f_now.unsqueeze(-1)
        faded = torch.exp(-rest.unsqueeze(-1) * nodes.unsqueeze(-1) * self._rates)
        held = ((rise * rest * weights).unsqueeze(-2) @ faded).squeeze(-2)
        x = self._white * f(u) - f_now * self._omega.sum() - held @ (self._omega * self._rates)
        return torch.cat([torch.exp(-rest * self._rates), x.unsqueeze(-1)], dim=-1)


def _antisymmetric_part(b: Tensor) -> Tensor:
    """Antisymmetric part of A, (..., 1 + K, 1 + K), from b with the entry of e first.

    A_ij = -b_i b_j below the diagonal, where e counts as last.
    """
    ordered = b.roll(-1, dims=-1)
    lower = torch.tril(ordered.unsqueeze(-1) * ordered.unsqueeze(-2), diagonal=-1)
    return (0.5 * (lower.mT - lower)).roll((1, 1), dims=(-2, -1))


def checked_driver(where: str, driver: Driver) -> tuple[Tensor, Tensor, Tensor]:
    """Weights omega and speeds gamma, (K,), and omega_bar of a driver, float64 on the host.

    Raises:
        ValueError: if its initial states are not zero, or it has several Hurst indices.
    """
    parts = driver.readout(), driver.rates(), driver.omega_bar()
    omega, rates, white = (part.detach().double().cpu() for part in parts)
    past = bool(driver.start((8,), torch.Generator().manual_seed(0)).any())
    rule = "a driver with zero initial states and one index (RiemannLiouville, Brownian)"
    check(omega.shape == rates.shape and not past, where, rule, type(driver).__name__)
    return omega, rates, white
