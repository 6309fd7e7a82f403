"""Antisymmetric share of a field's Jacobian."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.diagnostic.jacobian import FieldAt, jacobian_product, transposed_product
from interpolants.utils.checks import check, check_count


class Antisymmetry(NamedTuple):
    """Antisymmetric part of a Jacobian J, with K = J - J^T, over a batch of states.

    Attributes:
        share: |K / 2|^2 / |J|^2 of mean squared Frobenius norms, in [0, 1]: 0 for a gradient, 1
            for a rotation.
        share_error: its standard error, of states and probes.
        norm: root mean square of |K| over the states.
        norm_error: its standard error; 0 where K vanishes.
        jacobian_norm: root mean square of |J|.
    """

    share: float
    share_error: float
    norm: float
    norm_error: float
    jacobian_norm: float


def antisymmetry(
    field: FieldAt,
    t: Tensor,
    x: Tensor,
    *,
    num_probes: int = 4,
    generator: torch.Generator | None = None,
) -> Antisymmetry:
    """Estimate the antisymmetric share of the Jacobian by probes z of random signs.

    With a = J z and c = J^T z, E|a - c|^2 = |K|^2 and E(|a|^2 + |c|^2) / 2 = |J|^2. The share is
    the ratio of the two means over the batch: a mean of ratios would be biased. A rate of time
    times the score or noise has the score's share; adding a multiple of x changes |J| and not K,
    so that velocity and denoiser have other shares than the score.

    Args:
        field: the field.
        t: times, 0-d or (B,).
        x: states, (B, *event), B > 1.
        num_probes: probes for each state, > 0; each costs a forward and a reverse derivative.
        generator: draws the probes, on x's device.
    """
    check_count("antisymmetry.num_probes", num_probes)
    check(len(x) > 1, "antisymmetry.x", "two or more states", len(x))
    curl, total = (torch.zeros(len(x), dtype=torch.float64, device=x.device) for _ in range(2))
    for _ in range(num_probes):
        z = torch.empty_like(x).bernoulli_(0.5, generator=generator).mul_(2).sub_(1)
        a = jacobian_product(field, t, x, z).detach().double()
        c = transposed_product(field, t, x, z).detach().double()
        curl += (a - c).flatten(1).square().sum(1) / num_probes
        total += (a.square() + c.square()).flatten(1).sum(1) / (2 * num_probes)
    return _summary(curl, total)


def _summary(curl: Tensor, total: Tensor) -> Antisymmetry:
    """Ratio of means, with errors by linearisation, from |K|^2 and |J|^2 of each state, (B,)."""
    n, mean, scale = len(curl), float(curl.mean()), float(total.mean())
    share = mean / (4 * scale) if scale > 0 else 0.0
    spread = float((curl / 4 - share * total).std()) / n**0.5
    norm = mean**0.5
    norm_error = float(curl.std()) / n**0.5 / (2 * norm) if norm > 0 else 0.0
    return Antisymmetry(share, spread / scale if scale > 0 else 0.0, norm, norm_error, scale**0.5)
