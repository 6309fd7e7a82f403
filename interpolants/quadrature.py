"""Integrals over [0, 1] by nodes and weights."""

from __future__ import annotations

import functools

import torch
from torch import Tensor


@functools.cache
def gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Nodes in (0, 1) and weights, float64 on the host, (count,) each.

    Eigenvalues of the Jacobi matrix (Golub and Welsch); exact for polynomials up to the degree
    2 count - 1.
    """
    with torch.inference_mode(False):
        k = torch.arange(1, count, dtype=torch.float64)
        side = k / (4 * k.square() - 1).sqrt()
        values, vectors = torch.linalg.eigh(torch.diag(side, 1) + torch.diag(side, -1))
        return (1 + values) / 2, vectors[0].square()
