"""The problem of the accuracy benchmark: a Gaussian to eight narrow modes, with exact fields."""

from __future__ import annotations

import math
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import AffineInterpolant

MODES, RADIUS, STD = 8, 4.0, 0.1
PREDICTS = ("velocity", "denoiser")
# Of the exact distribution, 4 in a million lie farther than this from every mode.
_OFF = 5 * STD


def centres() -> Tensor:
    """The modes, float64, (8, 2)."""
    angle = 2 * math.pi / MODES * torch.arange(MODES, dtype=torch.float64)
    return RADIUS * torch.stack((angle.cos(), angle.sin()), dim=1)


@final
class CircleFields(nn.Module):
    """Exact velocity and denoiser between N(0, Id) and equal modes N(m_j, s^2 Id) on a circle.

    What `interpolants.testing.exact.ExactFields` returns for these, a hundred times faster:
    with one variance C = alpha^2 + beta^2 s^2 + gamma^2 and one |m_j| for all components, the
    responsibilities are softmax(beta x . m_j / C).
    """

    def __init__(self, path: AffineInterpolant) -> None:
        super().__init__()
        self.path = path
        self.register_buffer("means", centres())

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Both fields at a 0-d time, (B, 2, 2)."""
        c, means = self.path.coefficients(t), self.means.to(x)
        variance = c.alpha.square() + c.beta.square() * STD**2 + c.gamma.square()
        half_rate = c.alpha * c.alpha_dot + c.beta * c.beta_dot * STD**2 + c.gamma_gamma_dot
        mean = torch.softmax((c.beta / variance) * (x @ means.T), dim=1) @ means
        whitened = (x - c.beta * mean) / variance
        velocity = c.beta_dot * mean + half_rate * whitened
        return torch.stack([velocity, self.path.noise_level(c) * whitened], dim=1)


def exact_fields(path: AffineInterpolant) -> Fields:
    """The learned fields of a perfect network."""
    return Fields(net=CircleFields(path), interpolant=path, predicts=PREDICTS)


class Score(NamedTuple):
    """Comparison of samples with the exact distribution.

    Attributes:
        variance: within-mode variance over the true one, all modes together.
        low, high: the same, of the mode where it is least and of the one where it is most.
        off: share of the samples farther than 5 standard deviations from every mode.
        share: of the least populated mode, over 1/8.
    """

    variance: float
    low: float
    high: float
    off: float
    share: float


def score(x: Tensor) -> Score:
    """Assign samples (n, 2) to the nearest mode and compare each mode with its exact moments."""
    distance, mode = torch.cdist(x.double(), centres()).min(dim=1)
    groups = [x[mode == k].double() for k in range(MODES)]
    if min(len(group) for group in groups) < 2 or not bool(x.isfinite().all()):
        return Score(math.inf, 0.0, math.inf, float((distance > _OFF).double().mean()), 0.0)
    variances = torch.stack([group.var(dim=0).mean() for group in groups]) / STD**2
    counts = torch.tensor([float(len(group)) for group in groups])
    return Score(
        float((counts * variances).sum() / len(x)),
        float(variances.min()),
        float(variances.max()),
        float((distance > _OFF).double().mean()),
        float(counts.min()) * MODES / len(x),
    )
