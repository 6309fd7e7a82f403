"""Flow maps in closed form: between mixtures on a line, and between Gaussians in the plane."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np
import scipy.linalg
import torch
from numpy.polynomial import chebyshev
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from helpers.problems import TABLE_BASE, TABLE_TARGET, Gaussians
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.fields.jumps import Jumps
from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.trigonometric import TrigonometricInterpolant
from interpolants.net.condition import Condition
from interpolants.testing.exact import ExactFields

_HALVINGS, _STEPS = 12, 3
_DEGREE = 48


class ClosedMap(nn.Module, abc.ABC):
    """u(s, t, x) + weights . (1, x, h, h x) of a map X(s, t, x), h = t - s, in float64.

    Args:
        path: the path whose velocity the map follows.
        velocity: network of that velocity, which is u where s = t.
    """

    def __init__(self, path: AffineInterpolant, velocity: nn.Module) -> None:
        super().__init__()
        self.path, self.velocity = path, velocity
        self.weights = nn.Parameter(torch.zeros(4, dtype=torch.float64))

    @abc.abstractmethod
    def jump(self, s: Tensor, t: Tensor, x: Tensor) -> Tensor:
        """X(s, t, x), with exact first derivatives; times (B,), x (B, D)."""

    @abc.abstractmethod
    def log_density(self, t: Tensor, x: Tensor) -> Tensor:
        """Log density of the path at t, (B,)."""

    def forward(self, t: Tensor, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Mean velocity of the jump to `condition.until`, (B, 1, D)."""
        until = t if condition is None or condition.until is None else condition.until
        s, until = t.expand(len(x)), until.expand(len(x))
        h = (until - s)[:, None]
        same = h.abs() < 1e-14
        exact = self.velocity(s, x)[:, 0]
        if not same.all():
            jumped = (self.jump(s, until, x) - x) / torch.where(same, torch.ones_like(h), h)
            exact = torch.where(same, exact, jumped)
        basis = torch.stack([torch.ones_like(x), x, h.expand_as(x), h * x])
        heads: Tensor = (exact + torch.tensordot(self.weights, basis, dims=1)).unsqueeze(1)
        return heads

    def fields(self) -> Fields:
        return Fields(
            net=self, interpolant=self.path, predicts="velocity", jumps=Jumps(backward=True)
        )


