"""The contract of spaces."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from interpolants.space.base import Space
from interpolants.testing.common import SHAPES, normal, require, require_close


def check_space(space: Space, rows: Tensor | None = None) -> None:
    """Chart and space are inverse to each other with the slope that is declared, no state leaves
    the space, and data outside it are refused.

    Args:
        space: the space; it is fitted on rows of several shapes.
        rows: float64 data inside the space, (N, *event), for a space that does not hold (0, 1).
    """
    for shape in SHAPES if rows is None else (tuple(rows.shape),):
        x = torch.sigmoid(normal(shape, 41)) if rows is None else rows
        space.fit(x)
        space.check(x)
        y = space.to_chart(x)
        require(y.isfinite().all(), "to_chart: not finite")
        require_close(space.from_chart(y), x, "from_chart(to_chart(x))")
        y = y + normal(shape, 42)
        space.check(space.from_chart(y))
        require_close(space.to_chart(space.from_chart(y)), y, "to_chart(from_chart(y))")
        require_close(space.log_slope(y), _log_slopes(space, y), "log_slope against autodiff")
        path = torch.stack([y, 2 * y])
        steps = torch.stack([space.from_chart(y), space.from_chart(2 * y)])
        require_close(space.from_chart(path), steps, "from_chart of several states at once")
    if space.euclidean:
        require(space.to_chart(x) is x and space.from_chart(x) is x, "euclidean: something done")
    else:
        _check_edges(space, y)


def _log_slopes(space: Space, y: Tensor) -> Tensor:
    """log |det d from_chart / dy| of each sample, by its Jacobian."""

    def moved(sample: Tensor) -> Tensor:
        return space.from_chart(sample.reshape(1, *y.shape[1:])).flatten()

    jacobian: Callable[[Tensor], Tensor] = torch.func.jacrev(moved)
    return torch.stack([torch.linalg.slogdet(jacobian(one.flatten())).logabsdet for one in y])


def _check_edges(space: Space, y: Tensor) -> None:
    """States of any size are inside, in float32 and float64; values that are no data are not."""
    for dtype in (torch.float32, torch.float64):
        for size in (20.0, 100.0, 1e3, 1e30, math.inf):
            for value in (-size, size):
                x = space.from_chart(torch.full_like(y, value, dtype=dtype))
                require(x.dtype == dtype, f"from_chart of {dtype}: {x.dtype}")
                require(x.isfinite().all(), f"from_chart({value}) in {dtype}: not finite")
                require(not _refused(space, x), f"from_chart({value}) in {dtype}: outside")
                back = space.to_chart(x).isfinite().all()
                require(back, f"to_chart(from_chart({value})) in {dtype}: not finite")
    for value in (math.nan, math.inf, -math.inf):
        x = space.from_chart(y).clone()
        x.view(-1)[1] = value
        count = f"1 of {x.numel()}"
        require(count in _refused(space, x), f"check: {value} not refused by its count, {count}")


def _refused(space: Space, x: Tensor) -> str:
    """The message of `check` for data; empty if it accepts them."""
    try:
        space.check(x)
    except ValueError as error:
        return str(error)
    return ""
