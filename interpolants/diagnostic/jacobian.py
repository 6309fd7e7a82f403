"""Products of a field's Jacobian with vectors, by torch.func, which inference mode allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from interpolants.objective.forward_mode import with_derivative

FieldAt = Callable[[Tensor, Tensor], Tensor]
"""Field f(t, x): t is 0-d or (B,), x and f are (B, *event); rows do not depend on each other."""


def jacobian_product(field: FieldAt, t: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """J z for each row, with J = df/dx; all (B, *event)."""
    return with_derivative(lambda state: field(t, state), (x,), (z,))[1]


def transposed_product(field: FieldAt, t: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """J^T z for each row, with J = df/dx; all (B, *event)."""
    with torch.autocast(x.device.type, enabled=False):
        pull: Any = torch.func.vjp(lambda state: field(t, state), x)[1]
        product: Tensor = pull(z)[0]
    return product


def antisymmetric_product(field: FieldAt, t: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """K z for each row, with K = J - J^T; all (B, *event)."""
    return jacobian_product(field, t, x, z) - transposed_product(field, t, x, z)
