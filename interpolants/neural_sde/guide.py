"""Guides: conditional distributions of the noise given observations, in closed form."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from interpolants.sampler.plan import Carry
from interpolants.utils.checks import check


class NoiseDistribution(NamedTuple):
    """Gaussian distribution of a step's M normals, mean + root z with z standard normal.

    Attributes:
        mean: (B, *event, M).
        root: broadcastable to (B, *event, M, M); None for the identity.
        spread: 1/2 (|root|^2 - M), broadcastable to (B, *event); None without a root.
        volume: log det root, likewise.
    """

    mean: Tensor
    root: Tensor | None = None
    spread: Tensor | None = None
    volume: Tensor | None = None


class Guide(abc.ABC):
    """Conditional distribution of each step's normals, which makes a prior the posterior.

    Attributes:
        times: times of the observations, ascending.
    """

    times: Sequence[float]

    @abc.abstractmethod
    def tables(self, nodes: Tensor) -> Carry:
        """Tables for all steps between nodes, float64, (N + 1,); each has shape (N, ...)."""

    @abc.abstractmethod
    def distribution(self, tables: Carry, state: Tensor, kick: Tensor) -> NoiseDistribution:
        """Distribution of one step's normals.

        Args:
            tables: one step's part of each table, of the state's device and dtype.
            state: X and the driver's states, (B, *event, 1 + S).
            kick: shift of the normals by a drift of 1 in dW over the step, (M,).
        """

    def check(self, nodes: Tensor) -> None:
        """Require the observation times to be among the nodes, float64, that span them."""
        within = [t for t in self.times if nodes[0] < t < nodes[-1]]
        missed = sorted({*within} - {*nodes.tolist()})
        fix = "let the grid land on them, with Grid.times(..., through=...)"
        check(not missed, f"{type(self).__name__}.times", "nodes of the grid", missed, fix)


def mask_patterns(mask: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Distinct rows of a mask, (P, m), and the index of each sample's row; None if all are equal.

    The number of rows is read on the host once in a solve, so that samples with equal masks share
    a distribution.

    Args:
        mask: True at existing observations, bool, (m,) or (B, m); None if all exist.
    """
    if mask is None or mask.dim() == 1:
        return None if mask is None else mask.unsqueeze(0), None
    rows, which = mask.unique(dim=0, return_inverse=True)  # type: ignore[no-untyped-call]
    return rows, which if len(rows) > 1 else None
