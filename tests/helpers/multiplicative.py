"""Log-normal mixtures, with exact fields on the path of geometric Brownian motion in log x."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.problems import Gaussians
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.testing.exact import ExactFields

BASE = GaussianMixture(means=[[0.0]], std=1.0)
# Two narrow modes like those of pixels in [1, 2], and three over four decades; log x.
TARGET_A = GaussianMixture(means=[[0.05], [0.6]], weights=[0.7, 0.3], std=[0.04, 0.05])
TARGET_B = GaussianMixture(
    means=[[-2.0], [0.0], [1.5]], weights=[0.3, 0.5, 0.2], std=[0.3, 0.25, 0.2]
)


class MixtureScore(nn.Module):
    """The score of a one-dimensional mixture along the path, fast enough for many chains:

    -sum_k r_k (y - m_k) / v_k(t),    v_k(t) = s_k^2 + sigma^2 (1 - t)
    """

    def __init__(self, target: GaussianMixture, sigma: float) -> None:
        super().__init__()
        self.means, self.variances = target.means[:, 0], target.covariances[:, 0, 0]
        self.weights, self.sigma = target.weights, sigma

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        away, v = x - self.means.to(x), self.variances.to(x) + self.sigma**2 * (1 - t)
        r = torch.softmax(self.weights.log().to(x) - 0.5 * (away.square() / v + v.log()), dim=1)
        return -(r * away / v).sum(1, keepdim=True)[:, None]


def mixture_fields(target: GaussianMixture, sigma: float) -> Fields:
    """Fields of a one-dimensional mixture."""
    path = GeometricBrownianInterpolant(sigma=sigma)
    return Fields(net=MixtureScore(target, sigma), interpolant=path, predicts=("score",))


def exact_fields(target: GaussianMixture, sigma: float, predicts: str = "score") -> Fields:
    """Fields by the general formula, which is slower."""
    path, names = GeometricBrownianInterpolant(sigma=sigma), (predicts,)
    net = ExactFields(base=BASE, target=target, interpolant=path, predicts=names)
    return Fields(net=net, interpolant=path, predicts=names)


def log_normal_fields(mean: float, std: float, sigma: float) -> Fields:
    """Fields of a single log-normal distribution."""
    ends = {"means": ([0.0], [mean]), "covariances": ([[1.0]], [[std**2]])}
    return Gaussians(GeometricBrownianInterpolant(sigma=sigma), ("score",), **ends).fields()


def initial_states(
    target: GaussianMixture, sigma: float, n: int, generator: torch.Generator
) -> Tensor:
    """Exact draws of log x_t at t=0, (n, 1), float64."""
    y = target.sample(n, generator).x1.double()
    return y + sigma * torch.randn(n, 1, generator=generator, dtype=torch.float64)


def wasserstein(y: Tensor, target: GaussianMixture) -> float:
    """First Wasserstein distance of the finite samples, (n, 1), to a one-dimensional mixture."""
    ordered = y[y.isfinite()].sort().values
    level = (torch.arange(len(ordered), dtype=torch.float64) + 0.5) / len(ordered)
    low, high = level * 0 - 20, level * 0 + 20
    stds = target.covariances[:, 0, 0].sqrt()
    for _ in range(50):
        middle = 0.5 * (low + high)
        away = (middle[:, None] - target.means[:, 0]) / stds
        below = torch.special.ndtr(away) @ target.weights < level
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return float((ordered - low).abs().mean())
