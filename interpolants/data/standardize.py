"""Moments of data, for standardisation."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.utils.checks import check


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each coordinate over the rows.

    Args:
        x: shape (N, *event).

    Returns:
        shift, scale: each of shape `event`, in float32; the scale of a constant coordinate is 1,
        so that (x - shift) / scale is zero there.
    """
    wide = x.double()
    shift, std = wide.mean(dim=0), wide.std(dim=0, correction=0)
    # A constant column may have a standard deviation of the order of its rounding error.
    is_constant = std <= 1e-7 * wide.abs().amax(dim=0)
    scale = torch.where(is_constant, torch.ones_like(std), std)
    return shift.float(), scale.float()


def check_finite_rows(where: str, x: Tensor) -> None:
    """Require rows without NaN and infinite values.

    Args:
        where: `Class.argument` of the rows, for error messages.
        x: shape (N, *event).

    Raises:
        ValueError: with the number of such values and the first row that has one.
    """
    bad = ~torch.isfinite(x).flatten(1)
    count = int(bad.sum())
    first = int(bad.any(dim=1).to(torch.uint8).argmax()) if count else 0
    check(
        count == 0,
        where,
        f"no NaN and no infinite values (the first is in row {first}, counted from 0)",
        count,
        "drop or fill these rows",
    )
