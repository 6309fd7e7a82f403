"""A path between two Gaussians whose covariances do not commute, with its exact velocity."""

import math

import torch

T = 0.4
_ANGLE = 0.9
ROTATION = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)


def _diagonal(*values):
    return torch.diag(torch.tensor(values, dtype=torch.float64))


def _turned(matrix, angle=_ANGLE):
    cos, sin = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    return turn @ matrix @ turn.T


C0 = _diagonal(2.0, 0.2)
C1 = _turned(_diagonal(3.0, 0.1))
C = (1 - T) ** 2 * C0 + T**2 * C1
C_DOT = 2 * (T * C1 - (1 - T) * C0)
# Of the velocity b(x) = M x.
M = (T * C1 - (1 - T) * C0) @ torch.linalg.inv(C)


def gradient_part(matrix, covariance=C):
    """Symmetric S of the gradient part S x of a linear field: S C + C S = E C + C E^T."""
    dim = len(matrix)
    eye = torch.eye(dim, dtype=torch.float64)
    operator = torch.kron(covariance, eye) + torch.kron(eye, covariance)
    right = matrix @ covariance + covariance @ matrix.T
    return torch.linalg.solve(operator, right.flatten()).view(dim, dim)


def mean_square(matrix, covariance=C):
    """E|E x|^2 for x ~ N(0, C)."""
    return float((matrix @ covariance @ matrix.T).trace())


def pairs(n, seed):
    """Points of n paths at time T, and their derivatives."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(2, n, 2, generator=generator, dtype=torch.float64)
    x0, x1 = (e @ torch.linalg.cholesky(c).T for e, c in zip(z, (C0, C1), strict=True))
    return (1 - T) * x0 + T * x1, x1 - x0


def linear(matrix):
    """The field x -> matrix x, of any time."""
    return lambda t, x: x @ matrix.T
