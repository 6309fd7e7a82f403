"""Closed-form fields along the path between two Gaussian mixtures.

For independent ends x0 ~ sum_i p_i N(m0_i, C0_i), x1 ~ sum_j q_j N(m1_j, C1_j), on an affine path
(arXiv 2303.08797, appendix A):

    m_ij = shift + alpha m0_i + beta m1_j  C_ij = alpha^2 C0_i + beta^2 C1_j + gamma^2 Id
    r_ij = softmax( log p_i q_j N(x | m_ij, C_ij) )        y_ij = C_ij^-1 (x - m_ij)

    score    = -sum r_ij y_ij
    velocity =  sum r_ij ( m_ij' + 1/2 C_ij' y_ij )
    denoiser =  gamma sum r_ij y_ij
    E[x0|x]  =  sum r_ij ( m0_i + alpha C0_i y_ij )
    E[x1|x]  =  sum r_ij ( m1_j + beta  C1_j y_ij )

and multiplicative_score = score - 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import FIELDS
from interpolants.interpolant.base import AffineInterpolant, Coefficients
from interpolants.utils.checks import check
from interpolants.utils.shapes import expand_time


class _Posterior(NamedTuple):
    """At times (B,) and states (B, D), over the K = I * J pairs of components."""

    c: Coefficients
    alpha_alpha_dot: Tensor
    responsibility: Tensor  # (B, K)
    whitened: Tensor  # y_ij, (B, K, D)
    log_density: Tensor  # (B,)


@final
class ExactFields(nn.Module):
    """A network-shaped oracle: `net(t, x)` returns exact fields, one head per name.

    Use it as the `net` of `Fields` to test or to compare samplers without training error. Times
    must lie inside (0, 1) where the distribution of x_t is degenerate at an end.

    Args:
        base, target: distributions of x0 and x1, vectors of one dimension D.
        interpolant: an affine path; a one-sided one needs a standard normal `base`.
        predicts: the fields to return, in order.

    Raises:
        ValueError: if a name is no field, or the base of a one-sided path is not standard normal.
    """

    def __init__(
        self,
        *,
        base: GaussianMixture,
        target: GaussianMixture,
        interpolant: AffineInterpolant,
        predicts: Sequence[str] | str = ("velocity", "denoiser"),
    ) -> None:
        super().__init__()
        predicts = (predicts,) if isinstance(predicts, str) else tuple(predicts)
        known = all(name in FIELDS for name in predicts)
        check(known, "ExactFields.predicts", f"names out of {FIELDS}", predicts)
        normal = not interpolant.one_sided or _is_standard_normal(base)
        rule = f"a standard normal distribution on the one-sided {type(interpolant).__name__}"
        fix = "use GaussianMixture(means=[[0.0] * dim], std=1.0)"
        check(normal, "ExactFields.base", rule, "another mixture", fix)
        self.base, self.target = base, target
        self.interpolant = interpolant
        self.predicts = predicts

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Fields at t (0-d or (B,)) and x (B, D): shape (B, heads, D)."""
        posterior = self._posterior(t.expand(len(x)), x)
        return torch.stack([self._field(name, posterior) for name in self.predicts], dim=1)

    def log_density(self, t: Tensor, x: Tensor) -> Tensor:
        """log p_t(x), (B,)."""
        return self._posterior(t.expand(len(x)), x).log_density

    def velocity_divergence(self, t: Tensor, x: Tensor) -> Tensor:
        """div b(t, x), (B,).

        With b = sum r b_k and each b_k linear, div b = sum r tr(1/2 C_k' C_k^-1) plus the
        covariance over components of b_k and the components' own scores -y_k.
        """
        p = self._posterior(t.expand(len(x)), x)
        half_rate = self._half_rate(p)
        factor = torch.linalg.cholesky(self._covariance(p.c))
        trace = torch.diagonal(torch.cholesky_solve(half_rate, factor), dim1=-2, dim2=-1).sum(-1)
        velocities, scores = self._component_velocities(p), -p.whitened
        r = p.responsibility.unsqueeze(-1)
        centred = scores - (r * scores).sum(1, keepdim=True)
        return (p.responsibility * trace).sum(1) + (r * velocities * centred).sum((1, 2))

    def _field(self, name: str, p: _Posterior) -> Tensor:
        r, c = p.responsibility.unsqueeze(-1), p.c
        y = (r * p.whitened).sum(1)
        if name == "score":
            return -y
        if name == "multiplicative_score":
            return -y - 1
        if name == "velocity" or (name == "mean_velocity" and self.interpolant.gamma.is_zero):
            return (r * self._component_velocities(p)).sum(1)
        if name == "denoiser":
            return expand_time(self.interpolant.noise_level(c), y) * y
        target_mean = self._end_mean(p, 1)
        if name == "target_mean":
            return target_mean
        base_mean = self._end_mean(p, 0)
        moved = expand_time(c.alpha_dot, y) * base_mean + expand_time(c.beta_dot, y) * target_mean
        return moved + expand_time(c.shift_dot, y)

    def _end_mean(self, p: _Posterior, end: int) -> Tensor:
        """E[x0 | x] or E[x1 | x]."""
        means, covariances = self._ends(p.whitened)
        scale = expand_time(p.c.alpha if end == 0 else p.c.beta, p.whitened)
        spread = torch.einsum("kde,bke->bkd", covariances[end], p.whitened)
        return (p.responsibility.unsqueeze(-1) * (means[end] + scale * spread)).sum(1)

    def _component_velocities(self, p: _Posterior) -> Tensor:
        (base, target), _ = self._ends(p.whitened)
        dots = p.c.alpha_dot, p.c.beta_dot, p.c.shift_dot
        alpha_dot, beta_dot, shift_dot = (expand_time(s, p.whitened) for s in dots)
        drift = shift_dot + beta_dot * target
        if not self.interpolant.one_sided:  # else base means are 0, and alpha_dot may be infinite
            drift = drift + alpha_dot * base
        return drift + torch.einsum("bkde,bke->bkd", self._half_rate(p), p.whitened)

    def _posterior(self, t: Tensor, x: Tensor) -> _Posterior:
        c = self.interpolant.coefficients(t)
        (base, target), _ = self._ends(x)
        rows = x.unsqueeze(1)
        alpha, beta = expand_time(c.alpha, rows), expand_time(c.beta, rows)
        residual = rows - expand_time(c.shift, rows) - alpha * base - beta * target
        factor = torch.linalg.cholesky(self._covariance(c))
        half = torch.linalg.solve_triangular(factor, residual.unsqueeze(-1), upper=False)
        whitened = torch.linalg.solve_triangular(factor.mT, half, upper=True).squeeze(-1)
        log_det = torch.diagonal(factor, dim1=-2, dim2=-1).log().sum(-1)
        constant = 0.5 * x.shape[1] * math.log(2 * math.pi)
        energy = 0.5 * half.squeeze(-1).square().sum(-1)
        joint = self._log_weights(x) - energy - log_det - constant
        product = self.interpolant.alpha_alpha_dot(t)
        share, log_density = torch.softmax(joint, dim=1), torch.logsumexp(joint, dim=1)
        return _Posterior(c, product, share, whitened, log_density)

    def _log_weights(self, like: Tensor) -> Tensor:
        p, q = self.base.weights, self.target.weights
        return (p.log()[:, None] + q.log()[None, :]).flatten().to(like)

    def _ends(self, like: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Means (K, D) and covariances (K, D, D) of both ends for every pair of components."""
        base, target = self.base, self.target
        num_base, num_target = len(base.weights), len(target.weights)

        def first(value: Tensor) -> Tensor:
            return value.to(like).repeat_interleave(num_target, dim=0)

        def second(value: Tensor) -> Tensor:
            return value.to(like).repeat(num_base, *(1,) * (value.dim() - 1))

        means = first(base.means), second(target.means)
        return means, (first(base.covariances), second(target.covariances))

    def _covariance(self, c: Coefficients) -> Tensor:
        return self._mix(c.alpha.square(), c.beta.square(), c.gamma.square())

    def _half_rate(self, p: _Posterior) -> Tensor:
        return self._mix(p.alpha_alpha_dot, p.c.beta * p.c.beta_dot, p.c.gamma_gamma_dot)

    def _mix(self, of_base: Tensor, of_target: Tensor, of_noise: Tensor) -> Tensor:
        """of_base C0 + of_target C1 + of_noise Id, (B, K, D, D)."""
        _, (base, target) = self._ends(of_base)
        identity = torch.eye(base.shape[-1], dtype=base.dtype, device=base.device)
        matrices = torch.stack([base, target, identity.expand_as(base)])
        scales = torch.stack([of_base, of_target, of_noise], dim=1)
        return torch.einsum("bs,skde->bkde", scales, matrices)


def _is_standard_normal(distribution: GaussianMixture) -> bool:
    """True if every component is N(0, Id)."""
    identity = torch.eye(distribution.means.shape[1], dtype=distribution.covariances.dtype)
    return bool((distribution.means == 0).all()) and bool(
        (distribution.covariances - identity).abs().max() < 1e-12
    )
