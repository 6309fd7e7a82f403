"""Circulation of a field around closed curves, zero for a gradient."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.diagnostic.jacobian import FieldAt
from interpolants.utils.checks import check, check_positive, is_whole


class Circulation(NamedTuple):
    """Line integrals of a field around closed curves, each (B,).

    Attributes:
        value: the integral of f along the curve.
        relative: |value| over the size of what cancels in it: the integral of |f| along a circle,
            the sum of the absolute integrals along the sides of a triangle.
        floor: change of `value` with half of the points, in the units of `relative`. It bounds the
            error of quadrature; values of `relative` below it do not differ from zero.
    """

    value: Tensor
    relative: Tensor
    floor: Tensor


def circle_circulation(
    field: FieldAt,
    t: Tensor,
    centre: Tensor,
    first: Tensor,
    second: Tensor,
    *,
    radius: float,
    num_points: int = 32,
) -> Circulation:
    """Integrate along circles by the trapezoidal rule, which is spectrally accurate there.

    By Stokes' theorem a small circle gives pi r^2 second^T K first with K = J - J^T.

    Args:
        field: the field.
        t: time, 0-d.
        centre: centres, (B, *event).
        first, second: orthonormal vectors of the planes, (B, *event).
        radius: r > 0.
        num_points: evaluations for each circle, an even number >= 4.
    """
    _check_points("circle_circulation.num_points", num_points, 2)
    check_positive("circle_circulation.radius", radius)
    along, size = [], []
    for k in range(num_points):
        cos, sin = (f(2 * math.pi * k / num_points) for f in (math.cos, math.sin))
        f = field(t, centre + radius * (cos * first + sin * second)).flatten(1)
        along.append((f * (cos * second - sin * first).flatten(1)).sum(1))
        size.append(f.norm(dim=1))
    weight = 2 * math.pi * radius
    values, sizes = torch.stack(along), torch.stack(size).mean(0) * weight
    fine, coarse = values.mean(0) * weight, values[::2].mean(0) * weight
    return _relative(fine, coarse, sizes)


def triangle_circulation(
    field: FieldAt, t: Tensor, corners: Tensor, *, num_intervals: int = 32
) -> Circulation:
    """Integrate along the sides of triangles by Simpson's rule.

    The integral of a score along a side is a difference of log densities, so that `relative`
    says by how much the ratios of densities at three points contradict each other.

    Args:
        field: the field.
        t: time, 0-d.
        corners: three states of each triangle, (B, 3, *event).
        num_intervals: intervals of each side, a multiple of 4.
    """
    _check_points("triangle_circulation.num_intervals", num_intervals, 4)
    fine, coarse = [], []
    for k in range(3):
        start, end = corners[:, k], corners[:, (k + 1) % 3]
        along = (end - start).flatten(1)
        values = torch.stack(
            [
                (field(t, torch.lerp(start, end, i / num_intervals)).flatten(1) * along).sum(1)
                for i in range(num_intervals + 1)
            ]
        )
        fine.append(_simpson(values))
        coarse.append(_simpson(values[::2]))
    sides, rough = torch.stack(fine), torch.stack(coarse)
    return _relative(sides.sum(0), rough.sum(0), sides.abs().sum(0))


def _check_points(where: str, count: int, factor: int) -> None:
    fits = is_whole(count) and count >= 4 and count % factor == 0
    check(fits, where, f"a multiple of {factor} that is at least 4", count)


def _simpson(values: Tensor) -> Tensor:
    """Simpson's rule on [0, 1] for values at n + 1 equally spaced nodes, (n + 1, B)."""
    ends = values[0] + values[-1]
    inner = 4 * values[1::2].sum(0) + 2 * values[2:-1:2].sum(0)
    return (ends + inner) / (3 * (len(values) - 1))


def _relative(fine: Tensor, coarse: Tensor, size: Tensor) -> Circulation:
    scale = torch.where(size > 0, size, 1)
    return Circulation(fine, fine.abs() / scale, (fine - coarse).abs() / scale)
