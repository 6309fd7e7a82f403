"""Square roots of numerically singular covariances, as those of OU processes are."""

from __future__ import annotations

import torch
from torch import Tensor

# Eigenvalues below this fraction of the largest are rounding errors.
_RANK_TOLERANCE = 1e-15


def covariance_root(covariance: Tensor) -> Tensor:
    """Square root R of a covariance (..., N, N), with R^T R the covariance.

    Rows are ordered by decreasing eigenvalue; those of rounding errors are zero. Eigenvectors are
    used because a Cholesky factorisation fails.
    """
    values, vectors = torch.linalg.eigh(covariance)
    values = torch.where(values > _RANK_TOLERANCE * values[..., -1:], values, 0.0)
    root: Tensor = (vectors * values.sqrt().unsqueeze(-2)).mT.flip(-2)
    return root
