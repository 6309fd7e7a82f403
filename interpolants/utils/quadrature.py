"""Gauss-Legendre quadrature on [0, 1]."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor


@functools.cache
def gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Nodes in (0, 1) and weights, (count,) each, float64 on the host.

    Exact for polynomials up to degree 2 count - 1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(count)
    # Kept between calls: tensors made in inference mode could not take part in a graph later.
    with torch.inference_mode(False):
        return torch.from_numpy((1 + nodes) / 2), torch.from_numpy(weights / 2)
