"""Roots of covariances that are singular to rounding, as those of banks are."""

from __future__ import annotations

import torch
from torch import Tensor

# Modes with less than this share of the largest are rounding.
_RANK_TOLERANCE = 1e-15


def covariance_root(covariance: Tensor) -> Tensor:
    """R with R^T R the covariance, (..., N, N), largest modes first; rows of rounding are zero.

    By eigenvectors: a Cholesky factor fails.
    """
    values, vectors = torch.linalg.eigh(covariance)
    values = torch.where(values > _RANK_TOLERANCE * values[..., -1:], values, 0.0)
    root: Tensor = (vectors * values.sqrt().unsqueeze(-2)).mT.flip(-2)
    return root
