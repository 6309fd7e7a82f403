"""Precision and moments of data, for standardisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from interpolants.utils.checks import check

# Largest std of a constant coordinate, by the precision of its values.
_NOISE = {torch.float32: 1e-7, torch.float64: 1e-15}
_LARGEST = 1e150
# A coordinate may lose this fraction of its standard deviation to rounding.
_MOST_LOST = 1e-3


def from_numpy(part: Any) -> Any:
    """A tensor in place of a NumPy array; other values as they are."""
    return torch.from_numpy(part) if isinstance(part, np.ndarray) else part


def as_precise(x: Tensor) -> Tensor:
    """Rows in float32, or in float64 where float32 cannot distinguish them.

    Time stamps such as 1.7e9 + k have few values in float32: there the rounding of some coordinate
    exceeds 1e-3 of its standard deviation over the rows. Values too large for float32 are kept
    in float64 too.

    Args:
        x: shape (N, *event), N > 0, of any real dtype.
    """
    rows = x.float()
    if x.dtype != torch.float64 or bool(_keeps(x, rows).all()):
        return rows
    return x


def check_precise(where: str, x: Tensor) -> Tensor:
    """Rows in float32, required to stay distinct there.

    Raises:
        ValueError: with the first column whose rounding exceeds 1e-3 of its standard deviation.
    """
    rows = x.float()
    kept = _keeps(x, rows).flatten()
    first = int(kept.logical_not().to(torch.uint8).argmax())
    rule = "columns that float32 can hold to 1e-3 of their standard deviation"
    fix = "subtract a constant from it, or divide it by one"
    check(bool(kept.all()), where, rule, f"column {first}, counted from 0", fix)
    return rows


def _keeps(x: Tensor, rounded: Tensor) -> Tensor:
    """True for coordinates of rows that rounding leaves apart, of the event's shape."""
    wide = x.double()
    lost, std = (rounded.double() - wide).abs().amax(dim=0), wide.std(dim=0, correction=0)
    is_constant = std <= _NOISE[torch.float64] * wide.abs().amax(dim=0)
    return lost.isfinite() & (is_constant | (lost <= _MOST_LOST * std))


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each coordinate over the rows.

    Args:
        x: shape (N, *event).

    Returns:
        shift, scale: each of shape `event`, in float32, or in float64 if x is; the scale of a
        constant coordinate is 1, so that (x - shift) / scale is zero there.
    """
    wide = x.double()
    shift, std = wide.mean(dim=0), wide.std(dim=0, correction=0)
    # A constant column may have a standard deviation of the order of its rounding error.
    dtype = torch.promote_types(x.dtype, torch.float32)
    is_constant = std <= _NOISE[dtype] * wide.abs().amax(dim=0)
    scale = torch.where(is_constant, torch.ones_like(std), std)
    return shift.to(dtype), scale.to(dtype)


def check_finite_rows(where: str, x: Tensor, places: Tensor | None = None) -> None:
    """Require rows without NaN and infinite values, nor any whose square is infinite.

    Args:
        where: `Class.argument` of the rows, for error messages.
        x: shape (N, *event).
        places: number of each row in its file, (N,); 0, 1, ... if None.

    Raises:
        ValueError: with the number of such values and the first row that has one.
    """
    # In float32 the limit itself is infinite.
    bad = ~(x.isfinite() & (x.abs() <= _LARGEST)).flatten(1)
    count = int(bad.sum())
    first = int(bad.any(dim=1).to(torch.uint8).argmax()) if count else 0
    place = first if places is None or not count else int(places[first])
    beyond = f", nor any beyond {_LARGEST:g}" if count and bool(x.isfinite().all()) else ""
    check(
        count == 0,
        where,
        f"no NaN and no infinite values{beyond} (the first is in row {place}, counted from 0)",
        count,
        "drop or fill these rows",
    )
