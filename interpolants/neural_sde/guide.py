"""What observations say of the noise that drives an equation, in closed form."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from interpolants.sampler.plan import Carry
from interpolants.utils.checks import check


class NoiseDistribution(NamedTuple):
    """The law of a step's M normals, which are standard without observations: mean + root z.

    Attributes:
        mean: (B, *event, M).
        root: broadcastable to (B, *event, M, M); None for one.
        spread: 1/2 (|root|^2 - M), broadcastable to (B, *event); None with no root.
        volume: log det root, likewise.
    """

    mean: Tensor
    root: Tensor | None = None
    spread: Tensor | None = None
    volume: Tensor | None = None


class Guide(abc.ABC):
    """Gives the normals of each step another law, and so the posterior of an equation.

    Attributes:
        times: of the observations, ascending.
    """

    times: Sequence[float]

    @abc.abstractmethod
    def tables(self, nodes: Tensor) -> Carry:
        """What all steps between nodes, float64, (N + 1,), need; each tensor (N, ...)."""

    @abc.abstractmethod
    def representation(self, tables: Carry, state: Tensor, kick: Tensor) -> NoiseDistribution:
        """The law of one step's normals.

        Args:
            tables: one step's part of each table, where and as precise as the state.
            state: X and the driver's states, (B, *event, 1 + S).
            kick: what a drift of 1 in dW over the step adds to the normals, (M,).
        """

    def check(self, nodes: Tensor) -> None:
        """Require that no step between these nodes, float64, passes over an observation."""
        within = [t for t in self.times if nodes[0] < t < nodes[-1]]
        missed = sorted({*within} - {*nodes.tolist()})
        fix = "let the grid land on them, with Grid.times(..., through=...)"
        check(not missed, f"{type(self).__name__}.times", "nodes of the grid", missed, fix)


def mask_patterns(mask: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """The different rows of a mask, (P, m), and which one each sample has; None for one alone.

    Their number is read on the host once in a solve, so that samples without gaps share a law.

    Args:
        mask: which observations exist, bool, (m,) or (B, m); None for all.
    """
    if mask is None or mask.dim() == 1:
        return None if mask is None else mask.unsqueeze(0), None
    rows, which = mask.unique(dim=0, return_inverse=True)  # type: ignore[no-untyped-call]
    return rows, which if len(rows) > 1 else None
