"""Distances between all rows of two samples, in any units and without cancellation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# From this dimension on, |x - y|^2 = |x|^2 + |y|^2 - 2 x.y by matrix product is much faster.
_MATMUL_DIMENSION = 32
# Up to this one, a pass over all pairs for each coordinate is several times as fast as cdist.
_FEW_DIMENSIONS = 8
# Below this share of |x|^2 + |y|^2 the product has lost digits, of the sixteen of float64.
_CANCELLED = 1e-6


def in_own_units(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
    """Rows of magnitude at most two, and the unit they are in.

    The unit is a power of two, so that dividing by it rounds nothing: where squares neither over-
    nor underflow, what is computed from the result, times the unit, is the same bit for bit.

    Args:
        x, y: shape (n, D) and (m, D).
    """
    largest = max(float(x.abs().amax()), float(y.abs().amax()))
    known = largest > 0 and math.isfinite(largest)
    unit = 2.0 ** (math.frexp(largest)[1] - 1) if known else 1.0
    return x / unit, y / unit, unit


def centred(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Rows about the common middle of both sets, near which distances cancel less."""
    centre = (x.mean(dim=0) + y.mean(dim=0)) / 2
    return x - centre, y - centre


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances |x_i - y_j|, (n, m), in the precision of rows of few numbers.

    Rows of many numbers are compared in float64 by a matrix product, and again by their
    differences where that has lost digits.

    Args:
        x, y: rows, as from `centred`, (n, D) and (m, D).
    """
    if 0 < x.shape[1] <= _FEW_DIMENSIONS:
        # Differences along memory take a quarter of the time.
        x_columns, y_columns = x.T.contiguous(), y.T.contiguous()
        total = (x_columns[0, :, None] - y_columns[0]).square_()
        for own, other in zip(x_columns[1:], y_columns[1:], strict=True):
            gap = own[:, None] - other
            total.addcmul_(gap, gap)
        return total.sqrt_()
    direct = "donot_use_mm_for_euclid_dist"
    if x.shape[1] < _MATMUL_DIMENSION:
        return torch.cdist(x, y, compute_mode=direct)
    x, y = x.double(), y.double()
    found = torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist")
    squares = x.square().sum(dim=1, keepdim=True) + y.square().sum(dim=1)
    i, j = (found.square() < _CANCELLED * squares).nonzero(as_tuple=True)
    if len(i) > len(x) + len(y):
        return torch.cdist(x, y, compute_mode=direct)
    found[i, j] = torch.linalg.vector_norm(x[i] - y[j], dim=1)
    return found
