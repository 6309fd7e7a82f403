"""Errors of a score that leave the distributions of samples as they are."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from interpolants.fields.fields import Fields
from interpolants.fields.wasserstein import check_gradient_flow
from interpolants.utils.checks import check


def gauge_perturb(fields: Fields, antisymmetric: Tensor) -> Fields:
    """Fields with the score (I + A) s, A antisymmetric, of the same marginals p_t.

    The error A s is no gradient, and moves no mass: div(p_t A grad log p_t) = div(A grad p_t)
    = sum_ij A_ij d_i d_j p_t = 0. So the probability flow and every SDE have the same marginals
    with it, up to errors of the solver, which grow with A. An error that is a gradient, such as
    0.2 s, changes them.

    Args:
        fields: fields of a one-sided path with a score, of vectors (D,).
        antisymmetric: A = -A^T, (D, D).

    Raises:
        ValueError: if A is not antisymmetric, the path is not one-sided, or there is no score.
    """
    check_gradient_flow(fields)
    a = antisymmetric
    square = a.dim() == 2 and a.shape[0] == a.shape[1]
    fits = square and bool((a == -a.T).all())
    rule = "a square matrix with A = -A^T"
    check(fits, "gauge_perturb.antisymmetric", rule, a.tolist())
    return Fields(
        net=_LinearInScore(fields, torch.eye(len(a), dtype=a.dtype) + a),
        interpolant=fields.interpolant,
        predicts="score",
        base=fields.base,
        coupling=fields.coupling,
    )


@final
class _LinearInScore(nn.Module):
    """The score of fields, times a matrix, as the prediction of a network."""

    def __init__(self, fields: Fields, matrix: Tensor) -> None:
        super().__init__()
        self.fields = fields
        self.register_buffer("matrix", matrix)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        score = self.fields.score(t, x)
        turned: Tensor = score @ self.get_buffer("matrix").to(score).T
        return turned.unsqueeze(1)
