"""Blocks of a field's Jacobian in a few coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.diagnostic.jacobian import FieldAt, jacobian_product
from interpolants.utils.checks import check


def sub_jacobian(field: FieldAt, t: Tensor, x: Tensor, coordinates: Sequence[int]) -> Tensor:
    """Block df_i / dx_j of the Jacobian, i and j in `coordinates`: (B, m, m).

    Args:
        field: the field.
        t: times, 0-d or (B,).
        x: states, (B, *event).
        coordinates: m distinct numbers of elements of the flattened event.
    """
    dim, chosen = x[0].numel(), list(coordinates)
    fits = len(set(chosen)) == len(chosen) > 0 and all(0 <= i < dim for i in chosen)
    rule = f"distinct numbers of elements in [0, {dim})"
    check(fits, "sub_jacobian.coordinates", rule, chosen)
    columns = []
    for j in chosen:
        unit = torch.zeros_like(x).flatten(1)
        unit[:, j] = 1
        column = jacobian_product(field, t, x, unit.view_as(x))
        columns.append(column.flatten(1)[:, chosen])
    return torch.stack(columns, dim=2)


def antisymmetric_energy(block: Tensor, dim: int) -> Tensor:
    """Estimate |K|^2 = |J - J^T|^2 from a block of m random coordinates out of `dim`: (B,).

    The energy of the block times d (d - 1) / (m (m - 1)), unbiased for uniform coordinates.

    Args:
        block: from `sub_jacobian`, (B, m, m), m > 1.
        dim: number d of all coordinates.
    """
    m = block.shape[-1]
    check(1 < m <= dim, "antisymmetric_energy.block", f"2 to {dim} coordinates", m)
    return (block - block.mT).square().sum((1, 2)) * (dim * (dim - 1) / (m * (m - 1)))
