"""Mixtures of log-normal distributions, positive data with density and score in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.data.base import Batch, Distribution
from interpolants.data.gaussian_mixture import GaussianMixture, Numbers
from interpolants.space.base import Space
from interpolants.space.log import LogSpace
from interpolants.utils.checks import check, check_finite

_LOG_MEANS = ((-0.7, 1.1), (1.1, -0.7), (1.3, 1.3))
_LOG_STD = ((0.5, 0.25), (0.25, 0.5), (0.3, 0.3))


@final
class LogNormalMixture(Distribution):
    """x = exp(y) with y a Gaussian mixture of independent coordinates; the label is the component.

    By default it has three skewed modes in the plane.

    Args:
        log_means: K points of D coordinates, the means of log x.
        log_std: standard deviations of log x, > 0: one number, K numbers, or K x D numbers.
        weights: K numbers > 0, divided by their sum; equal if None.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1 (the
            exact moments of the mixture; in space=log without a map, those of log x).

    Attributes:
        logs: the mixture of log x.

    Raises:
        ValueError: if the shapes do not agree or a number is out of range.
    """

    def __init__(
        self,
        *,
        log_means: Sequence[Numbers] = _LOG_MEANS,
        log_std: float | Numbers | Sequence[Numbers] = _LOG_STD,
        weights: Numbers | None = None,
        standardize: bool = False,
    ) -> None:
        where, rule = "LogNormalMixture.log_means", "K points of D coordinates each"
        check(log_means is not None, where, rule, log_means)
        try:
            self.logs = GaussianMixture(
                means=log_means, std=log_std, weights=weights, standardize=True
            )
        except ValueError as error:
            raise ValueError(f"LogNormalMixture, the mixture of log x: {error}") from error
        self.event_shape = self.logs.event_shape
        self.shift, self.scale = self._exact_units() if standardize else self.units(False)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        y = self.logs.sample(n, generator)
        return y._replace(x1=y.x1.exp())

    def chart_moments(self, space: Space, rows: Tensor) -> tuple[Tensor, Tensor]:
        if space.same_as(LogSpace()):
            return self.logs.shift, self.logs.scale
        return super().chart_moments(space, rows)

    def log_density(self, x: Tensor) -> Tensor:
        """Log density log p(x), (B, D) to (B,), in the precision of `x`.

        It is log q(log x) - sum_i log x_i, with q the density of log x; -infinity outside of the
        positive numbers.
        """
        inside = (x > 0).all(dim=1)
        y = torch.where(inside[:, None], x, torch.ones_like(x)).log()
        return torch.where(inside, self.logs.log_density(y) - y.sum(dim=1), -torch.inf)

    def multiplicative_score(self, x: Tensor) -> Tensor:
        """Multiplicative score x * grad log p(x) for x > 0, (B, D) to (B, D), as precise as `x`.

        It is grad log q(y) - 1 at y = log x.
        """
        return self.logs.score(x.log()) - 1

    def moment(self, power: float) -> Tensor:
        """Moment E x_i^a of every coordinate, for any number a, (D,), float64.

        It is sum_k w_k exp(a m_ki + a^2 v_ki / 2), with m and v the moments of log x.
        """
        check_finite("LogNormalMixture.moment.power", power)
        variances = self.logs.covariances.diagonal(dim1=1, dim2=2)
        moment: Tensor = self.logs.weights @ torch.exp(
            power * self.logs.means + power**2 * variances / 2
        )
        return moment

    def cdf(self, x: Tensor) -> Tensor:
        """Distribution function of every coordinate, (B, D) to (B, D), in the precision of `x`."""
        stds = self.logs.covariances.diagonal(dim1=1, dim2=2).sqrt()
        y = x.clamp(min=0).log()[:, None]
        each = torch.special.ndtr((y - self.logs.means.to(x)) / stds.to(x))
        return torch.einsum("k,bkd->bd", self.logs.weights.to(x), each)

    def _exact_units(self) -> tuple[Tensor, Tensor]:
        mean = self.moment(1)
        return mean.float(), (self.moment(2) - mean.square()).sqrt().float()
