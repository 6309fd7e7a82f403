"""Mixtures of Gaussians in any dimension, with their density and score in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.data.base import Batch, Distribution
from interpolants.utils.checks import check, check_count, check_positive, check_seed
from interpolants.utils.seeds import keyed_generator

Numbers = Sequence[float]


@final
class GaussianMixture(Distribution):
    """p(x) = sum_k weights_k N(x; means_k, covariances_k); the label of a draw is its component.

    Without `means` there are `modes` components with random means, drawn from `seed` uniformly on
    the sphere of radius `radius` in `dim` dimensions.

    Args:
        means: K points of D coordinates, or None for random ones.
        weights: K numbers > 0, divided by their sum; equal if None.
        std: standard deviations > 0: one number, K numbers, or K x D numbers.
        covariances: K symmetric positive definite D x D matrices, used instead of `std`.
        modes, dim, radius, seed: settings of random means, used only if `means` is None.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1 (the
            exact moments of the mixture).

    Attributes:
        weights: shape (K,), float64.
        means: shape (K, D), float64.
        covariances: shape (K, D, D), float64.

    Raises:
        ValueError: if the shapes do not agree or a number is out of range.
    """

    def __init__(
        self,
        *,
        means: Sequence[Numbers] | None = None,
        weights: Numbers | None = None,
        std: float | Numbers | Sequence[Numbers] = 0.5,
        covariances: Sequence[Sequence[Numbers]] | None = None,
        modes: int = 5,
        dim: int = 2,
        radius: float = 4.0,
        seed: int = 0,
        standardize: bool = True,
    ) -> None:
        if means is None:
            self.means = _random_means(modes, dim, radius, seed)
        else:
            self.means = _float64("GaussianMixture.means", means, "K points of D coordinates each")
            is_table = self.means.dim() == 2 and self.means.numel() > 0
            check(is_table, "GaussianMixture.means", "K points of D coordinates each", means)
        num_modes, size = self.means.shape
        self.weights = _weights(weights, num_modes)
        self.covariances = (
            _diagonal_covariances(std, num_modes, size)
            if covariances is None
            else _full_covariances(covariances, num_modes, size)
        )
        self._factors = torch.linalg.cholesky(self.covariances)
        eye = torch.eye(size, dtype=torch.float64)
        self._whiteners = torch.linalg.solve_triangular(self._factors, eye, upper=False)
        log_scales = self._factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        self._log_norms = self.weights.log() - log_scales - size / 2 * math.log(2 * math.pi)
        self.event_shape = (size,)
        self.shift, self.scale = self._exact_units() if standardize else self.units(False)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        device = generator.device
        weights = self.weights.to(device)
        label = torch.multinomial(weights, n, replacement=True, generator=generator)
        x = torch.randn(n, *self.event_shape, generator=generator, device=device)
        # Component by component: gathering a D x D factor per sample would not fit in memory.
        for k, (mean, factor) in enumerate(zip(self.means, self._factors, strict=True)):
            rows = label == k
            x[rows] = mean.to(x) + x[rows] @ factor.to(x).T
        return Batch(x, label)

    def log_density(self, x: Tensor) -> Tensor:
        """Log density log p(x) at raw coordinates, (B, D) to (B,), in the precision of `x`."""
        log_density: Tensor = self._log_joint(self._whiten(x)).logsumexp(dim=0)
        return log_density

    def score(self, x: Tensor) -> Tensor:
        """Score grad log p(x) at raw coordinates, (B, D) to (B, D), in the precision of `x`."""
        white = self._whiten(x)
        posterior = self._log_joint(white).softmax(dim=0)
        scores: Tensor = -(white @ self._whiteners.to(x))
        return (posterior[..., None] * scores).sum(dim=0)

    def _exact_units(self) -> tuple[Tensor, Tensor]:
        mean: Tensor = self.weights @ self.means
        variances = self.covariances.diagonal(dim1=1, dim2=2) + (self.means - mean).square()
        variance: Tensor = self.weights @ variances
        return mean.float(), variance.sqrt().float()

    def _whiten(self, x: Tensor) -> Tensor:
        """Whitened coordinates L_k^-1 (x - means_k) of every component, (B, D) to (K, B, D)."""
        white: Tensor = (x - self.means.to(x)[:, None]) @ self._whiteners.to(x).mT
        return white

    def _log_joint(self, white: Tensor) -> Tensor:
        """Log joint density of component and x, from whitened coordinates, (K, B, D) to (K, B)."""
        log_joint: Tensor = self._log_norms.to(white)[:, None] - white.square().sum(dim=2) / 2
        return log_joint


def _float64(where: str, values: object, rule: str) -> Tensor:
    try:
        tensor = torch.as_tensor(values, dtype=torch.float64)
    except (TypeError, ValueError):
        tensor = torch.tensor(math.nan)
    finite = bool(torch.isfinite(tensor).all()) and not isinstance(values, bool)
    check(finite, where, rule, values)
    return tensor


def _random_means(modes: int, dim: int, radius: float, seed: int) -> Tensor:
    check_count("GaussianMixture.modes", modes)
    check_count("GaussianMixture.dim", dim)
    check_positive("GaussianMixture.radius", radius)
    check_seed("GaussianMixture.seed", seed)
    directions = torch.randn(modes, dim, generator=keyed_generator(seed), dtype=torch.float64)
    means: Tensor = radius * directions / directions.norm(dim=1, keepdim=True)
    return means


def _weights(weights: Numbers | None, num_modes: int) -> Tensor:
    if weights is None:
        return torch.full((num_modes,), 1 / num_modes, dtype=torch.float64)
    rule = f"{num_modes} numbers > 0, one for each component"
    values = _float64("GaussianMixture.weights", weights, rule)
    is_valid = values.shape == (num_modes,) and bool((values > 0).all())
    check(is_valid, "GaussianMixture.weights", rule, weights)
    return values / values.sum()


def _diagonal_covariances(
    std: float | Numbers | Sequence[Numbers], num_modes: int, size: int
) -> Tensor:
    rule = f"numbers > 0: one, {num_modes}, or {num_modes} x {size} of them"
    values = _float64("GaussianMixture.std", std, rule)
    shapes = ((), (num_modes,), (num_modes, size))
    is_valid = values.shape in shapes and bool((values > 0).all())
    check(is_valid, "GaussianMixture.std", rule, std)
    if values.dim() == 1:
        values = values[:, None]
    return torch.diag_embed(values.square().expand(num_modes, size))


def _full_covariances(
    covariances: Sequence[Sequence[Numbers]], num_modes: int, size: int
) -> Tensor:
    where = "GaussianMixture.covariances"
    shape = (num_modes, size, size)
    values = _float64(where, covariances, f"finite numbers of shape {shape}")
    check(values.shape == shape, where, f"shape {shape}", tuple(values.shape))
    for k, matrix in enumerate(values):
        is_valid = torch.allclose(matrix, matrix.T) and torch.linalg.cholesky_ex(matrix).info == 0
        check(bool(is_valid), where, "symmetric positive definite matrices", f"another as no. {k}")
    return values
