"""Means of kernels over pairs of rows, and the discrepancies that they make."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.metric.base import Estimate, row_variance
from interpolants.metric.pairwise import distances


class RowMeans(NamedTuple):
    """Means of a kernel over the rows of one sample and the rows of another, float64.

    Attributes:
        x: for each row of the first its mean over the second, (n,).
        y: for each row of the second its mean over the first, (m,).
    """

    x: Tensor
    y: Tensor


def row_means(
    kernel: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, chunk_size: int
) -> RowMeans:
    """Means of a kernel of the distance, over all pairs.

    The distances are computed in blocks of `chunk_size` by `chunk_size` and summed in float64. If
    `x is y`, only half of them are computed, by symmetry.

    Args:
        kernel: elementwise function of a block of distances.
        x: shape (n, D).
        y: shape (m, D).
        chunk_size: rows of a block.
    """
    first, second = (part.new_zeros(len(part), dtype=torch.float64) for part in (x, y))
    for i in range(0, len(x), chunk_size):
        for j in range(i if x is y else 0, len(y), chunk_size):
            rows, columns = slice(i, i + chunk_size), slice(j, j + chunk_size)
            block = kernel(distances(x[rows], y[columns])).double()
            first[rows] += block.sum(dim=1)
            if x is not y:
                second[columns] += block.sum(dim=0)
            elif j > i:
                first[columns] += block.sum(dim=0)
    if x is y:
        second = first
    return RowMeans(first / len(y), second / len(x))


def discrepancy(between: RowMeans, own: Tensor, other: Tensor, square: float) -> Estimate:
    """E k(X, X') + E k(Y, Y') - 2 E k(X, Y), with its spread.

    The row's shares in the value give the variance where the distributions differ, but near the
    floor, where they cancel, twice the variance of equal distributions, which is

        2 (1/n + 1/m)^2 E k0(Y, Y')^2,    k0(y, y') = k - E k(y, Y) - E k(Y, y') + E k(Y, Y').

    Once subtracted, it remains as the least variance (A. Gretton et al., JMLR 13, 2012, theorem 8
    and section 3).

    Args:
        between: means between x and y.
        own, other: means within x, (n,), and within y, (m,).
        square: mean of k^2 within y.
    """
    value = own.mean() + other.mean() - 2 * between.x.mean()
    shares = 2 * (own - between.x), 2 * (other - between.y)
    centred = square - 2 * float(other.square().mean()) + float(other.mean().square())
    equal = 2 * (1 / len(own) + 1 / len(other)) ** 2 * max(centred, 0.0)
    variance = row_variance(shares[0]) + row_variance(shares[1])
    return Estimate(float(value), math.sqrt(max(variance - equal, equal)))
