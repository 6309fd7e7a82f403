"""Ornstein-Uhlenbeck processes driven by fractional Brownian motion."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from interpolants.data.finite_time_series import FiniteTimeSeries
from interpolants.driver.exact_fractional_brownian import ExactFractionalBrownian
from interpolants.utils.checks import (
    check,
    check_count,
    check_finite,
    check_not_negative,
    check_open_interval,
    check_positive,
    check_seed,
    is_whole,
)
from interpolants.utils.seeds import keyed_generator


@final
class FractionalOU(FiniteTimeSeries):
    """Paths of dX = -rate (X - level) dt + sigma dB, observed with noise.

    B is fractional Brownian motion of type I with Var B(1) = 1, drawn exactly on a grid finer
    than the observations. Between its points B is interpolated linearly, for which

        X(t) = level + (start - level) e^(-rate t) + sigma int_0^t e^(-rate (t - s)) dB(s)

    is one matrix product. With rate = 0, X = start + sigma B is exact.

    Args:
        hurst: the Hurst index of B, in (0, 1).
        rate: rate of mean reversion, >= 0.
        level: level that X reverts to.
        sigma: amplitude of the noise dB, >= 0.
        start: X(0).
        horizon: time of the last observation, > 0.
        length: T, number of equally spaced observations from 0 to `horizon`, at least 2.
        std: standard deviation of the noise of each observation, >= 0.
        paths: N, the number of series.
        substeps: steps of the finer grid between two observations.
        seed: seed of the paths.
        standardize: whether networks see values of mean 0 and standard deviation 1.
        held_out_fraction: fraction of paths held out, in (0, 1).
        split_seed: another seed makes another choice of these paths.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(
        self,
        *,
        hurst: float = 0.3,
        rate: float = 1.0,
        level: float = 0.0,
        sigma: float = 1.0,
        start: float = 0.0,
        horizon: float = 1.0,
        length: int = 32,
        std: float = 0.0,
        paths: int = 2560,
        substeps: int = 16,
        seed: int = 0,
        standardize: bool = False,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        _check_numbers(hurst, rate, level, sigma, start, horizon, std)
        for name, count in (("length", length), ("paths", paths)):
            where = f"FractionalOU.{name}"
            check(is_whole(count) and count >= 2, where, "a whole number >= 2", count)
        check_count("FractionalOU.substeps", substeps)
        check_seed("FractionalOU.seed", seed)
        times = torch.linspace(0, horizon, length, dtype=torch.float64)
        num_steps, generator = substeps * (length - 1), keyed_generator(seed)
        exact = ExactFractionalBrownian(hurst=hurst, normalize=True, horizon=horizon)
        steps = exact.increments((paths,), num_steps, generator, dtype=torch.float64)
        noise = sigma * steps @ _responses(times, num_steps, rate)
        x = level + (start - level) * torch.exp(-rate * times) + noise
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        super().__init__(
            (x + std * z).unsqueeze(-1),
            times=times.tolist(),
            standardize=standardize,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
        )


def _responses(times: Tensor, num_steps: int, rate: float) -> Tensor:
    """Responses at each time to one unit of dB spread over a step of the grid, (num_steps, T)."""
    h = float(times[-1]) / num_steps
    ends = h * torch.arange(1, num_steps + 1, dtype=times.dtype).unsqueeze(1)
    # The last step before a time ends at it, up to rounding.
    age = times - ends
    spread = -math.expm1(-rate * h) / (rate * h) if rate > 0 else 1.0
    return torch.where(age > -h / 2, spread * torch.exp(-rate * age.clamp(min=0)), 0)


def _check_numbers(
    hurst: float,
    rate: float,
    level: float,
    sigma: float,
    start: float,
    horizon: float,
    std: float,
) -> None:
    check_open_interval("FractionalOU.hurst", hurst, 0, 1)
    check_positive("FractionalOU.horizon", horizon)
    for name, value in (("level", level), ("start", start)):
        check_finite(f"FractionalOU.{name}", value)
    for name, value in (("rate", rate), ("sigma", sigma), ("std", std)):
        check_not_negative(f"FractionalOU.{name}", value)
