"""Distances between all rows of two samples."""

from __future__ import annotations

import torch
from torch import Tensor

# From this dimension on, |x - y|^2 = |x|^2 + |y|^2 - 2 x.y by matrix product is much faster, and
# distances of high-dimensional samples concentrate away from zero, where that form is accurate.
_MATMUL_DIMENSION = 32
# Up to this one, a pass over all pairs for each coordinate is several times as fast as cdist.
_FEW_DIMENSIONS = 8


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances |x_i - y_j|, (n, m), of rows (n, D) and (m, D)."""
    if 0 < x.shape[1] <= _FEW_DIMENSIONS:
        total = x.new_zeros(len(x), len(y))
        for k in range(x.shape[1]):
            gap = x[:, k, None] - y[:, k]
            total.addcmul_(gap, gap)
        return total.sqrt_()
    matmul = x.shape[1] >= _MATMUL_DIMENSION
    mode = "use_mm_for_euclid_dist" if matmul else "donot_use_mm_for_euclid_dist"
    return torch.cdist(x, y, compute_mode=mode)
