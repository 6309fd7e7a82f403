"""Geometric Brownian motion as a one-sided path of logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.interpolant.base import OneSidedInterpolant
from interpolants.interpolant.schedule.base import Schedule
from interpolants.interpolant.schedule.constant import ConstantSchedule
from interpolants.utils.checks import check, is_number


@final
@dataclass(frozen=True, kw_only=True)
class GeometricBrownianInterpolant(OneSidedInterpolant):
    """Path of x = log X for dX = mu X ds + sigma X dW from data X, with s = 1 - t:

        beta = 1,   alpha(t)^2 = int_0^s sigma(u)^2 du,   shift(t) = int_0^s (mu - sigma^2 / 2) du

    On data in `space=log` this is the multiplicative diffusion of arXiv 2510.02730. The
    distribution at t=0 still depends on the data, while x0 does not: the bases `fitted` and
    `class_average` correct for that.

    Args:
        sigma: volatility, a schedule in s with values > 0; a number is a constant schedule.
        mu: drift, likewise, of any sign; None for sigma^2 / 2, without drift in log X.
    """

    sigma: Schedule | float = 0.8
    mu: Schedule | float | None = None
    exact_ends: ClassVar[bool] = False

    def __post_init__(self) -> None:
        where, rule = type(self).__name__, "a Schedule or a finite number"
        for name, value in (("sigma", self.sigma), ("mu", 0.0 if self.mu is None else self.mu)):
            known = isinstance(value, Schedule) or is_number(value)
            check(known, f"{where}.{name}", rule, value)
        values = self._sigma.value(torch.linspace(0, 1, 101, dtype=torch.float64))
        positive = bool((values > 0).all())
        check(positive, f"{where}.sigma", "values > 0 on [0, 1]", self.sigma)

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        s = 1 - t
        # The paper's code has sigma(s)^2 s for the integral, which holds for constants only.
        alpha = self._sigma.square_integral(s).sqrt()
        alpha_dot = -0.5 * self._sigma.value(s).square() / alpha
        return alpha, torch.ones_like(t), alpha_dot, torch.zeros_like(t)

    def alpha_alpha_dot(self, t: Tensor) -> Tensor:
        return -0.5 * self._sigma.value(1 - t).square()

    @property
    def shifted(self) -> bool:
        return self.mu is not None

    def shift(self, t: Tensor) -> tuple[Tensor, Tensor]:
        if self.mu is None:
            return super().shift(t)
        s, mu, sigma = 1 - t, _schedule(self.mu), self._sigma
        shift = mu.integral(s) - 0.5 * sigma.square_integral(s)
        return shift, 0.5 * sigma.value(s).square() - mu.value(s)

    @cached_property
    def _sigma(self) -> Schedule:
        return _schedule(self.sigma)


def _schedule(value: Schedule | float) -> Schedule:
    return value if isinstance(value, Schedule) else ConstantSchedule(c=value)
