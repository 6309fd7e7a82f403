"""Gradient part of the error of a learned field, from training pairs alone.

An error e of a field moves no probability if its average with every gradient, E[e . grad psi], is
zero. What matters is its projection onto gradients,

    E_grad = sup_psi 2 E[e . grad psi] - E|grad psi|^2,

the squared norm of e in a dual Sobolev space. The true field is not needed, since E[b . grad psi]
is E[xt_dot . grad psi] for the velocity, and -E[Laplacian psi] for the score. Over the span of
m features it is b^T G^-1 b with G = E[grad psi grad psi^T] and b = E[e . grad psi]: a lower bound
of the supremum, and an absolute error, where the loss is known up to a constant alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.diagnostic.ridge_features import RidgeFeatures, Slopes
from interpolants.utils.checks import check

# Directions of the Gram matrix below this share of the largest carry noise alone: features whose
# gradients nearly depend on each other, and whose Laplacians do not.
_SMALLEST = 1e-3


class GradientError(NamedTuple):
    """Estimate of E_grad, summed over the event.

    Attributes:
        value: the estimate without bias; below zero at times, where the error is small.
        standard_error: of `value`.
        bias: of the plain estimate b^T G^-1 b, which is `value` + `bias`.
        rank: number of features that do not depend on others.
        mean_square: E|field|^2, for comparison.
    """

    value: float
    standard_error: float
    bias: float
    rank: int
    mean_square: float


def velocity_gradient_error(
    features: RidgeFeatures, x: Tensor, velocity: Tensor, target: Tensor
) -> GradientError:
    """Gradient part of the error of a velocity.

    It serves other regressions too, such as that of the denoiser on z.

    Args:
        features: the features.
        x: points on paths, (B, *event), of independent pairs at one time.
        velocity: the learned velocity there.
        target: derivatives of the paths, whose mean given x is the true velocity.
    """
    slopes = features.slopes(x)
    rest = (velocity.double() - target.double()).flatten(1)
    along = slopes.first * (rest @ features.directions.T)
    return _galerkin(features, slopes, along, velocity)


def score_gradient_error(features: RidgeFeatures, x: Tensor, score: Tensor) -> GradientError:
    """Gradient part of the error of a score, from states alone.

    Args:
        features: the features.
        x: states of the true distribution, (B, *event), at one time.
        score: the learned score there.
    """
    slopes = features.slopes(x)
    along = slopes.first * (score.double().flatten(1) @ features.directions.T)
    along = along + slopes.second * features.directions.square().sum(1)
    return _galerkin(features, slopes, along, score)


def _galerkin(
    features: RidgeFeatures, slopes: Slopes, along: Tensor, field: Tensor
) -> GradientError:
    """E_grad from the values e . grad psi_j of each row, (B, m).

    The Gram matrix of either half of the rows meets the averages of the other. Of the same rows,
    the two would be dependent, and the estimate would not vanish on average with the error.
    """
    n, count = along.shape
    rule = f"at least {4 * count} states, 4 for each feature"
    check(n >= 4 * count, "gradient_error.x", rule, n, "use more rows, or fewer features")
    w = features.directions
    halves = [_inverse(w, slopes.first[k::2])[0] for k in range(2)]
    parts = [_paired(along[k::2], halves[1 - k]) for k in range(2)]
    value, bias = torch.tensor(parts).mean(0).tolist()
    inverse, rank = _inverse(w, slopes.first)
    best, spread = inverse @ along.mean(0), inverse @ torch.cov(along.T)
    # Linear part of the error in the averages and in the Gram matrix, and the quadratic part,
    # which is left where there is no error, and which the variance of the linear part repeats.
    linear = 2 * along @ best - ((slopes.first * best) @ w).square().sum(1)
    quadratic = float((spread @ spread).trace()) / n**2
    variance = max(float(linear.var()) / n - 4 * quadratic, 0.0) + 4 * quadratic
    size = float(field.double().flatten(1).square().sum(1).mean())
    return GradientError(value, variance**0.5, bias, rank, size)


def _paired(along: Tensor, inverse: Tensor) -> tuple[float, float]:
    """Mean of a^T G^-1 a' over pairs of different rows, and what equal rows would add."""
    mean = along.mean(0)
    bias = float((inverse @ torch.cov(along.T)).trace()) / len(along)
    return float(mean @ inverse @ mean) - bias, bias


def _inverse(w: Tensor, first: Tensor) -> tuple[Tensor, int]:
    """Inverse of the Gram matrix of the gradients, without its smallest directions, and rank."""
    gram = (first.T @ first / len(first)) * (w @ w.T)
    scale = gram.diagonal().clamp(min=torch.finfo(gram.dtype).tiny).rsqrt()
    values, vectors = torch.linalg.eigh(scale[:, None] * gram * scale)
    kept = values > _SMALLEST * values[-1]
    root = scale[:, None] * vectors[:, kept] * values[kept].rsqrt()
    return root @ root.T, int(kept.sum())
