"""Largest rate of rotation of a field, which explicit solver steps have to resolve."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.diagnostic.jacobian import FieldAt, antisymmetric_product
from interpolants.utils.checks import check_count


class Rotation(NamedTuple):
    """Largest singular value of K = J - J^T at each state, and the plane it acts in.

    Attributes:
        rate: estimates of max |K|, (B,), from below.
        first, second: orthonormal vectors of the plane, (B, *event); zeros where K vanishes.
    """

    rate: Tensor
    first: Tensor
    second: Tensor

    def stiffness(self, step: float) -> Tensor:
        """h |K| for a step of length h, (B,); Euler's method needs values far below 1."""
        return step * self.rate


def strongest_rotation(
    field: FieldAt,
    t: Tensor,
    x: Tensor,
    *,
    iterations: int = 20,
    generator: torch.Generator | None = None,
) -> Rotation:
    """Find the largest singular value of K = J - J^T by power iteration.

    K is antisymmetric, so that -K^2 is symmetric, its eigenvalues come in pairs, and z and K z are
    orthogonal vectors of one plane. The estimates grow with the iterations and stay below the
    value.

    Args:
        field: the field.
        t: times, 0-d or (B,).
        x: states, (B, *event).
        iterations: products with K, > 0, of one forward and one reverse derivative each.
        generator: draws the first vectors, on x's device.
    """
    check_count("strongest_rotation.iterations", iterations)
    z = _unit(torch.empty_like(x).normal_(generator=generator))
    first = moved = z
    for _ in range(iterations):
        first = z
        moved = antisymmetric_product(field, t, x, z)
        z = _unit(moved)
    still = _norm(moved) == 0
    return Rotation(_norm(moved).flatten(), first.masked_fill(still, 0), z)


def _norm(z: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(z.flatten(1), dim=1)
    return norm.view(-1, *[1] * (z.dim() - 1))


def _unit(z: Tensor) -> Tensor:
    norm = _norm(z)
    return z / torch.where(norm > 0, norm, 1)
