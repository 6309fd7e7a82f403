"""Functions of projections, whose gradients span those that a gradient error is sought in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor

from interpolants.utils.checks import check, check_count


class Slopes(NamedTuple):
    """First and second derivatives g'(w . x), g''(w . x) of each feature, (B, m)."""

    first: Tensor
    second: Tensor


@final
@dataclass(frozen=True)
class RidgeFeatures:
    """Features psi_j(x) = g_j(w_j . (x - m)) of projections of the states.

    In q principal directions e_i of the states, each divided by its standard deviation, these are
    linear functions, squares along e_i and e_i + e_k, and cosines and sines of random directions
    (A. Rahimi and B. Recht, NeurIPS 2007). The gradients g_j' w_j and the Laplacians g_j'' |w_j|^2
    are numbers times known vectors, so that memory is O(B m + m D), for images too.

    Attributes:
        directions: w_j, (m, D), float64: linear, then quadratic, cosines, sines.
        centre: m, (D,).
        counts: numbers of linear and of quadratic features, and of cosines.
    """

    directions: Tensor
    centre: Tensor
    counts: tuple[int, int, int]

    def slopes(self, x: Tensor) -> Slopes:
        """Derivatives of the features at states, (B, *event)."""
        y = (x.flatten(1).to(self.directions) - self.centre) @ self.directions.T
        sizes = [*self.counts, self.counts[2]]
        linear, square, cos, sin = torch.split(y, sizes, dim=1)
        first = [torch.ones_like(linear), 2 * square, -cos.sin(), sin.cos()]
        second = [torch.zeros_like(linear), 2 * torch.ones_like(square), -cos.cos(), -sin.sin()]
        return Slopes(torch.cat(first, dim=1), torch.cat(second, dim=1))


def ridge_features(
    x: Tensor,
    *,
    max_directions: int = 8,
    num_waves: int = 16,
    generator: torch.Generator | None = None,
) -> RidgeFeatures:
    """Fit features to states: mean, principal directions and scales.

    Args:
        x: states at one time, (B, *event).
        max_directions: largest number q > 0 of principal directions; all of them in a lower
            dimension. There are q (q + 3) / 2 polynomials.
        num_waves: number > 0 of cosines, and of sines; their wavelengths are between about 1 and
            10 standard deviations.
        generator: draws the waves, on x's device.
    """
    check_count("ridge_features.max_directions", max_directions)
    check_count("ridge_features.num_waves", num_waves)
    check(len(x) > 2, "ridge_features.x", "more than two states", len(x))
    rows = x.flatten(1).double()
    centre = rows.mean(0)
    q = min(max_directions, rows.shape[1], len(rows) - 1)
    axes, std = _principal(rows - centre, q, generator)
    whitened = axes / std[:, None]
    pairs = torch.combinations(torch.arange(q, device=x.device))
    squares = [whitened, (whitened[pairs[:, 0]] + whitened[pairs[:, 1]]) / math.sqrt(2)]
    waves = rows.new_empty(num_waves, q).normal_(generator=generator)
    scale = rows.new_empty(num_waves, 1).uniform_(generator=generator)
    # Frequencies of a standardised coordinate, evenly on a logarithmic scale in (0.5, 2.5).
    unit = waves / math.sqrt(q) * (0.5 * 5**scale)
    parts = [axes / std[:, None], *squares, unit @ whitened, unit @ whitened]
    counts = q, q + len(pairs), num_waves
    return RidgeFeatures(torch.cat(parts), centre, counts)


def _principal(rows: Tensor, q: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Principal directions (q, D) and standard deviations (q,) of centred rows."""
    if rows.shape[1] <= 64:
        axes = torch.linalg.eigh(rows.T @ rows).eigenvectors[:, -q:].T
    else:  # subspace iteration: the directions need not be exact
        shape = rows.shape[1], q
        basis = torch.empty(shape, dtype=rows.dtype, device=rows.device)
        basis.normal_(generator=generator)
        for _ in range(4):
            basis = torch.linalg.qr(rows.T @ (rows @ basis)).Q
        axes = basis.T
    std = (rows @ axes.T).std(0)
    floor = std.max().clamp(min=torch.finfo(std.dtype).tiny) * 1e-6
    return axes, std.clamp(min=float(floor))
