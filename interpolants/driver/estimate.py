"""Estimates of the Hurst index of paths sampled at equal time steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.representation import Representation
from interpolants.driver.weights import optimal_weights
from interpolants.utils.checks import check

# Between values of the index on this grid a parabola interpolates the likelihood.
_VALUES = tuple(k / 100 for k in range(1, 100))


class HurstEstimate(NamedTuple):
    """Estimate for each path.

    Attributes:
        hurst: the index, (P,).
        scale: factor of the process, in units of time in which the path has length 1, (P,); for
            the exact estimate, the standard deviation at the end of the path.
    """

    hurst: Tensor
    scale: Tensor


def exact_likelihood(increments: Tensor) -> HurstEstimate:
    """Maximum likelihood estimate of the index of fractional Gaussian noise of unknown scale.

    It takes one Cholesky factor per index, of cost n^3, for all paths.

    Args:
        increments: increments of P paths over n equal time steps, (P, n), n > 1.

    Returns:
        Estimates in float64; the index is in [0.01, 0.99].

    Raises:
        ValueError: if there are fewer than two increments, one is not finite, or a path is
            constant.
    """
    _check("exact_likelihood", increments)
    representation, n = MandelbrotVanNess(normalize=True), increments.shape[-1]
    lag = torch.arange(n, device=increments.device)
    lags = (lag - lag.unsqueeze(-1)).abs()

    def covariance(hurst: Tensor) -> Tensor:
        return (1 / n) ** (2 * hurst) * representation.noise_autocovariance(n, hurst)[lags]

    return _most_likely(increments, covariance)


def markov_likelihood(
    increments: Tensor,
    *,
    representation: Representation,
    gammas: Sequence[float],
    horizon: float = 1.0,
) -> HurstEstimate:
    """Maximum likelihood estimate of the index under a Markov approximation, without slope.

    A model that learns the index with this approximation can recover no more than this.

    Args:
        increments: increments of P paths over n equal time steps, (P, n).
        representation: type of fractional Brownian motion.
        gammas: speeds of the OU processes.
        horizon: T, the length of the paths.

    Returns:
        Estimates, and errors, as by `exact_likelihood`.
    """
    _check("markov_likelihood", increments)
    n = increments.shape[-1]
    speeds = horizon * torch.tensor(gammas, dtype=torch.float64, device=increments.device)
    times = torch.linspace(0, 1, n + 1, dtype=torch.float64, device=increments.device)
    s, t = torch.meshgrid(times, times, indexing="ij")

    def covariance(hurst: Tensor) -> Tensor:
        omega = optimal_weights(representation, hurst, speeds, 1.0)
        return representation.ou_covariance(omega, speeds, s, t).diff(dim=-1).diff(dim=-2)

    return _most_likely(increments, covariance)


def variogram_hurst(increments: Tensor, *, lags: Sequence[int] = (1, 2, 4, 8)) -> Tensor:
    """Estimate of the index by the slope of log E |B(t + m) - B(t)| over log m.

    It is fast and less precise than maximum likelihood.

    Args:
        increments: increments of P paths over n equal time steps, (P, n).
        lags: m, whole numbers in [1, n), at least two.

    Returns:
        The index, (P,), not restricted to (0, 1).

    Raises:
        ValueError: if there are too few lags, they are out of range, or as by `exact_likelihood`.
    """
    n = increments.shape[-1]
    fits = len({*lags}) > 1 and all(0 < m < n for m in lags)
    check(fits, "variogram_hurst.lags", f"two or more different numbers in [1, {n})", lags)
    _check("variogram_hurst", increments)
    path = torch.nn.functional.pad(increments.double().cumsum(dim=-1), (1, 0))
    sizes = [(path[..., m:] - path[..., :-m]).abs().mean(dim=-1).log() for m in lags]
    x = torch.tensor([math.log(m) for m in lags], dtype=path.dtype, device=path.device)
    x = x - x.mean()
    return torch.stack(sizes, dim=-1) @ x / x.square().sum()


def _check(where: str, increments: Tensor) -> None:
    """Require paths that have an index."""
    where, got = f"{where}.increments", tuple(increments.shape)
    fits = increments.dim() == 2 and got[1] > 1
    check(fits, where, "shape (P, n) with n > 1", got)
    bad = (~increments.isfinite()).any(dim=1).nonzero().flatten().tolist()
    fix = "leave these paths out, or fill their gaps"
    check(not bad, where, "no NaN and no infinite values", f"some in paths {bad[:5]}", fix)
    still = (increments == 0).all(dim=1).nonzero().flatten().tolist()
    check(not still, where, "paths that move", f"constant paths {still[:5]}", "leave them out")


def _most_likely(increments: Tensor, covariance: Callable[[Tensor], Tensor]) -> HurstEstimate:
    """Maximum of the likelihood over the index, with the best scale for each."""
    x = increments.double()
    # The scale is found apart from its unit, of which squares might be infinite or zero.
    unit = x.abs().amax(dim=1)
    x = (x / unit.unsqueeze(1)).mT
    values = torch.tensor(_VALUES, dtype=x.dtype, device=x.device)
    logs, scales = zip(*[_profile(x, covariance(hurst)) for hurst in values], strict=True)
    log, scale = torch.stack(logs), torch.stack(scales)
    best = log.argmax(dim=0, keepdim=True)
    middle = best.clamp(1, len(_VALUES) - 2)
    below, at, above = (log.gather(0, middle + k).squeeze(0) for k in (-1, 0, 1))
    # A parabola through three values; at the ends of the range its maximum may lie outside.
    shift = 0.5 * (below - above) / (below - 2 * at + above)
    inside = (best == middle).squeeze(0)
    spacing = values[1] - values[0]
    hurst = values[best.squeeze(0)] + torch.where(inside, shift * spacing, 0.0)
    return HurstEstimate(hurst=hurst, scale=unit * scale.gather(0, best).squeeze(0))


def _profile(x: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Log likelihood of each column of x at its best scale, up to a constant; and that scale."""
    factor = torch.linalg.cholesky(covariance)
    variance = torch.linalg.solve_triangular(factor, x, upper=False).square().mean(dim=0)
    log = -0.5 * len(x) * variance.log() - factor.diagonal().log().sum()
    return log, variance.sqrt()