class MixtureMap(ClosedMap):
    """Map between mixtures on the line, X = F_t^-1(F_s(x)) with F the distribution function."""

    def __init__(self, path: AffineInterpolant, base: GaussianMixture = TABLE_BASE) -> None:
        target, predicts = TABLE_TARGET, "velocity"
        velocity = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
        super().__init__(path, velocity)
        self.base, self.target = base, target
        self.shares = torch.outer(base.weights, target.weights).flatten()

    def components(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the components at t, (B, K)."""
        c, shape = self.path.coefficients(t[:, None, None]), (len(t), -1)
        means = c.alpha * self.base.means + c.beta * self.target.means.mT
        v0, v1 = (part.covariances[:, 0] for part in (self.base, self.target))
        variances = c.alpha.square() * v0 + c.beta.square() * v1.mT
        return means.reshape(shape), (variances + c.gamma.square()).sqrt().reshape(shape)

    def log_density(self, t: Tensor, x: Tensor) -> Tensor:
        log_density: Tensor = self.velocity.log_density(t, x)
        return log_density

    def jump(self, s: Tensor, t: Tensor, x: Tensor) -> Tensor:
        start, end = self.components(s), self.components(t)
        fixed_start, fixed_end = ([part.detach() for part in each] for each in (start, end))
        fixed_x = x.detach()
        # The smaller tail is the one that is known to full precision.
        below = self._tail(fixed_start, fixed_x, torch.ones_like(x))
        side = torch.where(below < 0.5, 1.0, -1.0)
        y = self._solved(fixed_end, self._tail(fixed_start, fixed_x, side), side)
        # A step of Newton's method, which has the derivatives of the solution.
        away = self._tail(start, x, side) - self._tail(end, y, side)
        return y + side * away / self._density(fixed_end, y)

    def _tail(self, components: Sequence[Tensor], x: Tensor, side: Tensor) -> Tensor:
        """Mass below x where the side is 1, above it where it is -1, (B, 1)."""
        means, stds = components
        each = torch.erfc(side * (means - x) / (stds * 2**0.5))
        return 0.5 * (self.shares * each).sum(dim=1, keepdim=True)

    def _density(self, components: Sequence[Tensor], x: Tensor) -> Tensor:
        means, stds = components
        each = (-0.5 * ((x - means) / stds).square()).exp() / (stds * (2 * torch.pi) ** 0.5)
        return (self.shares * each).sum(dim=1, keepdim=True)

    def _solved(self, components: Sequence[Tensor], tail: Tensor, side: Tensor) -> Tensor:
        """State of a tail: halving between quantiles of the components, then Newton's method."""
        means, stds = components
        quantiles = means + side * stds * torch.special.ndtri(tail)
        low, high = quantiles.aminmax(dim=1, keepdim=True)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            above = side * (self._tail(components, middle, side) - tail) > 0
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        x = 0.5 * (low + high)
        for _ in range(_STEPS):
            away = tail - self._tail(components, x, side)
            x = x + side * away / self._density(components, x)
        return x


class GaussianMap(ClosedMap):
    """Map between Gaussians, X = m_t + Phi(s, t) (x - m_s), whose covariances do not commute."""

    def __init__(self, path: AffineInterpolant) -> None:
        turn = torch.tensor([[np.cos(0.9), -np.sin(0.9)], [np.sin(0.9), np.cos(0.9)]])
        covariances = (
            torch.diag(torch.tensor([2, 0.2], dtype=torch.float64)),
            turn @ torch.diag(torch.tensor([3, 0.1], dtype=torch.float64)) @ turn.mT,
        )
        means = (0.5, -1.0), (1.0, 2.0)
        problem = Gaussians(path, ["velocity"], means=means, covariances=covariances)
        super().__init__(path, problem)
        self.problem, self.covariances = problem, covariances
        self.ratios, self.modes = map(
            torch.from_numpy, scipy.linalg.eigh(covariances[1].numpy(), covariances[0].numpy())
        )
        self.series = None if path.gamma.is_zero else _fundamental(self.problem)

    def jump(self, s: Tensor, t: Tensor, x: Tensor) -> Tensor:
        centred = (x - self.problem.mean(s)).unsqueeze(-1)
        return self.problem.mean(t) + (self.phi(s, t) @ centred).squeeze(-1)

    def log_density(self, t: Tensor, x: Tensor) -> Tensor:
        mean, covariance = self.problem.mean(t), self.problem.covariance(t)
        return MultivariateNormal(mean, covariance).log_prob(x)

    def phi(self, s: Tensor, t: Tensor) -> Tensor:
        """Matrix of the map, (B, 2, 2); a closed form without latent noise."""
        if self.series is not None:
            return self._from_zero(t) @ torch.linalg.inv(self._from_zero(s))
        spread = (self._spread(t) / self._spread(s)).sqrt()
        return self.covariances[0] @ self.modes @ (spread.unsqueeze(-1) * self.modes.mT)

    def _spread(self, t: Tensor) -> Tensor:
        c = self.path.coefficients(t[:, None])
        return c.alpha.square() + c.beta.square() * self.ratios

    def _from_zero(self, t: Tensor) -> Tensor:
        """Phi(0, t) by the recurrence of Chebyshev polynomials."""
        x = 2 * t - 1
        basis = [torch.ones_like(x), x]
        for _ in range(2, _DEGREE + 1):
            basis.append(2 * x * basis[-1] - basis[-2])
        assert self.series is not None
        return torch.einsum("kb,kij->bij", torch.stack(basis), self.series)


def _fundamental(problem: Gaussians) -> Tensor:
    """Chebyshev coefficients of the solution of Phi' = S C^-1 Phi, Phi(0) = Id, on [0, 1].

    By collocation: the equation holds at the Chebyshev points.
    """
    nodes = chebyshev.chebpts1(_DEGREE)
    t = torch.from_numpy((nodes + 1) / 2)
    rates = (problem.gain("velocity", t) @ torch.linalg.inv(problem.covariance(t))).numpy()
    identity, values = np.eye(2), chebyshev.chebvander(nodes, _DEGREE)
    slopes = 2 * chebyshev.chebvander(nodes, _DEGREE - 1) @ chebyshev.chebder(np.eye(_DEGREE + 1))
    start = chebyshev.chebvander(np.array([-1.0]), _DEGREE)
    equation = np.einsum("jk,il->jikl", slopes, identity) - np.einsum(
        "jil,jk->jikl", rates, values
    )
    rows = np.concatenate([equation, np.einsum("jk,il->jikl", start, identity)])
    known = np.concatenate([np.zeros((2 * _DEGREE, 2)), identity])
    solved = np.linalg.solve(rows.reshape(len(known), len(known)), known)
    return torch.from_numpy(solved.reshape(_DEGREE + 1, 2, 2))


_MIXTURE_BASE = GaussianMixture(
    means=[[-1.5], [1.0]], weights=[0.5, 0.5], covariances=[[[0.3]], [[0.6]]]
)
_LINEAR = LinearInterpolant(gamma=ZeroGamma())
_TRIGONOMETRIC = TrigonometricInterpolant(gamma=ZeroGamma())
MIXTURES = {
    "A": MixtureMap(_LINEAR),
    "A_trig": MixtureMap(_TRIGONOMETRIC),
    "A2": MixtureMap(LinearInterpolant()),
    "B": MixtureMap(_LINEAR, _MIXTURE_BASE),
}
GAUSSIANS = {
    "G2": GaussianMap(_LINEAR),
    "G2_trig": GaussianMap(_TRIGONOMETRIC),
    "G2_noise": GaussianMap(LinearInterpolant()),
}
MAPS: dict[str, ClosedMap] = {**MIXTURES, **GAUSSIANS}
