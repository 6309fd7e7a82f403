"""Time grids: the nodes of a solve."""

from __future__ import annotations

import abc
from collections.abc import Callable

import torch
from torch import Tensor

# Nodes this close to a requested time, as a fraction of the span, give way to it.
_CLOSE = 1e-6

LogSNR = Callable[[Tensor], Tensor]
"""log(beta / alpha) of a one-sided path at float64 times."""


class Grid(abc.ABC):
    """A rule that places the nodes of a solve."""

    @abc.abstractmethod
    def nodes(self, num_steps: int, span: tuple[float, float], log_snr: LogSNR | None) -> Tensor:
        """Increasing float64 nodes on the host, (num_steps + 1,), from end to end of the span.

        Args:
            num_steps: number of intervals.
            span: first and last time, ascending.
            log_snr: of the path, if it is one-sided.

        Raises:
            ValueError: if the grid does not fit the path or the number of steps.
        """

    def times(
        self,
        num_steps: int,
        span: tuple[float, float],
        *,
        backward: bool = False,
        through: Tensor | None = None,
        log_snr: LogSNR | None = None,
    ) -> Tensor:
        """Float64 nodes on the host, exactly on both ends and on every requested time.

        Args:
            num_steps: number of intervals; requested times that are no node add to it.
            span: first and last time, ascending.
            backward: whether to run from the last down to the first.
            through: times in the span that become nodes, in any order.
            log_snr: of the path, if it is one-sided.
        """
        start, end = span
        t = self.nodes(num_steps, span, log_snr)
        t[0], t[-1] = start, end
        if through is not None:
            wanted = through.to(torch.float64)
            # A node that differs from a requested time by rounding would leave a step of nothing.
            inner = t[1:-1]
            close = (inner[:, None] - wanted).abs() < _CLOSE * (end - start)
            t = torch.cat([t[:1], inner[~close.any(dim=1)], t[-1:], wanted])
        nodes: Tensor = torch.unique(t)  # type: ignore[no-untyped-call]
        return nodes.flip(0) if backward else nodes


class WarpedGrid(Grid):
    """A monotone warp of [0, 1]: nodes are warp(k / num_steps), spread over the span."""

    @abc.abstractmethod
    def warp(self, u: Tensor) -> Tensor:
        """An increasing map of [0, 1] onto itself."""

    def nodes(self, num_steps: int, span: tuple[float, float], log_snr: LogSNR | None) -> Tensor:
        start, end = span
        u = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
        return start + (end - start) * self.warp(u)
